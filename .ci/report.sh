#!/usr/bin/env bash
# A study in small (the folder $1) and its report in headless Chromium: every figure must be drawn and the console silent.
# Leaves report.html and report.png in .cache/ci.
set -euo pipefail
study=$1
bash .ci/debian.sh 'command -v chromium' chromium fonts-dejavu-core

node cli/lambdamax.mjs study --study "$study" --limit 32 --batch-size 4 --steps 6 --methods lora,pissa \
  --lr 1e-3,4e-3,16e-3 --max-new-tokens 32 --no-extend --refine 0 \
  --curvature-tokens 100 --tolerance 0.2 --warmup 2 --threads 1 --quiet
mkdir -p .cache/ci
cp "$study/report.html" .cache/ci/report.html

browse() {
  timeout 120 chromium --headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --hide-scrollbars \
    --window-size=1000,3200 --user-data-dir="$study/browser" --virtual-time-budget=10000 --enable-logging=stderr "$@" \
    "file://$PWD/.cache/ci/report.html"
}
count() { grep -o "$1" "$study/page.html" | wc -l; }

browse --dump-dom > "$study/page.html" 2> "$study/log"
if grep ':CONSOLE' "$study/log"; then
  echo 'the report wrote to the console of the browser' >&2
  exit 1
fi
figures=$(count '<figure class="figure')
drawn=$(count '<figure class="figure interactive"')
layers=$(count '<g class="scatterlayer mlayer"><g class="trace')
echo "$figures figures, $drawn drawn, $layers with marks"
((figures == 4 && drawn == 4 && layers == 4))

browse --screenshot="$PWD/.cache/ci/report.png" 2> /dev/null
# An empty page of this size is about 20 kB.
(($(wc -c < .cache/ci/report.png) > 100000))
echo 'report.html and report.png are in .cache/ci'
