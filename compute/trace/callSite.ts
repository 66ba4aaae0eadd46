import { fileURLToPath } from 'node:url';

/** compute/ itself, which stands between the model's code and every operation that is recorded. */
const ownFolder = fileURLToPath(new URL('..', import.meta.url));

/** The line of the model code that is being traced, as `file:line:column`, for error messages. */
export function callSite(): string {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 100;
  const frames = (new Error().stack ?? '').split('\n');
  Error.stackTraceLimit = limit;
  return frames.map(location).find((place) => place !== undefined && isModelCode(place)) ?? 'an unknown line';
}

/** Where a line of a stack trace lies: `    at f (file:///a/b.ts:1:2)`. Node's own frames have no such place. */
function location(frame: string): string | undefined {
  const place = frame.match(/(?:\(|at (?:async )?)((?:file:\/\/|\/|[A-Za-z]:[\\/]).*:\d+:\d+)\)?$/)?.[1];
  return place?.startsWith('file://') ? fileURLToPath(place) : place;
}

/** TensorFlow.js's files, by the names that they have on disk and in its source maps, and what runs its async functions. */
const tensorflow = /[\\/]node_modules[\\/](@tensorflow|tslib)[\\/]|[\\/]tfjs-[\w-]+[\\/]src[\\/]/;

function isModelCode(place: string): boolean {
  return !place.startsWith(ownFolder) && !tensorflow.test(place);
}
