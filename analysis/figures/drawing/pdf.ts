import PdfDocument from 'pdfkit';
import { fontFiles } from './fonts.ts';
import type { Mark, PathMark, Scene, TextMark } from './scene.ts';

/** A scene as a PDF of one page of its own size, `width` points wide, its font inside. */
export async function pdfOf(
  scene: Scene,
  { width, title }: { readonly width: number; readonly title: string },
): Promise<Uint8Array> {
  const scale = width / scene.width;
  const document = new PdfDocument({
    size: [width, scene.height * scale],
    margin: 0,
    // A fixed date, so that the same figure gives the same bytes.
    info: { Title: title, Creator: 'lambdamax', CreationDate: new Date(0) },
  });
  const { regular, bold } = fontFiles();
  document.registerFont('regular', regular).registerFont('bold', bold);
  const parts: Uint8Array[] = [];
  const whole = new Promise<void>((resolve, reject) => {
    document
      .on('data', (part: Uint8Array) => parts.push(part))
      .on('end', resolve)
      .on('error', reject);
  });
  document.scale(scale);
  for (const mark of scene.marks) paint(document, mark);
  document.end();
  await whole;
  return Buffer.concat(parts);
}

type PdfPage = InstanceType<typeof PdfDocument>;

function paint(page: PdfPage, mark: Mark): void {
  page.save();
  if (mark.kind === 'clipped') {
    page.rect(mark.box.x, mark.box.y, mark.box.width, mark.box.height).clip();
    for (const inner of mark.marks) paint(page, inner);
  } else if (mark.kind === 'text') write(page, mark);
  else trace(page, mark);
  page.restore();
}

function trace(page: PdfPage, { d, fill, stroke, width = 1, dash = [], opacity = 1 }: PathMark): void {
  if (d === '') return;
  const [color, share] = fill === undefined ? [undefined, 1] : colorOf(fill);
  page
    .path(d)
    .lineWidth(width)
    .fillOpacity(opacity * share)
    .strokeOpacity(opacity);
  // One length alone is a dash and a gap; of more PDF takes the list.
  if (dash.length > 0) page.dash(dash as unknown as number, {});
  if (color !== undefined && stroke !== undefined) page.fillAndStroke(color, stroke);
  else if (color !== undefined) page.fill(color);
  else if (stroke !== undefined) page.stroke(stroke);
}

function write(page: PdfPage, { text, x, y, anchor, size, fill, bold = false, angle = 0 }: TextMark): void {
  page
    .font(bold ? 'bold' : 'regular')
    .fontSize(size)
    .fillColor(fill);
  const width = page.widthOfString(text);
  const before = anchor === 'start' ? 0 : anchor === 'middle' ? width / 2 : width;
  page.rotate(angle, { origin: [x, y] });
  page.text(text, x - before, y, { lineBreak: false, baseline: 'alphabetic' });
}

/** `rgba(0, 114, 178, 0.2)` as a colour and its share; every other colour as it is. */
function colorOf(fill: string): [string, number] {
  const [, red, green, blue, share] = /^rgba\((\d+), (\d+), (\d+), ([\d.]+)\)$/.exec(fill) ?? [];
  if (share === undefined) return [fill, 1];
  const hex = [red, green, blue].map((part) => Number(part).toString(16).padStart(2, '0'));
  return [`#${hex.join('')}`, Number(share)];
}
