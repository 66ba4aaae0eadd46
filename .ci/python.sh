#!/usr/bin/env bash
# Installs the Python packages of the requirements file $1 into .cache, under the hash of that file, unless they are there,
# and prints the folder; what follows $1 is for pip.
set -euo pipefail
requirements=$1
packages=.cache/python/$(sha256sum "$requirements" | cut -c 1-16)

bash .ci/debian.sh 'python3 -m pip --version' python3 python3-pip
if ! [[ -d $packages ]]; then
  rm -rf "$packages.part"
  python3 -m pip install --quiet --root-user-action=ignore --target "$packages.part" "${@:2}" -r "$requirements" >&2
  mv "$packages.part" "$packages"
fi
echo "$packages"
