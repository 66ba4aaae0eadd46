#!/usr/bin/env bash
# Tokens and labels of rows of every form against TRL's own preparation of data sets, over five kinds of tokenizer and the chat
# templates of many models. The Python packages of peft-requirements.txt are kept in .cache; $1 is a scratch folder.
set -euo pipefail
packages=$(bash .ci/python.sh .ci/peft-requirements.txt --no-warn-conflicts)

PYTHONPATH=$packages PYTHONDONTWRITEBYTECODE=1 HF_HUB_OFFLINE=1 python3 tests/exchange/text.py "$1" 2> "$1.log" || { tail -n 30 "$1.log"; exit 1; }
node --import tsx tests/exchange/text.ts "$1"
