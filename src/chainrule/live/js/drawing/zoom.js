// A large graph is zoomed and moved: by buttons, keys, the wheel with Ctrl, a drag on the empty ground, two fingers.

import { button, h } from './dom.js';

/** How small and how large it gets, and how much one press does. */
const ZOOM = { least: 0.1, most: 4, step: 1.25 };

/** @param {Ui} ui */
export function zoom(ui) {
  const { stage, frame } = ui;
  const scale = () => (ui.drawing ? ui.drawing.svg.getBoundingClientRect().width / ui.drawing.layout.w : 1);

  /** Make it so large, and keep a point of the screen where it is.
   * @param {number} to @param {number} [x] @param {number} [y] */
  const set = (to, x, y) => {
    const { drawing } = ui;
    if (!drawing) return;
    const { svg, layout } = drawing;
    const seen = stage.getBoundingClientRect();
    const at = [x ?? seen.left + seen.width / 2, y ?? seen.top + seen.height / 2];
    const before = svg.getBoundingClientRect();
    stage.style.height = `${seen.height}px`; // what stands below does not move
    svg.style.cssText = `width:${layout.w * Math.max(ZOOM.least, Math.min(ZOOM.most, to))}px;max-width:none`;
    const after = svg.getBoundingClientRect();
    const grown = after.width / before.width;
    stage.scrollBy({
      left: after.left + (at[0] - before.left) * grown - at[0],
      top: after.top + (at[1] - before.top) * grown - at[1],
      behavior: 'instant',
    });
  };
  /** All of it, in the frame that there is. */
  const fit = () => {
    ui.whole();
    if (!ui.drawing) return;
    const { w, h: height } = ui.drawing.layout;
    const most = Math.min(stage.clientHeight, innerHeight) - 4;
    const to = Math.min((stage.clientWidth - 4) / w, most / height, 1);
    if (to < scale()) set(to);
  };
  const acts = /** @type {Record<string, [string, () => void]>} */ ({
    fit: ['fit: all in sight', fit],
    '−': ['Zoom out', () => set(scale() / ZOOM.step)],
    '100 %': ['100 %: text as large as on the page', () => set(1)],
    '+': ['Zoom in', () => set(scale() * ZOOM.step)],
  });
  const bar = h('div.zoom', { role: 'toolbar', 'aria-label': 'Zoom' });
  for (const [text, [title, act]] of Object.entries(acts))
    bar.append(button(text, act, { title, 'aria-label': title }));
  frame.append(h('style', ZOOM_STYLE), bar);

  const keys = { '+': '+', '=': '+', '-': '−', 0: '100 %' };
  stage.addEventListener('keydown', (event) => {
    const act = acts[/** @type {Record<string, string>} */ (keys)[event.key]];
    if (!act || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    event.preventDefault();
    event.stopPropagation();
    act[1]();
  });
  stage.addEventListener(
    'wheel',
    (event) => {
      if (!event.ctrlKey) return;
      event.preventDefault();
      set(scale() * Math.exp(-event.deltaY / 300), event.clientX, event.clientY);
    },
    { passive: false },
  );

  // the ground is dragged by a mouse; fingers move it as they move a page
  let held = -1;
  stage.addEventListener('pointerdown', (event) => {
    const ground = event.target instanceof Element && !event.target.closest('.box');
    if (event.button || event.pointerType === 'touch' || !ground) return;
    held = event.pointerId;
    stage.setPointerCapture(held);
    stage.classList.add('held');
  });
  stage.addEventListener('pointermove', (event) => {
    if (event.pointerId === held)
      stage.scrollBy({ left: -event.movementX, top: -event.movementY, behavior: 'instant' });
  });
  for (const end of ['pointerup', 'pointercancel'])
    stage.addEventListener(end, () => {
      held = -1;
      stage.classList.remove('held');
    });

  let apart = 0;
  /** @param {TouchEvent} event */
  const pinch = (event) => {
    if (event.touches.length !== 2) return void (apart = 0);
    event.preventDefault();
    const [a, b] = event.touches;
    const now = Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY);
    if (apart) set((scale() * now) / apart, (a.clientX + b.clientX) / 2, (a.clientY + b.clientY) / 2);
    apart = now;
  };
  for (const kind of /** @type {const} */ (['touchstart', 'touchmove', 'touchend']))
    stage.addEventListener(kind, pinch, { passive: false });
}
