#!/usr/bin/env bash
# Our metrics against lm-evaluation-harness, NLTK and langdetect, on seeded answers: no verdict may differ. The Python packages
# of metrics-requirements.txt are kept in .cache, under the hash of that file; $1 is a scratch folder.
set -euo pipefail
requirements=.ci/metrics-requirements.txt
packages=.cache/python/$(sha256sum "$requirements" | cut -c 1-16)

if ! python3 -m pip --version > /dev/null 2>&1; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3 python3-pip > /dev/null
fi
if ! [[ -d $packages ]]; then
  rm -rf "$packages.part"
  # The harness asks for PyTorch and more, which its metrics do without: the list is complete.
  python3 -m pip install --quiet --no-deps --root-user-action=ignore --target "$packages.part" -r "$requirements"
  mv "$packages.part" "$packages"
fi

mkdir -p "$1"
PYTHONPATH=$packages PYTHONDONTWRITEBYTECODE=1 python3 tests/exchange/metrics.py "$1"
node --import tsx tests/exchange/metrics.ts "$1"
