#!/usr/bin/env bash
# Our metrics against lm-evaluation-harness, NLTK and langdetect, on seeded answers: no verdict may differ. The Python packages
# of metrics-requirements.txt are kept in .cache, under the hash of that file; $1 is a scratch folder.
set -euo pipefail
# The harness asks for PyTorch and more, which its metrics do without: the list is complete.
packages=$(bash .ci/python.sh .ci/metrics-requirements.txt --no-deps)

mkdir -p "$1"
PYTHONPATH=$packages PYTHONDONTWRITEBYTECODE=1 python3 tests/exchange/metrics.py "$1"
node --import tsx tests/exchange/metrics.ts "$1"
