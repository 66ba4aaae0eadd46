#!/usr/bin/env bash
# What every command says to anybody and what it writes, by strace: see tests/exchange/quiet.ts.
set -euo pipefail
if ! command -v strace > /dev/null; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends strace > /dev/null
fi
node --import tsx tests/exchange/quiet.ts
