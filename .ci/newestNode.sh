#!/usr/bin/env bash
# Node 24, where all else runs on the Node that is installed: the fast tests of the library, and those of some commands. Its program
# is in a package of npm that needs no script; kept in .cache under its version.
set -euo pipefail
version=24.22.3
package=node-$(node -p 'process.platform + "-" + process.arch')
folder=.cache/node/$version

if ! [[ -d $folder ]]; then
  rm -rf "$folder.part"
  npm install --prefix "$folder.part" --no-save --no-package-lock --ignore-scripts "$package@$version"
  mv "$folder.part" "$folder"
fi
export PATH=$PWD/$folder/node_modules/$package/bin:$PATH
test "$(node --version)" = "v$version"

# A run that closes without totals has failed, whatever its exit code.
node --import tsx tests/runner/run.ts --tier fast | tee "$1"
node --import tsx tests/runner/run.ts 'cli/(badInput|evaluate|options|predict)' | tee "$1.commands"
grep -q 'Total: ' "$1" && grep -q 'Total: ' "$1.commands"
