#!/usr/bin/env bash
# GGUF files, small ones of every architecture and a real one, as transformers reads them and as we convert them: the same tensors, tokens
# and logits. The Python packages are those of peft.sh, and gguf-requirements.txt without what they ask for; $1 is a scratch folder.
set -euo pipefail
packages=$(bash .ci/python.sh .ci/peft-requirements.txt --no-warn-conflicts)
more=$(bash .ci/python.sh .ci/gguf-requirements.txt --no-deps)
export PYTHONPATH=$packages:$more PYTHONDONTWRITEBYTECODE=1 HF_HUB_OFFLINE=1 TQDM_DISABLE=1

python3 fixtures/reference/blocks.py --check
python3 tests/exchange/ggufFiles.py write "$1"
node --import tsx tests/exchange/ggufFiles.ts "$1"
python3 tests/exchange/ggufFiles.py check "$1"
