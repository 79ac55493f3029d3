// The desk's keyboard. Letters are matched by their place on the keyboard (event.code); the comparison that is on screen
// when a key goes down travels with it, so that a key is never applied to another one.
const heard = new Set([
  'ArrowLeft', 'ArrowRight', 'Enter', 'Escape', 'KeyT', 'KeyB', 'KeyS', 'KeyU', 'KeyG', 'KeyE', 'KeyF', 'KeyH', 'KeyP', 'KeyR',
  ...[1, 2, 3, 4, 5, 6, 7, 8, 9].map(digit => `Digit${digit}`),
]);
const pressed = {
  ArrowLeft: 'left', Digit1: 'left', ArrowRight: 'right', Digit2: 'right', KeyT: 'tie', KeyB: 'both-bad', KeyS: 'skip', KeyU: 'undo', KeyE: 'edit', KeyF: 'flag',
};
const calm = matchMedia('(prefers-reduced-motion: reduce)');
const editorPatience = 2000;

let desk, server, listening, focusedBefore;
// An editor was asked for and is on its way: until it has the focus, what is typed is meant for it.
let editorAskedAt = 0, choosesEditor = false;
const keepEvery = 400;
let handingOver = 0;

export function attach(root, page) {
  [desk, server] = [root, page];
  listening = new AbortController();
  const options = { signal: listening.signal };
  document.addEventListener('keydown', onKey, options);
  document.addEventListener('input', onInput, options);
  document.addEventListener('click', onClick, options);
  document.addEventListener('change', onChange, options);
  document.addEventListener('focusin', onFocus, options);
  // A new comparison begins at its prompt, however far down the one before was read.
  const turning = new MutationObserver(() => {
    root.querySelector('.reading').scrollTop = 0;
    scrollTo({ top: 0, behavior: 'instant' });
  });
  turning.observe(root, { attributes: true, attributeFilter: ['data-comparison'] });
  // The shell says when there is a connection again.
  const returning = new MutationObserver(() => { if (isConnected()) sendUnsent(); });
  returning.observe(document.documentElement, { attributes: true, attributeFilter: ['data-connection'] });
  listening.signal.addEventListener('abort', () => [turning, returning].forEach(watching => watching.disconnect()));
  showShortcuts(shortcutsOn());
  return {
    utcOffsetMinutes: -new Date().getTimezoneOffset(),
    guidelinesOpen: read('guidelines') === 'open',
    guidelinesSeen: Number(read('guidelines-seen') ?? 0),
    raw: read('raw') === 'on',
    unsent: JSON.parse(unsent()),
  };
}

export function detach() {
  listening.abort();
  clearTimeout(handingOver);
  handingOver = 0;
  delete document.documentElement.dataset.shortcuts;
}

export function keepGuidelines(open, version) {
  keep('guidelines', open ? 'open' : 'closed');
  keep('guidelines-seen', version);
}

export const keepRaw = raw => keep('raw', raw ? 'on' : 'off');

function onKey(e) {
  // A dialog that was just closed keeps the focus until the browser draws again; what is typed then is for the desk.
  const target = e.target instanceof Element && !e.target.closest('dialog:not([open])') ? e.target : document.body;
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
  if (dialog?.open || target.closest('[role=menu], [role=dialog], .mud-popover, dialog, [popover]')) return;

  const code = e.code.replace(/^Numpad(?=\d)/, 'Digit').replace('NumpadEnter', 'Enter');
  if (isText(target)) {
    onKeyInText(e, code, target);
    return;
  }
  const undo = code === 'KeyZ' && (e.ctrlKey !== e.metaKey) && !e.altKey && !e.shiftKey;
  if (!undo && (e.ctrlKey || e.metaKey || e.altKey || e.shiftKey)) return;
  if (!shortcutsOn() && code !== 'Escape') return;
  // Wide code that has the focus scrolls sideways, as anywhere.
  if (/^Arrow/.test(code) && target.matches('pre, pre *') && target.closest('pre').scrollWidth > target.closest('pre').clientWidth) return;
  // Where a button or a link has the focus, Enter presses that.
  if (code === 'Enter' && target.closest('button, a, summary, input')) return;
  if (performance.now() - editorAskedAt < editorPatience && editorAskedAt > 0) {
    e.preventDefault();
  } else if (code === 'KeyC') {
    e.preventDefault();
    openComment(commentBox().hidden);
  } else if (undo || heard.has(code)) {
    send(e, undo ? 'KeyU' : code);
  }
}

// In a text everything is text, but for the way out: Escape, and Ctrl+Enter, which also goes on with the answer.
function onKeyInText(e, code, target) {
  const goesOn = code === 'Enter' && e.ctrlKey !== e.metaKey;
  if (code !== 'Escape' && !goesOn) return;
  if (commentBox().contains(target)) {
    e.preventDefault();
    openComment(false);
    if (goesOn) invoke('Enter');
  } else if (target.matches('[data-editor]')) {
    e.preventDefault();
    target.blur();
    invoke('Escape');
  }
}

function send(e, code) {
  // Until the desk is ready nothing would be heard.
  if (desk.dataset.deskReady !== 'true') return;
  e.preventDefault();
  openComment(false);
  if (choosesEditor && /^Digit|^Arrow/.test(code)) editorAskedAt = performance.now();
  choosesEditor = code === 'KeyE' && desk.dataset.step !== 'Edit' && desk.querySelector('[data-press="edit"][aria-disabled="false"]') !== null;
  if (!calm.matches) {
    desk.querySelector(`[data-press="${pressed[code]}"]`)?.animate([{ transform: 'translateY(1px) scale(.985)' }, {}], { duration: 140, easing: 'ease-out' });
  }
  invoke(code);
}

// Without a connection the key is lost, the shell says so, and the comparison stays.
const invoke = code => server.invokeMethodAsync('Key', code, Number(desk.dataset.comparison)).catch(() => {});

function onFocus(e) {
  if (e.target.matches?.('[data-editor]')) {
    editorAskedAt = 0;
    e.target.setSelectionRange(e.target.value.length, e.target.value.length);
  }
}

// The server keeps what is typed a moment later. Until it says so this tab keeps it too, because either may be gone by then.
function onInput(e) {
  if (!e.target.matches?.('#comment, [data-editor]')) return;
  const [comment, edit] = ['#comment', '[data-editor]'].map(name => desk.querySelector(name)?.value ?? null);
  try { sessionStorage.setItem('desk.unsent', JSON.stringify({ id: Number(desk.dataset.comparison), comment, edit })); } catch { /* as read and keep */ }
  handingOver ||= setTimeout(handOver, keepEvery);
}

export async function handOver() {
  handingOver = 0;
  const sent = unsent();
  // Without a connection nobody answers; what is unsent goes again when there is one.
  const isKept = await server.invokeMethodAsync('KeepDraft').catch(() => false);
  if (isKept && unsent() === sent) try { sessionStorage.removeItem('desk.unsent'); } catch { /* as above */ }
}

function sendUnsent() {
  const { id } = JSON.parse(unsent()) ?? {};
  if (id !== Number(desk.dataset.comparison)) return;
  for (const text of desk.querySelectorAll('#comment, [data-editor]')) text.dispatchEvent(new Event('input', { bubbles: true }));
}

const isConnected = () => ['live', undefined].includes(document.documentElement.dataset.connection);
function unsent() { try { return sessionStorage.getItem('desk.unsent'); } catch { return null; } }

function onClick(e) {
  const dialog = keysDialog();
  const on = selector => e.target.closest?.(selector);
  if (on('[data-opens-editor]')) editorAskedAt = performance.now();
  if (on('[data-opens-comment]')) openComment(commentBox().hidden);
  else if (on('[data-closes-comment], [data-press]')) openComment(false);
  else if (on('[data-opens-keys]')) openKeys(dialog);
  else if (dialog?.open && (e.target === dialog || on('[data-closes-keys]'))) dialog.close();
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
export function openComment(open) {
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
