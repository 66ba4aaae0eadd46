import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

/** The JSON in a compressed file beside this one. `.ci/metrics-data.py` writes these files from their sources. */
export function readData<T>(name: string): T {
  return JSON.parse(gunzipSync(readFileSync(new URL(`./${name}.json.gz`, import.meta.url))).toString('utf8'));
}
