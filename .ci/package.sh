#!/usr/bin/env bash
# The package as users get it: built, packed, installed in an empty project (the folder $1), where the README's example and
# the notebooks must typecheck against the installed types, and the example and the command must run from compiled code.
set -euo pipefail
repository=$PWD
project=$1
mkdir -p "$project"

npm run build
npm pack --silent --pack-destination "$project"
cd "$project"
printf '{ "private": true, "type": "module" }\n' > package.json
npm install --ignore-scripts --no-audit --no-fund ./lambdamax-*.tgz

# The one TypeScript example of the README, word for word; and of the pages those that begin with the name of their file.
sed -n '/^```ts$/,/^```$/p' "$repository/README.md" | sed '/^```/d' > example.ts
test -s example.ts
mkdir pages
for page in "$repository"/docs/*.md; do
  awk -v folder=pages '/^```/ { file = ""; block = ($0 == "```ts"); next }
    block && /^\/\/ [a-z-]+\.ts$/ { file = folder "/" $2; block = 0 }
    file != "" { print > file }' "$page"
done
test -s pages/my-variant.ts
test -s pages/my-task.ts
test -s pages/my-study.ts
cp "$repository"/notebooks/*.ts .
cat > tsconfig.json <<JSON
{
  "compilerOptions": {
    "target": "ES2022", "lib": ["ES2023", "ESNext.Disposable"], "module": "NodeNext", "outDir": "compiled",
    "strict": true, "noUncheckedIndexedAccess": true, "exactOptionalPropertyTypes": true,
    "typeRoots": ["$repository/node_modules/@types"], "types": ["node"], "skipLibCheck": true
  }
}
JSON
tsc=$repository/node_modules/.bin/tsc
"$tsc" -p .
# An import that a declaration file cannot find is silently `any` under skipLibCheck: others' files may err, ours not.
if "$tsc" -p . --noEmit --skipLibCheck false | grep 'node_modules/lambdamax/'; then
  echo 'declaration files of the package have errors' >&2
  exit 1
fi

test "$(npx lambdamax --version)" = "$(node -p "require('$repository/package.json').version")"
test ! -e node_modules/lambdamax/cli/index.ts
printf '%s\n' \
  '{"input_ids": [5, 6, 7, 8, 9, 10], "labels": [-100, -100, 7, 8, 9, 10]}' \
  '{"input_ids": [20, 21, 22], "labels": [-100, 21, 22]}' > tokens.jsonl
npx lambdamax evaluate --data tokens.jsonl --json > evaluated.json
printf '{"word": "abc", "reversed": "cba"}\n' > words.jsonl
node --input-type=module <<'JS'
import { readFileSync } from 'node:fs';
const { loss, tokens } = JSON.parse(readFileSync('evaluated.json', 'utf8'));
if (!(tokens === 6 && loss > 0)) throw new Error(`6 scored tokens and a loss were expected, got ${tokens} and ${loss}`);
JS

npx lambdamax study --study study --methods lora --lr 1e-3,4e-3 --steps 2 --batch-size 4 --limit 8 --max-new-tokens 8 --no-extend \
  --refine 0 --curvature-tokens 50 --tolerance 0.2 --warmup 1 --threads 1 --quiet > /dev/null
grep -q 'id="sweep-curve"' study/report.html

# The user's own variant, a TypeScript file, under compiled code: its `lambdamax/training` is the package that runs, so that its form is
# LoRA's own and PEFT's type is LORA. Worker processes take it too.
npx lambdamax evaluate --data tokens.jsonl --method ./pages/my-variant.ts --rank 1 --json > variant.json
npx lambdamax finetune --data tokens.jsonl --method ./pages/my-variant.ts --rank 1 --steps 2 --batch-size 2 --lr 1e-3 --out variant --quiet
node --input-type=module <<'JS'
import { readFileSync } from 'node:fs';
const [{ loss: base }, { loss }, { peft_type }] = ['evaluated.json', 'variant.json', 'variant/adapter/adapter_config.json'].map((file) =>
  JSON.parse(readFileSync(file, 'utf8')),
);
if (!(Math.abs(loss - base) < 1e-4)) throw new Error(`the base's loss ${base} was expected of the variant, got ${loss}`);
if (peft_type !== 'LORA') throw new Error(`the package's own form was expected, got ${peft_type}`);
JS
npx lambdamax study --study own-study --methods lora,./pages/my-variant.ts --rank 1 --seeds 1 --lr 1e-3,4e-3 --steps 2 --batch-size 4 --limit 8 \
  --max-new-tokens 8 --no-extend --refine 0 --curvature-tokens 50 --tolerance 0.2 --warmup 1 --threads 1 --workers 2 --quiet > /dev/null
test "$(grep -c my-variant own-study/results.csv)" = 2
npx lambdamax evaluate --task ./pages/my-task.ts --data words.jsonl --limit 1 --quiet > /dev/null

# Worker processes run compiled code too, to the same bits.
for workers in 1 2; do
  npx lambdamax spectrum --data tokens.jsonl --batch-size 1 --method lora --rank 1 --target-modules q_proj --threads 1 \
    --workers "$workers" --json --quiet > "spectrum-$workers.json"
done
node --input-type=module <<'JS'
import { readFileSync } from 'node:fs';
const [one, two] = [1, 2].map((workers) => JSON.parse(readFileSync(`spectrum-${workers}.json`, 'utf8')).lambdaMax);
if (!(one.value > 0 && JSON.stringify(one) === JSON.stringify(two)))
  throw new Error(`one lambda_max was expected, got ${JSON.stringify([one, two])}`);
JS

# What the example names: a checkpoint and a data file.
cp -r node_modules/lambdamax/fixtures/base my-model
head -n 16 node_modules/lambdamax/fixtures/tasks/math-train.jsonl > train.jsonl
node compiled/example.js
node compiled/hessian-of-your-own-loss.js
node compiled/pages/my-study.js | tee study.txt
grep -q '^[1-9][0-9]* runs made in runs/my-study$' study.txt
