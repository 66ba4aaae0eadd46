#!/usr/bin/env bash
# Installs Debian's packages $2... unless the commands that $1 tries are there. One at a time: steps may run side by side.
set -euo pipefail
if sh -c "$1" > /dev/null 2>&1; then exit; fi
mkdir -p .cache
exec 9> .cache/debian.lock
flock 9
apt-get update -qq >&2
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${@:2}" > /dev/null
