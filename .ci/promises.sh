#!/usr/bin/env bash
# What the repository promises of its files: small fixtures, and no trace of the machine that they were made on.
set -euo pipefail
status=0
fault() {
  echo "$*" >&2
  status=1
}

megabytes=$(($(git ls-files -z fixtures | xargs -0 cat | wc -c) / 1000000))
echo "fixtures: $megabytes MB"
((megabytes < 20)) || fault 'fixtures are 20 MB or more'

# Paths of a machine: a slash, a usual top folder, a slash. `git grep` fails where it finds nothing.
if git grep -nIE '(^|[^[:alnum:]_.~-])/(work|root|home|Users|tmp|mnt|opt)/' -- . ':!package-lock.json'; then
  fault 'a tracked file names a path of one machine'
fi

# Hosts of package registries: the one set up here, and what their names look like.
host=$(npm config get registry | sed -E 's#^[a-z]+://([^/:]+).*#\1#')
if git grep -nIiF "$host" || git grep -nIE '(registry|index|mirror)\.[a-z]+\.(org|com|io)'; then
  fault 'a tracked file names a package registry'
fi

exit "$status"
