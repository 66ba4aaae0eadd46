#!/usr/bin/env bash
# The page of `lambdamax serve` in headless Chromium, through a study one of whose workers is killed: see tests/exchange/livePage.ts.
set -euo pipefail
bash .ci/debian.sh 'command -v chromium' chromium fonts-dejavu-core
timeout 300 node --import tsx tests/exchange/livePage.ts
