// Makes the figures of a page interactive: each is there as a picture, and stays one in print, on a narrow screen, and where this fails.
(() => {
  const { figures, config, colors } = JSON.parse(document.getElementById('specifications').textContent);
  const style = getComputedStyle(document.documentElement);
  const isWide = matchMedia('(min-width: 721px)');

  /** plotly.js, which the page carries compressed. */
  async function loadPlotly() {
    const packed = Uint8Array.from(atob(document.getElementById('plotly').textContent), (letter) =>
      letter.charCodeAt(0),
    );
    const unpacked = new Blob([packed]).stream().pipeThrough(new DecompressionStream('gzip'));
    const script = document.createElement('script');
    script.textContent = await new Response(unpacked).text();
    document.head.append(script);
    return window.Plotly;
  }

  /** A specification in the page's own colours, dark or light. */
  function inColors(specification) {
    let text = JSON.stringify(specification);
    for (const [color, name] of Object.entries(colors))
      text = text.replaceAll(`"${color}"`, JSON.stringify(style.getPropertyValue(name).trim()));
    return JSON.parse(text);
  }

  function draw(plotly, id) {
    const figure = document.getElementById(id);
    const live = figure.querySelector('.live');
    // As high as the picture that it stands for, so that nothing on the page moves.
    const height = figure.classList.contains('interactive')
      ? live.clientHeight
      : figure.querySelector('.still.wide').getBoundingClientRect().height;
    const { data, layout } = inColors(figures[id]);
    live.hidden = false;
    figure.classList.add('interactive');
    return plotly.react(live, data, { ...layout, height }, config);
  }

  async function drawAll() {
    const plotly = await loadPlotly();
    for (const id of Object.keys(figures)) {
      await draw(plotly, id);
      // Scrolling and clicks come in between.
      await new Promise((resolve) => setTimeout(resolve));
    }
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
      for (const id of Object.keys(figures)) draw(plotly, id);
    });
  }

  if (!('DecompressionStream' in window)) return;
  if (isWide.matches) drawAll();
  else isWide.addEventListener('change', drawAll, { once: true });
})();
