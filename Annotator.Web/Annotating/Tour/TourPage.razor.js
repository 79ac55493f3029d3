// A key presses the button that names it, by its place on the keyboard, as at the desk.
let listening;

export function attach(tour) {
  listening = new AbortController();
  document.addEventListener('keydown', e => {
    if (e.repeat || e.defaultPrevented || e.isComposing || e.ctrlKey || e.metaKey || e.altKey || e.shiftKey) return;
    if (e.target.closest?.('[popover], dialog, [role=dialog], [role=menu]')) return;
    const button = tour.querySelector(`[data-key~="${e.code}"]`);
    if (!button || (e.code !== 'Escape' && !shortcutsOn())) return;
    e.preventDefault();
    button.click();
  }, { signal: listening.signal });
  tour.dataset.tourReady = 'true';
}

export const detach = () => listening.abort();

// Switched off at the desk, they are off here.
function shortcutsOn() { try { return localStorage.getItem('desk.shortcuts') !== 'off'; } catch { return true; } }
