#!/usr/bin/env bash
# Node 24, where all else runs on the Node that is installed: the tests of what reads files and starts processes, and a sample
# of the numerical ones. Its program is in a package of npm that needs no script; kept in .cache under its version.
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

reading='training/(data|checkpoint|workers)/|training/(packed|finetune\.resume|sweep\.record)|analysis/sweepCsv'
commands='cli/(badInput|evaluate|options|predict|serve)|training/tasks/sandbox'
numbers='compute/(trace|program|hessianVector)|reference/(curvature|families)|generate/generate\.'
# A run that closes without totals has failed, whatever its exit code.
node --import tsx tests/runner/run.ts "$reading|$commands|$numbers" | tee "$1"
grep -q 'Total: ' "$1"
