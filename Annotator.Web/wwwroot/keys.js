// A key presses the button or the link of a page that names it (data-key), by its place on the keyboard, as at the desk.
let listening;

export function attach(page) {
  listening = new AbortController();
  document.addEventListener('keydown', e => {
    if (e.repeat || e.defaultPrevented || e.isComposing || e.ctrlKey || e.metaKey || e.altKey || e.shiftKey) return;
    // Another layer has the keyboard.
    if (e.target.closest?.('[popover], dialog, [role=dialog], [role=menu]') || document.querySelector(':popover-open')) return;
    const named = page.querySelector(`[data-key~="${e.code}"]`);
    if (!named || (e.code !== 'Escape' && !shortcutsOn())) return;
    e.preventDefault();
    named.click();
  }, { signal: listening.signal });
  page.dataset.keysReady = 'true';
}

export const detach = () => listening.abort();

// Switched off at the desk, they are off here.
function shortcutsOn() { try { return localStorage.getItem('desk.shortcuts') !== 'off'; } catch { return true; } }
