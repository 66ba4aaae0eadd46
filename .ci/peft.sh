#!/usr/bin/env bash
# Adapters to and from PEFT itself, of every method that it knows, on tiny checkpoints: both sides must compute the same
# logits. The Python packages of peft-requirements.txt are kept in .cache, under the hash of that file; $1 is a scratch folder.
set -euo pipefail
requirements=.ci/peft-requirements.txt
packages=.cache/python/$(sha256sum "$requirements" | cut -c 1-16)

if ! python3 -m pip --version > /dev/null 2>&1; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3 python3-pip > /dev/null
fi
if ! [[ -d $packages ]]; then
  rm -rf "$packages.part"
  python3 -m pip install --quiet --no-warn-conflicts --root-user-action=ignore --target "$packages.part" -r "$requirements"
  mv "$packages.part" "$packages"
fi

mkdir -p "$1/ours" "$1/theirs"
node --import tsx tests/exchange/peft.ts write "$1/ours"
# No model or data set is to be fetched: all that is needed lies here.
PYTHONPATH=$packages PYTHONDONTWRITEBYTECODE=1 HF_HUB_OFFLINE=1 python3 tests/exchange/peer.py "$1/ours" "$1/theirs"
node --import tsx tests/exchange/peft.ts read "$1/theirs"
