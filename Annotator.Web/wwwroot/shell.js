// Runs before the first paint, so that the page never flashes in the wrong theme.
(() => {
  const system = matchMedia('(prefers-color-scheme: dark)');
  const read = () => { try { return localStorage.getItem('theme') ?? 'system'; } catch { return 'system'; } };
  const state = () => {
    const choice = read();
    return { choice, dark: choice === 'dark' || (choice === 'system' && system.matches) };
  };
  const apply = () => document.documentElement.dataset.theme = state().dark ? 'dark' : 'light';
  let changed = null;

  system.addEventListener('change', () => { apply(); changed?.invokeMethodAsync('SystemThemeChanged'); });
  document.addEventListener('click', e => {
    if (e.target.closest?.('[data-reload]')) { e.preventDefault(); location.reload(); }
  });
  // The server no longer knows this circuit (it restarted): only a fresh page helps.
  // Heard on the way down, because the event does not bubble.
  document.addEventListener('components-reconnect-state-changed', e => {
    if (e.detail?.state === 'rejected' || e.detail?.state === 'resume-failed') location.reload();
  }, true);
  apply();

  window.annotator = {
    theme: () => state(),
    chooseTheme: choice => {
      try { localStorage.setItem('theme', choice); } catch { /* a browser that keeps nothing follows the system */ }
      apply();
      return state();
    },
    onSystemTheme: page => { changed = page; },
    // False where the browser keeps the clipboard to itself (plain HTTP from another machine).
    copy: text => navigator.clipboard?.writeText(text).then(() => true, () => false) ?? false,
    // The circuit is live: keys are heard from now on.
    ready: () => { document.documentElement.dataset.ready = 'true'; },
  };
})();
