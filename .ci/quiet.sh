#!/usr/bin/env bash
# What every command says to anybody and what it writes, by strace: see tests/exchange/quiet.ts.
set -euo pipefail
bash .ci/debian.sh 'command -v strace' strace
node --import tsx tests/exchange/quiet.ts
