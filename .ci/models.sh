#!/usr/bin/env bash
# Config variants of every family, drawn at random, in transformers and here: the same loss, or a refusal by name; and every
# field of transformers' config classes must be known. Then the reference values, made again from their inputs. The Python
# packages are those of peft.sh; $1 is a scratch folder.
set -euo pipefail
packages=$(bash .ci/python.sh .ci/peft-requirements.txt --no-warn-conflicts)

mkdir -p "$1"
PYTHONPATH=$packages PYTHONDONTWRITEBYTECODE=1 HF_HUB_OFFLINE=1 python3 tests/exchange/models.py "$1"
node --import tsx tests/exchange/models.ts "$1"
PYTHONPATH=$packages PYTHONDONTWRITEBYTECODE=1 python3 fixtures/reference/generate.py --check
