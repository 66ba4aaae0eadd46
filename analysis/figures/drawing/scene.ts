/** A rectangle, in the units of its scene. */
export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** A line or an area. */
export interface PathMark {
  readonly kind: 'path';
  /** The path in SVG's own words. */
  readonly d: string;
  readonly fill?: string;
  readonly stroke?: string;
  /** Width of the stroke; 1 if absent. */
  readonly width?: number;
  /** Lengths of dashes and gaps in turn; absent or empty: a solid stroke. */
  readonly dash?: readonly number[];
  readonly opacity?: number;
}

/** A line of text. */
export interface TextMark {
  readonly kind: 'text';
  readonly text: string;
  /** Where the baseline starts, has its middle or ends, as `anchor` says. */
  readonly x: number;
  readonly y: number;
  readonly anchor: 'start' | 'middle' | 'end';
  readonly size: number;
  readonly fill: string;
  readonly bold?: boolean;
  /** Turned about (x, y) by so many degrees, clockwise. */
  readonly angle?: number;
}

/** Marks of which only what lies in the box is seen. */
export interface ClippedMarks {
  readonly kind: 'clipped';
  readonly box: Box;
  readonly marks: readonly Mark[];
}

/** What a figure is made of, whoever paints it. */
export type Mark = PathMark | TextMark | ClippedMarks;

/** A figure laid out: marks in the order in which they are painted, y downwards. */
export interface Scene {
  readonly width: number;
  readonly height: number;
  readonly marks: readonly Mark[];
}

/** The path of a polygon or, where it is not closed, of a line through these points. */
export function pathThrough(points: readonly (readonly [x: number, y: number])[], closed = false): string {
  const words = points.map(([x, y], index) => `${index === 0 ? 'M' : 'L'}${short(x)} ${short(y)}`);
  return words.join('') + (closed && words.length > 0 ? 'Z' : '');
}

/** The path of a box. */
export function boxPath({ x, y, width, height }: Box): string {
  return `M${short(x)} ${short(y)}h${short(width)}v${short(height)}h${short(-width)}Z`;
}

/** A length to a hundredth, which no eye tells apart. */
export function short(value: number): string {
  return String(Math.round(100 * value) / 100);
}
