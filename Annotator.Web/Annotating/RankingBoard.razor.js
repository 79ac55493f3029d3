// Dragging and the keys of the ranking board. What is moved where is decided in C#; this only says it.
const threshold = 8, edge = 72;
let listening;
// Responses that a digit was pressed for and that the screen has not followed yet: a quick hand may be ahead of it.
const ahead = new Set();
// The response that was moved from place to place, until it has the focus again.
let aim = null, asking = 0;
const calm = matchMedia('(prefers-reduced-motion: reduce)');

export function attach(root, server) {
  detach();                                           // a board that was left while there was no connection
  listening = new AbortController();
  const options = { signal: listening.signal };
  ahead.clear();
  aim = null;
  // Before the desk's own keys, which have digits and arrows for pairs.
  document.addEventListener('keydown', e => onKey(e, root, server), { ...options, capture: true });
  root.addEventListener('pointerdown', e => onPointerDown(e, root, server), options);
  if (document.activeElement === document.body) textOf(root, firstOf(root))?.focus({ preventScroll: true });
  root.dataset.hears = '';
}

export const detach = () => listening?.abort();

// The card's text takes the focus: up and down scroll it, the digits mean it.
export function focusOn(position, root) {
  if (asking === 0) ahead.clear();
  aim = null;
  textOf(root, position)?.focus({ preventScroll: true });
  root.querySelector(`[data-position="${position}"]`)?.scrollIntoView({ block: 'nearest', behavior: calm.matches ? 'instant' : 'smooth' });
}

const textOf = (root, position) => root.querySelector(`[data-position="${position}"]`)?.querySelector('.text, textarea');
const cards = root => [...root.querySelectorAll('.movable')];
const firstOf = root => root.querySelector('[data-tray] .movable')?.dataset.position ?? cards(root)[0]?.dataset.position;
const comparison = root => Number(root.closest('.desk').dataset.comparison);

function move(root, server, card, slot, inserts, goesOn) {
  asking++;
  server.invokeMethodAsync('Move', comparison(root), Number(card.dataset.position), slot, inserts, goesOn).catch(() => ahead.clear()).finally(() => asking--);
}

// The card in focus, unless a digit was just pressed for it: then the next one that has no place yet.
function cardFor(root, focused) {
  if (focused && !ahead.has(focused.dataset.position)) return focused;
  const waiting = [...root.querySelectorAll('[data-tray] .movable')].filter(card => !ahead.has(card.dataset.position));
  const after = focused && waiting.find(card => focused.compareDocumentPosition(card) & Node.DOCUMENT_POSITION_FOLLOWING);
  return after ?? waiting[0];
}

function onKey(e, root, server) {
  if (!root.isConnected) return;
  const desk = root.closest('.desk'), target = e.target instanceof Element ? e.target : document.body;
  if (e.repeat || e.isComposing || e.ctrlKey || e.metaKey || e.altKey || document.documentElement.dataset.shortcuts === 'off') return;
  if (desk.dataset.deskReady !== 'true' || desk.dataset.phase !== 'Reading' || desk.dataset.step !== 'Choosing') return;
  if (target.closest('input, textarea, select, [contenteditable], [role=menu], [role=dialog], .mud-popover, [popover]') || document.querySelector('dialog[open]')) return;

  const focused = target.closest('.movable') ?? (aim === null ? null : root.querySelector(`[data-position="${aim}"]`));
  const digit = /^(?:Digit|Numpad)(\d)$/.exec(e.code)?.[1];
  if (digit > 0) {
    const card = cardFor(root, focused);
    if (digit > cards(root).length || !card) return;
    if (card.closest('[data-tray]')) ahead.add(card.dataset.position);
    else aim = card.dataset.position;
    move(root, server, card, digit - 1, e.shiftKey, true);
  } else if ((digit === '0' || e.code === 'Backspace' || e.code === 'Delete') && focused && !e.shiftKey) {
    aim = focused.dataset.position;
    move(root, server, focused, -1, false, false);
  } else if ((e.code === 'ArrowLeft' || e.code === 'ArrowRight') && !e.shiftKey) {
    const all = cards(root), at = all.indexOf(focused);
    focusOn(all[(at + (e.code === 'ArrowRight' ? 1 : at < 0 ? 0 : -1) + all.length) % all.length].dataset.position, root);
  } else if (e.code === 'KeyN' && !e.shiftKey) {
    desk.querySelector('[data-press="not-rankable"]').click();
  } else if ((e.code === 'Enter' || e.code === 'NumpadEnter') && !e.shiftKey && !target.closest('button, a, summary')) {
    desk.querySelector('[data-press="save-order"]').click();
  } else return;
  e.preventDefault();
}

function onPointerDown(e, root, server) {
  const card = e.target.closest('.movable');
  if (!card || e.button !== 0 || root.closest('.desk').dataset.phase !== 'Reading') return;
  // A finger scrolls everywhere but on the grip; a mouse selects text, and takes the card by anything else.
  if (e.pointerType !== 'mouse' ? !e.target.closest('[data-grip]') : e.target.closest('.text, .editor, button, a')) return;
  e.preventDefault();
  drag(e, card, root, server);
}

function drag(start, card, root, server) {
  const during = new AbortController(), options = { signal: during.signal };
  let ghost = null, offset = null, last = start, frame = 0;

  const onMove = e => {
    if (e.pointerId !== start.pointerId) return;
    last = e;
    if (!ghost && Math.hypot(e.clientX - start.clientX, e.clientY - start.clientY) >= threshold) lift();
    if (ghost) follow();
  };
  const lift = () => {
    const box = card.getBoundingClientRect();
    offset = { x: Math.min(start.clientX - box.left, 340), y: Math.min(start.clientY - box.top, 120) };
    ghost = card.cloneNode(true);
    ghost.classList.add('ghost');
    ghost.removeAttribute('data-position');
    ghost.inert = true;
    ghost.style.width = `${Math.min(box.width, 360)}px`;
    root.append(ghost);
    card.classList.add('lifted');
    root.dataset.dragging = '';
    scrollAtEdges();
  };
  const follow = () => {
    ghost.style.transform = `translate(${last.clientX - offset.x}px, ${last.clientY - offset.y}px)`;
    mark(targetAt(root, last));
  };
  const mark = target => {
    for (const marked of root.querySelectorAll('[data-drop]')) delete marked.dataset.drop;
    if (target) target.element.dataset.drop = target.how;
  };
  // Near the upper and the lower edge what is behind moves along.
  const scrollAtEdges = () => {
    const view = root.closest('.reading');
    const scroller = view.scrollHeight > view.clientHeight && getComputedStyle(view).overflowY !== 'visible' ? view : document.scrollingElement;
    const top = scroller === view ? view.getBoundingClientRect().top : 0;
    const bottom = Math.min(scroller === view ? view.getBoundingClientRect().bottom : innerHeight, root.closest('.desk').querySelector('.bar').getBoundingClientRect().top);
    const speed = last.clientY < top + edge ? last.clientY - top - edge : last.clientY > bottom - edge ? last.clientY - bottom + edge : 0;
    if (speed !== 0) {
      scroller.scrollTop += speed / 5;
      mark(targetAt(root, last));
    }
    frame = requestAnimationFrame(scrollAtEdges);
  };
  const end = drops => e => {
    if (e.pointerId !== undefined && e.pointerId !== start.pointerId) return;
    during.abort();
    cancelAnimationFrame(frame);
    mark(null);
    ghost?.remove();
    card.classList.remove('lifted');
    delete root.dataset.dragging;
    const target = drops && ghost && targetAt(root, e);
    if (target) move(root, server, card, target.slot, target.inserts, false);
  };

  document.addEventListener('pointermove', onMove, options);
  document.addEventListener('pointerup', end(true), options);
  document.addEventListener('pointercancel', end(false), options);
  document.addEventListener('keydown', e => {
    if (e.code === 'Escape') { e.preventDefault(); e.stopPropagation(); end(false)({}); }
  }, { ...options, capture: true });
}

// Into a place, which ties, or between two: the upper and the lower quarter of a place that is taken.
function targetAt(root, { clientX, clientY }) {
  const under = document.elementFromPoint(clientX, clientY);
  const slot = under?.closest('[data-slot]');
  if (slot && root.contains(slot)) {
    const index = Number(slot.dataset.slot), box = slot.getBoundingClientRect();
    if (!slot.classList.contains('empty')) {
      const at = (clientY - box.top) / box.height;
      if (at < .28) return { element: slot, how: 'before', slot: index, inserts: true };
      if (at > .72) return { element: slot, how: 'after', slot: index + 1, inserts: true };
    }
    return { element: slot, how: 'into', slot: index, inserts: false };
  }
  const tray = under?.closest('[data-tray]');
  return tray && root.contains(tray) ? { element: tray, how: 'into', slot: -1, inserts: false } : null;
}
