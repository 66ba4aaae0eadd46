import { pathThrough } from './scene.ts';

type Point = readonly [x: number, y: number];

/** Corners on a circle, the first one straight up, every second at `inner` of the radius. */
function star(corners: number, inner = 1, turn = 0): Point[] {
  return Array.from({ length: corners }, (_, i) => {
    const angle = (2 * Math.PI * (i + turn)) / corners;
    const radius = i % 2 === 1 ? inner : 1;
    return [radius * Math.sin(angle), -radius * Math.cos(angle)];
  });
}

function scaled(points: readonly Point[], x: number, y = x): Point[] {
  return points.map(([a, b]) => [a * x, b * y]);
}

/** A plus sign with arms of width 0.8, turned by so many degrees. */
function plus(degrees: number): Point[] {
  const [long, arm] = [1.15, 0.4];
  const quarter: Point[] = [
    [arm, -arm],
    [arm, -long],
    [-arm, -long],
  ];
  const turned = ([x, y]: Point, angle: number): Point => [
    x * Math.cos(angle) - y * Math.sin(angle),
    x * Math.sin(angle) + y * Math.cos(angle),
  ];
  return [0, 3, 2, 1].flatMap((turns) =>
    quarter.map((point) => turned(point, (turns * Math.PI) / 2 + (degrees * Math.PI) / 180)),
  );
}

const square: readonly Point[] = [
  [-1, -1],
  [1, -1],
  [1, 1],
  [-1, 1],
];
const triangle: readonly Point[] = [
  [0, -1.15],
  [1.15, 0.85],
  [-1.15, 0.85],
];

/** Corners of the symbols of plotly that figures use, about the middle, of a marker of radius 1. */
const corners: Readonly<Record<string, readonly Point[]>> = {
  square,
  diamond: scaled(star(4), 1.3),
  'diamond-tall': scaled(star(4), 0.85, 1.5),
  'diamond-wide': scaled(star(4), 1.5, 0.85),
  cross: plus(0),
  x: plus(45),
  'triangle-up': triangle,
  'triangle-down': scaled(triangle, 1, -1),
  'triangle-left': triangle.map(([x, y]) => [y, x]),
  'triangle-right': triangle.map(([x, y]) => [-y, x]),
  pentagon: scaled(star(5), 1.1),
  hexagon: scaled(star(6), 1.1),
  octagon: scaled(star(8, 1, 0.5), 1.1),
  star: scaled(star(10, 0.4), 1.35),
  hexagram: scaled(star(12, 0.58), 1.3),
  'star-square': scaled(star(8, 0.5, 1), 1.35),
  'star-diamond': scaled(star(8, 0.42), 1.35),
  hourglass: [
    [-1, -1],
    [1, -1],
    [-1, 1],
    [1, 1],
  ],
  bowtie: [
    [-1, -1],
    [-1, 1],
    [1, -1],
    [1, 1],
  ],
};

/** A marker's outline about a point; one without an entry is a circle. `star-open` has the outline of `star`. */
export function symbolPath(symbol: string, x: number, y: number, size: number): string {
  const radius = size / 2;
  const points = corners[symbol.replace(/-open$/, '')];
  if (points === undefined) {
    const [left, r] = [Math.round(100 * (x - radius)) / 100, Math.round(100 * radius) / 100];
    const top = Math.round(100 * y) / 100;
    return `M${left} ${top}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0Z`;
  }
  return pathThrough(
    scaled(points, radius).map(([a, b]) => [x + a, y + b]),
    true,
  );
}

/** Whether a symbol is an outline without a filling. */
export function isOpen(symbol: string): boolean {
  return symbol.endsWith('-open');
}
