/** Frames that are not the model's: TensorFlow.js, this tracer, the differentiation on top of it, Node itself. */
const ours =
  /node_modules[\\/]@tensorflow[\\/]|tfjs-core[\\/]src|compute[\\/](trace|differentiate)[\\/]|\(node:|at node:|<anonymous>/;

/** The line of the model code that is being traced, as `file:line:column`, for error messages. */
export function callSite(): string {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 60;
  const frames = (new Error().stack ?? '').split('\n').slice(1);
  Error.stackTraceLimit = limit;
  const frame = frames.find((line) => !ours.test(line));
  return frame?.match(/\(?([^\s(]+:\d+:\d+)\)?$/)?.[1]?.replace(/^file:\/\//, '') ?? 'an unknown line';
}
