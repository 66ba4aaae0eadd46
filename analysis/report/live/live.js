// Fetches the page again and again, and exchanges the parts that have changed. Without it the page shows how things stood.
(() => {
  const pause = 2000;
  const connection = document.getElementById('connection');
  const partsOf = (page) => [...page.querySelectorAll('[data-part]')];
  const served = new Map(partsOf(document).map((part) => [part.id, part.innerHTML]));

  /** Puts new content into a part, and leaves the focus, what was chosen and how far tables were scrolled. */
  function exchange(part, html) {
    const focused = part.contains(document.activeElement) ? document.activeElement : null;
    const chosen = [...part.querySelectorAll('input:checked')].map(({ value }) => value);
    const tables = () => [...part.querySelectorAll('.table')];
    const scrolled = tables().map(({ scrollLeft }) => scrollLeft);
    const focusedTable = tables().indexOf(focused);
    part.innerHTML = html;
    for (const input of part.querySelectorAll('input')) input.checked = chosen.includes(input.value);
    for (const [index, table] of tables().entries()) table.scrollLeft = scrolled[index] ?? 0;
    const again = focusedTable >= 0 ? tables()[focusedTable] : focused?.id && document.getElementById(focused.id);
    again?.focus?.({ preventScroll: true });
  }

  async function refresh() {
    const response = await fetch(location.href, { cache: 'no-cache' });
    const page = new DOMParser().parseFromString(await response.text(), 'text/html');
    if (!response.ok) throw new Error(page.title);
    for (const part of partsOf(page)) {
      if (served.get(part.id) === part.innerHTML) continue;
      served.set(part.id, part.innerHTML);
      const shown = document.getElementById(part.id);
      if (shown !== null) exchange(shown, part.innerHTML);
    }
  }

  function say(words) {
    if (connection.textContent !== words) connection.textContent = words;
  }

  async function follow() {
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, pause));
      if (document.hidden) continue;
      try {
        await refresh();
        say('');
      } catch {
        say('Nothing new can be read; this page shows how things stood.');
      }
    }
  }

  if (served.size > 0) follow();
})();
