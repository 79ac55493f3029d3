// The desk's keyboard. Letters are matched by their place on the keyboard (event.code); the comparison that is on screen
// when a key goes down travels with it, so that a key is never applied to another one.
const heard = new Set([
  'ArrowLeft', 'ArrowRight', 'Digit1', 'Digit2', 'Digit3', 'Digit4', 'Digit5', 'KeyT', 'KeyB', 'KeyS', 'KeyU', 'KeyG', 'Escape',
]);
const pressed = {
  ArrowLeft: 'left', Digit1: 'left', ArrowRight: 'right', Digit2: 'right', KeyT: 'tie', KeyB: 'both-bad', KeyS: 'skip', KeyU: 'undo',
};
const calm = matchMedia('(prefers-reduced-motion: reduce)');

let desk, server, listening, focusedBefore;

export function attach(root, page) {
  [desk, server] = [root, page];
  listening = new AbortController();
  const options = { signal: listening.signal };
  document.addEventListener('keydown', onKey, options);
  document.addEventListener('input', keepDraft, options);
  document.addEventListener('click', onClick, options);
  document.addEventListener('change', onChange, options);
  showShortcuts(shortcutsOn());
  return {
    utcOffsetMinutes: -new Date().getTimezoneOffset(),
    guidelinesOpen: read('guidelines') === 'open',
    guidelinesSeen: Number(read('guidelines-seen') ?? 0),
    draft: JSON.parse(read('draft') ?? 'null'),
  };
}

export function detach() {
  listening?.abort();
  delete document.documentElement.dataset.shortcuts;
}

export function keepGuidelines(open, version) {
  keep('guidelines', open ? 'open' : 'closed');
  keep('guidelines-seen', version);
}

function onKey(e) {
  const target = e.target instanceof Element ? e.target : document.body;
  // Enter or Space held down on a button would press it again and again, on one comparison after another.
  if (e.repeat && (e.key === 'Enter' || e.key === ' ') && target.closest('button')) {
    e.preventDefault();
    return;
  }
  if (e.defaultPrevented || e.isComposing || e.keyCode === 229 || e.repeat) return;

  const dialog = keysDialog();
  if (e.key === '?' && !isText(target) && shortcutsOn()) {
    e.preventDefault();
    if (dialog?.open) dialog.close();
    else openKeys(dialog);
    return;
  }
  // Another layer has the keyboard: this dialog, or a menu of the shell.
  if (dialog?.open || target.closest('[role=menu], [role=dialog], .mud-popover, dialog')) return;

  const code = e.code.replace(/^Numpad(?=\d)/, 'Digit');
  if (isText(target)) {
    if (code === 'Escape' && commentBox().contains(target)) {
      e.preventDefault();
      openComment(false);
    }
    return;
  }
  const undo = code === 'KeyZ' && (e.ctrlKey !== e.metaKey) && !e.altKey && !e.shiftKey;
  if (!undo && (e.ctrlKey || e.metaKey || e.altKey || e.shiftKey)) return;
  if (!shortcutsOn() && code !== 'Escape') return;
  if (code === 'KeyC') {
    e.preventDefault();
    openComment(commentBox().hidden);
  } else if (undo || heard.has(code)) {
    send(e, undo ? 'KeyU' : code);
  }
}

function send(e, code) {
  // Until the desk is ready nothing would be heard.
  if (desk.dataset.deskReady !== 'true') return;
  e.preventDefault();
  openComment(false);
  if (!calm.matches) {
    desk.querySelector(`[data-press="${pressed[code]}"]`)?.animate([{ transform: 'translateY(1px) scale(.985)' }, {}], { duration: 140, easing: 'ease-out' });
  }
  // Without a connection the key is lost, the shell says so, and the comparison stays.
  server.invokeMethodAsync('Key', code, Number(desk.dataset.comparison)).catch(() => {});
}

// The draft outlives the page: whoever closes the laptop mid-sentence finds it again with the same comparison.
function keepDraft(e) {
  if (e.target.id === 'comment') {
    keep('draft', JSON.stringify({ id: Number(desk.dataset.comparison), text: e.target.value }));
  }
}

function onClick(e) {
  const dialog = keysDialog();
  if (e.target.closest?.('[data-opens-comment]')) openComment(commentBox().hidden);
  else if (e.target.closest?.('[data-press]')) openComment(false);
  else if (e.target.closest?.('[data-opens-keys]')) openKeys(dialog);
  else if (dialog?.open && (e.target === dialog || e.target.closest('[data-closes-keys]'))) dialog.close();
}

function onChange(e) {
  if (e.target.matches?.('[data-shortcuts-switch]')) {
    keep('shortcuts', e.target.checked ? 'on' : 'off');
    showShortcuts(e.target.checked);
  }
}

function showShortcuts(on) {
  document.documentElement.dataset.shortcuts = on ? 'on' : 'off';
}

function openKeys(dialog) {
  if (!dialog) return;
  dialog.querySelector('[data-shortcuts-switch]').checked = shortcutsOn();
  dialog.showModal();
}

// The box takes the focus at once, so that nothing typed after the key is taken for an answer.
function openComment(open) {
  const box = commentBox();
  if (!box || box.hidden === !open || (open && desk.dataset.phase !== 'Reading')) return;
  box.hidden = !open;
  desk.querySelector('[data-press="comment"]').setAttribute('aria-expanded', open);
  if (open) {
    focusedBefore = document.activeElement;
    box.querySelector('textarea').focus();
  } else if (box.contains(document.activeElement) || document.activeElement === document.body) {
    if (focusedBefore && focusedBefore !== document.body) focusedBefore.focus();
    else document.activeElement.blur();
  }
}

const commentBox = () => desk.querySelector('[data-comment]');
const keysDialog = () => desk.querySelector('dialog[data-keys]');
const shortcutsOn = () => read('shortcuts') !== 'off';
const isText = element => element.closest('input:not([type=checkbox]), textarea, select, [contenteditable=""], [contenteditable=true]') !== null;

// A browser that keeps nothing starts afresh each time.
function read(name) { try { return localStorage.getItem(`desk.${name}`); } catch { return null; } }
function keep(name, value) { try { localStorage.setItem(`desk.${name}`, value); } catch { /* as above */ } }
