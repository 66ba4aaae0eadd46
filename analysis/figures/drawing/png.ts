import { Resvg } from '@resvg/resvg-js';
import { fontFiles, fontName } from './fonts.ts';
import type { Scene } from './scene.ts';
import { svgOf } from './svg.ts';

/** A scene as a PNG so many pixels wide, in a font that does not depend on the machine. */
export function pngOf(scene: Scene, pixels: number): Uint8Array {
  const { regular, bold } = fontFiles();
  const font = {
    ...{ loadSystemFonts: false, fontFiles: [regular, bold] },
    ...{ defaultFontFamily: fontName, sansSerifFamily: fontName },
  };
  return new Resvg(svgOf(scene, { description: '' }), { font, fitTo: { mode: 'width', value: pixels } })
    .render()
    .asPng();
}
