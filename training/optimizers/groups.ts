import { sizeOf, type TensorSpec } from '../../compute/tensors.ts';
import { ArgumentError, LambdamaxError } from '../../errors.ts';
import { checkArgument } from './optimizer.ts';

/** Tensors that take other settings than the rest. */
export interface OptimizerGroup {
  /** A regular expression that finds them by name, such as `lora_B` or `layers\.0\..*lora_A`. */
  readonly tensors: string;
  /** Their learning rate as a multiple of the schedule's, at least 0; 1. */
  readonly rateFactor?: number;
  /** Their weight decay, at least 0; the optimizer's own if not given. */
  readonly weightDecay?: number;
}

/** A stretch of the flattened parameters on which all settings are the same. */
export interface Segment {
  readonly start: number;
  /** One past the last. */
  readonly end: number;
  readonly rateFactor: number;
  readonly weightDecay: number;
}

/** A tensor, its place among the flattened parameters, and its settings. */
export interface PlacedTensor extends TensorSpec, Segment {}

/** What all optimizers know about groups. */
export interface GroupOptions {
  /** Weight decay of tensors in no group that says otherwise; at least 0; default 0. */
  readonly weightDecay?: number;
  /** Each setting comes from the first group that finds the tensor and has one. */
  readonly groups?: readonly OptimizerGroup[];
}

/** The weight decay of every optimizer where none is given. */
export const groupDefaults = { weightDecay: 0 } as const;

/**
 * Every tensor with its place and its settings.
 *
 * @throws ArgumentError that names the field for a number out of range; LambdamaxError for a group that finds no tensor.
 */
export function placedTensors(
  specs: readonly TensorSpec[],
  { weightDecay = groupDefaults.weightDecay, groups = [] }: GroupOptions,
): PlacedTensor[] {
  checkArgument('weightDecay', weightDecay, 'a number of at least 0', isUsable);
  const finders = groups.map((group) => ({ ...group, pattern: patternOf(group) }));
  for (const { tensors, pattern, rateFactor = 1, weightDecay: decay = 0 } of finders) {
    for (const value of [rateFactor, decay])
      checkArgument(`parameter group ${tensors}`, value, 'numbers of at least 0', isUsable);
    if (specs.some(({ name }) => pattern.test(name))) continue;
    throw new LambdamaxError({
      subject: `parameter group ${tensors}`,
      expected: `a part of the name of a trainable tensor, such as ${specs[0]?.name}`,
      got: 'none that it matches',
    });
  }
  let end = 0;
  return specs.map((spec) => {
    const own = finders.filter(({ pattern }) => pattern.test(spec.name));
    const rateFactor = own.find((group) => group.rateFactor !== undefined)?.rateFactor ?? 1;
    const decay = own.find((group) => group.weightDecay !== undefined)?.weightDecay ?? weightDecay;
    const start = end;
    end += sizeOf(spec.shape);
    return { ...spec, start, end, rateFactor, weightDecay: decay };
  });
}

/** The flattened parameters cut where settings change: one segment if there are no groups. Throws as `placedTensors`. */
export function segmentsOf(specs: readonly TensorSpec[], options: GroupOptions): Segment[] {
  const segments: Segment[] = [];
  for (const { start, end, rateFactor, weightDecay } of placedTensors(specs, options)) {
    const last = segments.at(-1);
    const goesOn = last?.rateFactor === rateFactor && last.weightDecay === weightDecay;
    if (goesOn) segments.pop();
    segments.push({ start: goesOn ? last.start : start, end, rateFactor, weightDecay });
  }
  return segments;
}

/** One value for each parameter [size], the same throughout a segment. */
export function spread(segments: readonly Segment[], value: (segment: Segment) => number): Float64Array {
  const values = new Float64Array(segments.at(-1)?.end ?? 0);
  for (const segment of segments) values.fill(value(segment), segment.start, segment.end);
  return values;
}

function patternOf({ tensors }: OptimizerGroup): RegExp {
  try {
    return new RegExp(tensors);
  } catch (cause) {
    const subject = `parameter group ${tensors}`;
    throw new ArgumentError({ subject, expected: 'a regular expression', got: (cause as Error).message, cause });
  }
}

function isUsable(value: number): boolean {
  return value >= 0 && value < Infinity;
}
