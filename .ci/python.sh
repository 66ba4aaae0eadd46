#!/usr/bin/env bash
# Installs the Python packages of the requirements file $1 into .cache, under the hash of that file, unless they are there,
# and prints the folder; what follows $1 is for pip.
set -euo pipefail
requirements=$1
packages=.cache/python/$(sha256sum "$requirements" | cut -c 1-16)

if ! python3 -m pip --version > /dev/null 2>&1; then
  apt-get update -qq >&2
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3 python3-pip > /dev/null
fi
if ! [[ -d $packages ]]; then
  rm -rf "$packages.part"
  python3 -m pip install --quiet --root-user-action=ignore --target "$packages.part" "${@:2}" -r "$requirements" >&2
  mv "$packages.part" "$packages"
fi
echo "$packages"
