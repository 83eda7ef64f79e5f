// Runs before the first paint, so that a dark ward never sees a white page. A file of its own, because the content
// security policy allows no inline script.
(function () {
  let chosen = null;
  try {
    chosen = localStorage.getItem('primum-color-scheme');
  } catch {
    // Storage can be refused; the system's preference stands.
  }
  const dark = chosen === 'dark' || (chosen !== 'light' && !matchMedia('(prefers-color-scheme: light)').matches);
  document.documentElement.setAttribute('data-mantine-color-scheme', dark ? 'dark' : 'light');
})();
