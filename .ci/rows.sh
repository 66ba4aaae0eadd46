#!/usr/bin/env bash
# Data files as datasets and pandas write them, and packed rows as TRL and transformers do, read as they read them. $1 is a scratch
# folder.
set -euo pipefail
packages=$(bash .ci/python.sh .ci/peft-requirements.txt --no-warn-conflicts)

mkdir -p "$1"
PYTHONPATH=$packages PYTHONDONTWRITEBYTECODE=1 HF_HUB_OFFLINE=1 HF_HOME=$1/cache python3 tests/exchange/rows.py "$1"
node --import tsx tests/exchange/rows.ts "$1"
