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

  system.addEventListener('change', () => { apply(); changed?.invokeMethodAsync('SystemThemeChanged').catch(() => {}); });
  document.addEventListener('click', e => {
    if (e.target.closest?.('[data-reload]')) { e.preventDefault(); location.reload(); }
  });

  // A lost connection is tried again for as long as the page is open: a laptop may sleep for a night.
  const attempts = { maxRetries: Infinity, retryIntervalMilliseconds: attempt => attempt === 0 ? 0 : Math.min(250 * 2 ** attempt, 5000) };
  const manyAttempts = 6;
  document.addEventListener('DOMContentLoaded', () => window.Blazor?.start({
    circuit: { reconnectionOptions: attempts, configureSignalR: circuit => circuit.withUrl('_blazor', { WebSocket: HeardSocket }) },
  }));
  // A network that is gone closes no connection, and SignalR waits half a minute before it gives one up. The server is heard
  // every second or two (ShellSetup), so silence is told sooner; the connection stays, and a server that was only busy goes on.
  // Seconds are counted, not read from a clock: a laptop that slept has not listened.
  const silence = 5;
  class HeardSocket extends WebSocket {
    constructor(...address) {
      super(...address);
      let silent = 0, listening;
      this.addEventListener('open', () => { listening = setInterval(() => { if (++silent === silence) tell('silent'); }, 1000); });
      this.addEventListener('message', () => { silent = 0; if (connection() === 'silent') tell('live'); });
      this.addEventListener('close', () => clearInterval(listening));
    }
  }
  const connection = () => document.documentElement.dataset.connection;
  const tell = state => document.documentElement.dataset.connection = state;
  // Heard on the way down, because the event does not bubble.
  document.addEventListener('components-reconnect-state-changed', ({ detail: { state, currentAttempt } }) => {
    if (state === 'rejected' || state === 'resume-failed') reload();
    else tell(state === 'hide' ? 'live' : currentAttempt > manyAttempts ? 'away' : 'lost');
  }, true);
  // The server is there and no longer knows this circuit (it restarted): only a fresh page helps. Not before the server
  // answers once more: the browser's own page for a server that is away would not come back by itself.
  const reload = async () => {
    const answers = () => fetch('/shell.js', { method: 'HEAD', cache: 'no-store' }).then(answer => answer.ok, () => false);
    while (!await answers()) await new Promise(again => setTimeout(again, 1000));
    location.reload();
  };

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
    toTop: () => scrollTo({ top: 0, behavior: matchMedia('(prefers-reduced-motion: reduce)').matches ? 'instant' : 'smooth' }),
    utcOffsetMinutes: () => -new Date().getTimezoneOffset(),
    // What a browser keeps for a person; one that keeps nothing starts afresh each time.
    keep: (name, value) => { try { localStorage.setItem(name, value); } catch { /* as above */ } },
    kept: name => { try { return localStorage.getItem(name); } catch { return null; } },
    // The circuit is live: keys are heard from now on.
    ready: () => { document.documentElement.dataset.ready = 'true'; },
  };
})();
