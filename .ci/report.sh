#!/usr/bin/env bash
# A study in small (the folder $1) and its report in headless Chromium: every figure must be drawn and the console silent, nothing on
# the page may keep anybody from reading it (axe-core), text of its pictures must have its size. Leaves report.html and pictures in .cache/ci.
set -euo pipefail
study=$1
bash .ci/debian.sh 'command -v chromium' chromium fonts-dejavu-core

node cli/lambdamax.mjs study --study "$study" --limit 32 --batch-size 4 --steps 6 --methods lora,pissa \
  --lr 1e-3,4e-3,16e-3 --max-new-tokens 32 --no-extend --refine 0 \
  --curvature-tokens 100 --tolerance 0.2 --warmup 2 --threads 1 --quiet
pictures=.cache/ci
mkdir -p "$pictures"
cp "$study/report.html" "$pictures/report.html"

# browse PAGE WIDTH OPTIONS...
browse() {
  timeout 120 chromium --headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --hide-scrollbars \
    --window-size="$2,3200" --user-data-dir="$study/browser" --virtual-time-budget=20000 --enable-logging=stderr "${@:3}" "file://$1"
}
page=$PWD/$pictures/report.html
dark=--blink-settings=preferredColorScheme=0
count() { grep -o "$1" "$study/page.html" | wc -l; }

browse "$page" 1400 --dump-dom > "$study/page.html" 2> "$study/log"
if grep ':CONSOLE' "$study/log"; then
  echo 'the report wrote to the console of the browser' >&2
  exit 1
fi
figures=$(count '<figure class="figure')
drawn=$(count '<figure class="figure interactive"')
layers=$(count '<g class="scatterlayer mlayer"><g class="trace')
echo "$figures figures, $drawn interactive, $layers with marks, $(wc -c < "$page") bytes"
((figures == drawn && drawn <= layers && drawn >= 6))
(($(wc -c < "$page") < 1600000))

# Whoever cannot see well, or has no mouse, on a wide screen, a narrow one and a dark one.
node .ci/audited.mjs "$page" "$study/audited.html"
audit() { browse "$study/audited.html" "$@" --dump-dom 2> /dev/null | node .ci/audited.mjs --said; }
audit 1400
audit 500
audit 1400 "$dark"

# The same of the page that shows it as it runs.
node cli/lambdamax.mjs serve "$study" --port 0 --quiet > "$study/url" &
server=$!
trap 'kill "$server"' EXIT
for ((tries = 0; tries < 300; tries++)); do [[ -s $study/url ]] && break || sleep 0.1; done
node -e 'fetch(process.argv[1]).then((said) => said.text()).then(console.log)' \
  "$(< "$study/url")study?study=$(basename "$study")" > "$study/live.html"
node .ci/audited.mjs "$study/live.html" "$study/audited.html"
audit 1400
audit 500 "$dark"

browse "$page" 1400 --screenshot="$PWD/$pictures/report.png" 2> /dev/null
browse "$page" 1400 "$dark" --screenshot="$PWD/$pictures/dark.png" 2> /dev/null
browse "$page" 1400 --print-to-pdf="$PWD/$pictures/report.pdf" --no-pdf-header-footer 2> /dev/null
# An empty page of this size is about 20 kB.
(($(wc -c < "$pictures/report.png") > 100000))

# For a paper's column: no text smaller than asked for, here 8 of 72 parts of an inch.
for format in svg pdf png csv; do
  node cli/lambdamax.mjs figure "$study" --name sweep-curve --width 3.3in --font-size 8 --out "$pictures/sweep-curve.$format" --quiet
done
node .ci/smallestText.mjs "$pictures/sweep-curve.svg" 8
echo "report.html and its pictures are in $pictures"
