import { createRequire } from 'node:module';

/** The font of figures that no browser draws: it has every sign that they use. */
export const fontName = 'DejaVu Sans';

const { resolve } = createRequire(import.meta.url);

/** The files of that font. */
export function fontFiles(): { readonly regular: string; readonly bold: string } {
  return {
    regular: resolve('dejavu-fonts-ttf/ttf/DejaVuSans.ttf'),
    bold: resolve('dejavu-fonts-ttf/ttf/DejaVuSans-Bold.ttf'),
  };
}
