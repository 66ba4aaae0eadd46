#!/usr/bin/env bash
# Adapters to and from PEFT itself, of every method that it knows and with all that a file of PEFT's may hold, on tiny
# checkpoints: both sides must compute the same logits, and every field of PEFT's configurations must be known here. The Python packages of peft-requirements.txt are kept in .cache, under the hash of that file; $1 is a scratch folder.
set -euo pipefail
packages=$(bash .ci/python.sh .ci/peft-requirements.txt --no-warn-conflicts)

mkdir -p "$1/ours" "$1/theirs"
node --import tsx tests/exchange/peft.ts write "$1/ours"
# No model or data set is to be fetched: all that is needed lies here.
PYTHONPATH=$packages PYTHONDONTWRITEBYTECODE=1 HF_HUB_OFFLINE=1 python3 tests/exchange/peer.py "$1/ours" "$1/theirs"
node --import tsx tests/exchange/peft.ts read "$1/theirs"

# How PEFT and we read adapters in all the ways that people save them, and what we save and merge of them.
others() {
  PYTHONPATH=$packages PYTHONDONTWRITEBYTECODE=1 HF_HUB_OFFLINE=1 python3 tests/exchange/foreignAdapters.py "$1" "$2"
}
mkdir -p "$1/others"
others write "$1/others"
node --import tsx tests/exchange/foreignAdapters.ts "$1/others"
others check "$1/others"
