import { scaleLinear } from 'd3-scale';
import type { LayoutAxis } from 'plotly.js';
import { formatPower } from '../figure.ts';
import { plainText } from './text.ts';

/** A mark on an axis. */
export interface Tick {
  readonly at: number;
  readonly label: string;
}

/** Where the values of an axis stand. */
export interface Scale {
  /** The place of a value; null for one that has none, as 0 on a logarithmic axis. */
  place(value: unknown): number | null;
  readonly ticks: readonly Tick[];
  /** Where the axis begins: as far as a bar reaches whose lower end has no place. */
  readonly start: number;
  /** How far apart categories stand; 0 on an axis of numbers. */
  readonly step: number;
}

/** What an axis is asked for: its ends in the scene's units, the first at its smallest value, and about how many ticks. */
interface Room {
  readonly from: number;
  readonly to: number;
  readonly ticks: number;
}

/** The scale of a plotly axis, which shows all `values` where it names no range. */
export function scaleOf(axis: Partial<LayoutAxis>, values: readonly unknown[], room: Room): Scale {
  const words = values.filter((value) => typeof value === 'string');
  if (axis.type === 'category' || words.length > 0) return categories([...new Set(words)], room);
  return axis.type === 'log' ? logarithmic(axis, values, room) : linear(axis, values, room);
}

function categories(names: readonly string[], { from, to }: Room): Scale {
  const step = (to - from) / Math.max(1, names.length);
  const at = (index: number): number => from + (index + 0.5) * step;
  return {
    place: (value) => {
      const index = names.indexOf(String(value));
      return index < 0 ? null : at(index);
    },
    ticks: names.map((name, index) => ({ at: at(index), label: plainText(name) })),
    start: from,
    step: Math.abs(step),
  };
}

function logarithmic(axis: Partial<LayoutAxis>, values: readonly unknown[], room: Room): Scale {
  const exponents = numbersIn(values).flatMap((value) => (value > 0 ? [Math.log10(value)] : []));
  const scale = scaleLinear(rangeOf(axis) ?? padded(exponents), [room.from, room.to]);
  const place = (value: unknown): number | null =>
    typeof value === 'number' && value > 0 && Number.isFinite(value) ? scale(Math.log10(value)) : null;
  return { place, ticks: ticksOf(axis, place) ?? [], start: room.from, step: 0 };
}

function linear(axis: Partial<LayoutAxis>, values: readonly unknown[], room: Room): Scale {
  const [low, high] = rangeOf(axis) ?? padded(numbersIn(values));
  const toZero = axis.rangemode === 'tozero' && rangeOf(axis) === undefined;
  const scale = scaleLinear([toZero ? Math.min(0, low) : low, toZero ? Math.max(0, high) : high], [room.from, room.to]);
  const place = (value: unknown): number | null =>
    typeof value === 'number' && Number.isFinite(value) ? scale(value) : null;
  const format = axis.tickformat ? scale.tickFormat(room.ticks, axis.tickformat) : undefined;
  const label = (value: number): string =>
    format?.(value) ?? (axis.exponentformat === 'power' && value !== 0 ? formatPower(value) : plainNumber(value));
  return {
    place,
    ticks: ticksOf(axis, place) ?? scale.ticks(room.ticks).map((value) => ({ at: scale(value), label: label(value) })),
    start: room.from,
    step: 0,
  };
}

/** The ticks that an axis names itself, as far as they are in sight. */
function ticksOf(axis: Partial<LayoutAxis>, place: (value: unknown) => number | null): Tick[] | undefined {
  const { tickvals, ticktext } = axis;
  return tickvals?.flatMap((value: unknown, index: number) => {
    const at = place(value);
    return at === null ? [] : [{ at, label: plainText(ticktext?.[index] ?? value) }];
  });
}

function rangeOf(axis: Partial<LayoutAxis>): [number, number] | undefined {
  const [low, high] = axis.range ?? [];
  return typeof low === 'number' && typeof high === 'number' ? [low, high] : undefined;
}

function padded(values: readonly number[]): [number, number] {
  if (values.length === 0) return [0, 1];
  const low = values.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY);
  const high = values.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
  const margin = 0.05 * (high - low) || 0.05 * Math.abs(high) || 1;
  return [low - margin, high + margin];
}

function numbersIn(values: readonly unknown[]): number[] {
  return values.filter((value): value is number => typeof value === 'number' && Number.isFinite(value));
}

function plainNumber(value: number): string {
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) return formatPower(value);
  return Number(value.toPrecision(6)).toLocaleString('en', { maximumFractionDigits: 6 });
}
