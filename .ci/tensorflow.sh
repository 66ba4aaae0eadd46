#!/usr/bin/env bash
# TensorFlow.js's native binding, built as a user would from the wheel that tensorflow-requirements.txt names, and every
# backend's tests on it. The wheel is kept in .cache, under the hash of that file; the unpacked library in the folder $1.
set -euo pipefail
export XDG_CACHE_HOME=$1
requirements=.ci/tensorflow-requirements.txt
wheels=.cache/wheels/$(sha256sum "$requirements" | cut -c 1-16)

bash .ci/debian.sh 'g++ --version && make --version && python3 -m pip --version' g++ make python3 python3-pip
if ! ls "$wheels"/*.whl > /dev/null 2>&1; then
  # The library inside does not depend on the version of Python.
  python3 -m pip download --quiet --no-deps --only-binary=:all: --python-version 3.12 --dest "$wheels.part" -r "$requirements"
  rm -rf "$wheels"
  mv "$wheels.part" "$wheels"
fi

# It is for these tests alone: without its library, which goes with $1, it would be broken.
package=node_modules/@tensorflow/tfjs-node-gpu
trap 'rm -rf "$package/deps" "$package/lib" "$package/build-tmp-napi-v8"' EXIT
node cli/lambdamax.mjs setup tensorflow --wheel "$wheels"
node cli/lambdamax.mjs doctor --json | tee "$1/doctor.json"
node --input-type=module - "$1/doctor.json" <<'JS'
import { readFileSync } from 'node:fs';
const { backends } = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const idle = backends.filter(({ works }) => !works).map(({ name }) => name);
if (backends.length !== 3 || idle.length > 0) throw new Error(`these backends do not work: ${idle}`);
JS
node --import tsx tests/runner/run.ts '(backend|doctor)'
