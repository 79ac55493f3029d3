// Shows the value nearest to the pointer. Reads the drawn paths each time: they change while a round runs.
export function attach(plot) {
  const cursor = plot.querySelector('.chart-cursor');
  const tip = plot.querySelector('.chart-tip');
  const hide = () => { cursor.hidden = tip.hidden = true; };

  plot.addEventListener('pointermove', event => {
    const box = plot.getBoundingClientRect();
    const at = 1000 * (event.clientX - box.left) / box.width;
    const near = [...plot.querySelectorAll('.chart-line')]
      .map(line => ({ name: line.dataset.name, point: nearest(points(line), at) }))
      .filter(series => series.point);
    if (near.length === 0) { hide(); return; }

    const closest = near.reduce((a, b) => Math.abs(b.point.x - at) < Math.abs(a.point.x - at) ? b : a).point;
    const { x0, x1, y0, y1, xName, share, log } = plot.dataset;
    const round = share ? percent : number;
    const value = (low, high, place) => Number(low) + place * (Number(high) - Number(low));
    const height = place => log ? Number(y0) * (Number(y1) / Number(y0)) ** place : value(y0, y1, place);
    tip.textContent = [`${xName} ${Math.round(value(x0, x1, closest.x / 1000))}`]
      .concat(near.filter(s => Math.abs(s.point.x - closest.x) < 0.5)
        .map(s => `${s.name} ${round(height(1 - s.point.y / 1000))}`)).join('\n');
    cursor.style.left = tip.style.left = `${closest.x / 10}%`;
    tip.classList.toggle('chart-tip-left', closest.x > 500);
    cursor.hidden = tip.hidden = false;
  });
  plot.addEventListener('pointerleave', hide);
  plot.dataset.hears = '';
}

export const detach = () => {};                       // all listeners are the plot's own, and go with it

const points = line => [...line.getAttribute('d').matchAll(/[ML]([-\d.]+) ([-\d.]+)/g)].map(m => ({ x: Number(m[1]), y: Number(m[2]) }));
const nearest = (all, x) => all.reduce((best, p) => best && Math.abs(best.x - x) <= Math.abs(p.x - x) ? best : p, null);
const number = value => value.toLocaleString('en', { maximumSignificantDigits: 4 }).replace('-', '−');
const percent = value => `${Math.round(100 * value)}%`;
