import { type Figure, figureConfig } from '../figures/figure.ts';
import { renderPage } from './page.ts';

/** One figure as one HTML document that needs nothing else, with a button that saves it as SVG; `title` is that of the whole report. */
export function renderFigurePage(name: string, figure: Figure, title: string): string {
  const config = {
    ...figureConfig,
    displayModeBar: true,
    modeBarButtons: [['toImage' as const]],
    toImageButtonOptions: { format: 'svg' as const, filename: name },
  };
  return renderPage(
    'figure',
    { title, setting: [name], name },
    { [name]: figure },
    { config, bundle: 'plotly.js-dist' },
  );
}
