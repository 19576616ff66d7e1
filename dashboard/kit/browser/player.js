// Plays a film (see film.py): keeps its element, canvas and place between updates, and draws what lies between stages.
const FRAME = 1000 / 31;  // thirty frames a second, and no more
const FONT = '"Source Sans", "Source Sans Pro", "Source Sans 3", sans-serif';
const still = matchMedia('(prefers-reduced-motion: reduce)');
const clamp = (v, low, high) => Math.min(high, Math.max(low, v));
const rgb = hex => [1, 3, 5].map(i => parseInt(hex.slice(i, i + 2), 16));
const mix = (a, b, t) => a.map((v, i) => Math.round(v + (b[i] - v) * t));

// A channel as it was sent: base64 of bytes, or of 32-bit floats, stage by stage; NaN is a gap.
const decoded = text => {
  const raw = atob(text), bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  return bytes;
};
const read = channel => {
  if (!('floats' in channel)) return channel;
  const data = new Float32Array(decoded(channel.floats).buffer);
  return {data, stages: channel.stages, n: data.length / channel.stages};
};
const value = ({data, stages, n}, place, i) => {
  if (stages === 1) return data[i];
  const stage = Math.min(Math.floor(place), stages - 1), a = data[stage * n + i], b = data[Math.min(stage + 1, stages - 1) * n + i];
  return a !== a || b !== b ? (place > stage + 0.5 ? b : a) : a + (b - a) * (place - stage);
};
const count = channel => channel.n;
const number = v => v !== v ? '–' : Math.abs(v) >= 100 ? Math.round(v).toLocaleString('en') : String(Number(v.toPrecision(3))).replace('-', '−');

// Where panels lie: in as many rows as the film asks for, or below each other where the picture is narrow.
const lay = (film, width) => {
  const rows = width < 560 ? film.panels.length : film.rows, each = Math.ceil(film.panels.length / rows);
  const height = width < 560 ? rows * clamp(film.height / film.rows, 0, 320) : film.height;
  let at = 0;
  const boxes = film.panels.map((panel, i) => {
    const row = Math.floor(i / each), beside = film.panels.slice(row * each, (row + 1) * each);
    const w = (width - 24 * (beside.length - 1)) * panel.width / beside.reduce((sum, p) => sum + p.width, 0), h = height / rows;
    const left = i % each ? at : 0, top = row * h;
    at = left + w + 24;
    const box = {left: left + (panel.y_ticks.length ? panel.left : 8) + (panel.y_title ? 16 : 0), top: top + (panel.legend.length ? 52 : 30), right: left + w - 8,
                 bottom: top + h - (panel.x_ticks.length ? 22 : 8) - (panel.x_title ? 18 : 0)};
    if (panel.square) {
      const unit = Math.min((box.right - box.left) / (panel.x[1] - panel.x[0]), (box.bottom - box.top) / (panel.y[1] - panel.y[0]));
      box.right = box.left + unit * (panel.x[1] - panel.x[0]);
      box.bottom = box.top + unit * (panel.y[1] - panel.y[0]);
    }
    const x = v => box.left + (v - panel.x[0]) / (panel.x[1] - panel.x[0]) * (box.right - box.left);
    const y = v => box.bottom - (v - panel.y[0]) / (panel.y[1] - panel.y[0]) * (box.bottom - box.top);
    return {...box, x, y, outer: {left, top, width: w, height: h}, panel};
  });
  return {boxes, height};
};

const frame = (pen, box, look) => {
  const {panel, outer} = box;
  pen.fillStyle = look.text; pen.font = `600 14px ${FONT}`; pen.textAlign = 'left'; pen.textBaseline = 'top';
  pen.fillText(panel.title, outer.left + 4, outer.top + 4, outer.width - 8);
  pen.font = `12px ${FONT}`; pen.textBaseline = 'middle';
  let along = outer.left + 4;
  for (const [colour, word] of panel.legend) {
    pen.fillStyle = colour; pen.fillRect(along, outer.top + 29, 10, 10);
    pen.fillStyle = look.text; pen.fillText(word, along + 15, outer.top + 34);
    along += pen.measureText(word).width + 31;
  }
  pen.strokeStyle = look.grid; pen.fillStyle = look.muted; pen.lineWidth = 1;
  for (const [at, word] of panel.y_ticks) {
    const y = Math.round(box.y(at)) + 0.5;
    pen.beginPath(); pen.moveTo(box.left, y); pen.lineTo(box.right, y); pen.stroke();
    pen.textAlign = 'right'; pen.textBaseline = 'middle'; pen.fillText(word, box.left - 6, y);
  }
  for (const [at, word] of panel.x_ticks) {
    pen.textAlign = 'center'; pen.textBaseline = 'top'; pen.fillText(word, box.x(at), box.bottom + 6);
  }
  pen.font = `13px ${FONT}`;
  if (panel.x_title) { pen.textAlign = 'center'; pen.textBaseline = 'bottom'; pen.fillText(panel.x_title, (box.left + box.right) / 2, outer.top + outer.height - 1); }
  if (panel.y_title) {
    pen.save(); pen.translate(outer.left + 4, (box.top + box.bottom) / 2); pen.rotate(-Math.PI / 2);
    pen.textAlign = 'center'; pen.textBaseline = 'top'; pen.fillText(panel.y_title, 0, 0); pen.restore();
  }
};

const painters = {
  dots(pen, box, mark, place, colour, element) {
    for (let i = 0; i < count(mark.values.x); i++) {
      const x = box.x(value(mark.values.x, place, i)), y = box.y(value(mark.values.y, place, i)), r = value(mark.values.r, place, i);
      if (!(r > 0)) continue;
      pen.globalAlpha = mark.values.alpha ? value(mark.values.alpha, place, i) : 1;
      pen.beginPath(); pen.arc(x, y, r, 0, 2 * Math.PI);
      if (mark.ring && value(mark.values.tone, place, i) < 0.02) { pen.strokeStyle = colour(i); pen.lineWidth = 1.2; pen.stroke(); }
      else { pen.fillStyle = colour(i); pen.fill(); pen.strokeStyle = mark.edge; pen.lineWidth = 1; pen.stroke(); }
      if (mark.hover.length) element.targets.push({x, y, r: r + 4, mark, i});
    }
  },
  bars(pen, box, mark, place, colour, element) {
    for (let i = 0; i < count(mark.values.x); i++) {
      const w = value(mark.values.w, place, i), from = mark.values.x0 ? value(mark.values.x0, place, i) : value(mark.values.x, place, i) - w / 2;
      const left = box.x(from), right = box.x(from + w), low = box.y(mark.values.y0 ? value(mark.values.y0, place, i) : 0);
      const y = clamp(value(mark.values.y, place, i), mark.low, mark.high), high = box.y(y);
      pen.globalAlpha = mark.values.alpha ? value(mark.values.alpha, place, i) : 1;
      pen.fillStyle = colour(i); pen.fillRect(left, Math.min(low, high), right - left, Math.abs(high - low));
      if (mark.hover.length) element.targets.push({x: (left + right) / 2, y: (low + high) / 2, half: [(right - left) / 2 + 1, Math.abs(high - low) / 2 + 3], mark, i});
    }
  },
  line(pen, box, mark, place, colour) { stroke(pen, box, mark, place, colour, count(mark.values.x)); },
  trail(pen, box, mark, place, colour) {
    const end = clamp(place, 0, count(mark.values.x) - 1), last = Math.floor(end);  // one point a stage
    stroke(pen, box, mark, place, colour, last + 1);
    const between = name => { const c = mark.values[name].data, b = c[Math.min(last + 1, c.length - 1)]; return c[last] + (b - c[last]) * (end - last); };
    const x = box.x(between('x')), y = box.y(between('y'));
    pen.lineTo(x, y); pen.stroke(); pen.setLineDash([]);
    pen.beginPath(); pen.arc(x, y, 5, 0, 2 * Math.PI); pen.fillStyle = colour(0); pen.fill();
  },
  links(pen, box, mark, place, colour) {
    for (let i = 0; i < count(mark.values.x); i++) {
      const w = value(mark.values.w, place, i);
      if (!(w > 0.02)) continue;
      pen.globalAlpha = mark.values.alpha ? value(mark.values.alpha, place, i) : 1;
      pen.strokeStyle = colour(i); pen.lineWidth = w; pen.beginPath();
      pen.moveTo(box.x(value(mark.values.x, place, i)), box.y(value(mark.values.y, place, i)));
      pen.lineTo(box.x(value(mark.values.x1, place, i)), box.y(value(mark.values.y1, place, i))); pen.stroke();
    }
  },
  map(pen, box, mark, place) {
    const maps = mark.maps ??= images(mark), at = clamp(Math.round(place), 0, maps.length - 1);
    pen.imageSmoothingEnabled = true; pen.globalAlpha = 1;
    pen.drawImage(maps[at], box.left, box.top, box.right - box.left, box.bottom - box.top);
  },
  tree,
  text(pen, box, mark, place, colour) {
    pen.font = `13px ${FONT}`; pen.textAlign = mark.dash ? 'left' : 'center'; pen.textBaseline = 'middle';
    for (let i = 0; i < mark.words.length; i++) {
      pen.fillStyle = colour(i);
      pen.fillText(mark.words[i], box.x(value(mark.values.x, place, i)), box.y(value(mark.values.y, place, i)));
    }
  },
};
const stroke = (pen, box, mark, place, colour, until) => {
  pen.beginPath(); pen.strokeStyle = colour(0); pen.lineWidth = mark.stroke; pen.setLineDash(mark.dash ? [5, 4] : []);
  let up = true;
  for (let i = 0; i < until; i++) {
    const x = value(mark.values.x, place, i), y = value(mark.values.y, place, i);
    if (x !== x || y !== y) { up = true; continue; }
    if (up) pen.moveTo(box.x(x), box.y(y)); else pen.lineTo(box.x(x), box.y(y));
    up = false;
  }
  if (mark.kind === 'line') { pen.stroke(); pen.setLineDash([]); }
};
// Shares as bytes: one colour towards 0, another towards 1, clear between.
const images = mark => {
  const {rows, columns, bytes} = mark.values.share, raw = decoded(bytes);
  const [low, high] = mark.colours.map(rgb), maps = [];
  for (let stage = 0; stage < raw.length / rows / columns; stage++) {
    const canvas = new OffscreenCanvas(columns, rows), pen = canvas.getContext('2d'), image = pen.createImageData(columns, rows);
    for (let row = 0; row < rows; row++) for (let column = 0; column < columns; column++) {
      const share = raw[(stage * rows + row) * columns + column] / 255, colour = share < 0.5 ? low : high;
      const at = ((rows - 1 - row) * columns + column) * 4;
      image.data.set([...colour, Math.round(100 * Math.abs(share - 0.5) * 2)], at);
    }
    pen.putImageData(image, 0, 0); maps.push(canvas);
  }
  return maps;
};

const draw = element => {
  const {film, canvas, place} = element, width = Math.round(element.clientWidth);
  if (!film || !width) return;
  const {boxes, height} = lay(film, width), ratio = window.devicePixelRatio || 1;
  if (canvas.width !== width * ratio || canvas.height !== height * ratio) {
    canvas.width = width * ratio; canvas.height = height * ratio;
    canvas.style.height = height + 'px';
  }
  const pen = canvas.getContext('2d');
  pen.setTransform(ratio, 0, 0, ratio, 0, 0); pen.clearRect(0, 0, width, height);
  paint(element, pen, boxes);
  const stage = clamp(Math.round(place), 0, film.captions.length - 1);
  if (element.caption.textContent !== film.captions[stage]) element.caption.textContent = film.captions[stage];
  element.bar.value = place;
  element.bar.setAttribute('aria-valuetext', film.captions[stage]);
  element.dataset.stage = stage; element.dataset.drawn = Number(element.dataset.drawn ?? 0) + 1;
};
const paint = (element, pen, boxes) => {
  const {film, place} = element;
  element.targets = [];
  boxes.forEach(box => frame(pen, box, film.look));
  for (const mark of film.marks) {
    const tones = mark.tones ??= mark.colours.map(rgb), box = boxes[mark.panel];
    Object.assign(mark, {edge: film.look.surface, low: box.panel.y[0], high: box.panel.y[1]});
    const colour = i => {
      if (tones.length === 1 || !mark.values.tone) return mark.colours[0];
      const t = clamp(value(mark.values.tone, place, i), 0, 1) * (tones.length - 1), k = Math.min(Math.floor(t), tones.length - 2);
      return `rgb(${mix(tones[k], tones[k + 1], t - k)})`;
    };
    pen.save(); painters[mark.kind](pen, box, mark, place, colour, element); pen.restore();
  }
};

const last = element => element.film.captions.length - 1;
const go = (element, place) => { element.place = clamp(place, 0, last(element)); draw(element); };
const pause = element => {
  element.playing = false; element.play.textContent = 'Play'; element.dataset.playing = 'no'; element.caption.setAttribute('aria-live', 'polite');
};
const play = element => {
  if (element.playing) return pause(element);
  if (element.place >= last(element)) element.place = 0;
  if (still.matches) { go(element, last(element)); return pause(element); }  // who wants no motion sees the end
  element.playing = true; element.play.textContent = 'Pause'; element.dataset.playing = 'yes'; element.caption.setAttribute('aria-live', 'off');
  let before = performance.now(), shown = 0;
  const tick = now => {
    if (!element.playing || !element.isConnected) return;
    if (now - shown >= FRAME - 2) {
      go(element, element.place + (now - before) / 1000 / element.film.seconds * last(element));
      before = shown = now;
    }
    if (element.place >= last(element)) return pause(element);
    requestAnimationFrame(tick);
  };
  requestAnimationFrame(tick);
};
const step = (element, by) => { pause(element); go(element, by > 0 ? Math.floor(element.place + 1e-6) + 1 : Math.ceil(element.place - 1e-6) - 1); };

// What the pointer, or a key, is on.
const say = (element, {mark, i}, x, y) => {
  const words = mark.hover[Math.min(i, mark.hover.length - 1)], {tip} = element;
  tip.hidden = false;
  tip.textContent = words.replace(/\{(\w+)\}/g, (_, name) => name === 'path' ? mark.names[i] ?? (wayTo(mark, i).join('/') || mark.words[i]) : number(value(mark.values[name], element.place, i)));
  tip.style.left = clamp(x + 12, 0, element.clientWidth - tip.offsetWidth - 4) + 'px';
  tip.style.top = y + 14 + 'px';
};
const save = (href, kind) => Object.assign(document.createElement('a'), {href, download: `l0engine.${kind}`}).click();
const savePng = ({canvas, film}) => {
  const copy = Object.assign(document.createElement('canvas'), {width: canvas.width, height: canvas.height}), pen = copy.getContext('2d');
  pen.fillStyle = film.look.surface; pen.fillRect(0, 0, copy.width, copy.height); pen.drawImage(canvas, 0, 0);
  save(copy.toDataURL(), 'png');
};
const saveSvg = element => {
  const {film, canvas} = element, width = Math.round(element.clientWidth), {boxes, height} = lay(film, width), pen = new Svg(canvas);
  pen.fillStyle = film.look.surface; pen.fillRect(0, 0, width, height);
  paint(element, pen, boxes);
  save('data:image/svg+xml,' + encodeURIComponent(pen.text(width, height)), 'svg');
};

const build = parentElement => {
  const element = document.createElement('div');
  element.className = 'player';
  element.innerHTML = '<canvas role="img"></canvas><p class="caption" aria-live="polite"></p><div class="tip" role="status" hidden></div>' +
    '<div class="save"><button type="button" class="png" title="Save the picture as PNG">PNG ↓</button><button type="button" class="svg" title="Save the picture as SVG">SVG ↓</button></div>' +
    '<div class="buttons"><button type="button" class="play">Play</button><button type="button" class="back" aria-label="One step back">‹ Step</button>' +
    '<button type="button" class="on" aria-label="One step on">Step ›</button><input type="range" min="0" step="any" aria-label="Position"></div><div class="below"></div>';
  const part = selector => element.querySelector(selector);
  Object.assign(element, {canvas: part('canvas'), caption: part('.caption'), below: part('.below'), tip: part('.tip'), play: part('.play'), bar: part('input'), place: 0});
  element.play.onclick = () => play(element);
  part('.back').onclick = () => step(element, -1);
  part('.on').onclick = () => step(element, 1);
  element.bar.oninput = () => { const place = Number(element.bar.value); pause(element); go(element, place); };
  element.onkeydown = event => {
    if (event.target === element.canvas && /^(Arrow(Left|Right)|Home|End|Enter|Backspace)$/.test(event.key)) { keys(element, event.key); return event.preventDefault(); }
    const act = {ArrowRight: () => step(element, 1), ArrowLeft: () => step(element, -1), Home: () => { pause(element); go(element, 0); },
                 End: () => { pause(element); go(element, last(element)); }, ' ': event.target === element.bar ? () => play(element) : null}[event.key];
    if (act && !event.ctrlKey && !event.metaKey && !event.altKey) { act(); event.preventDefault(); event.stopPropagation(); }
  };
  const under = event => element.targets?.findLast(t => t.half
    ? Math.abs(event.offsetX - t.x) <= t.half[0] && Math.abs(event.offsetY - t.y) <= t.half[1]
    : Math.hypot(event.offsetX - t.x, event.offsetY - t.y) <= t.r);
  element.canvas.onpointermove = event => {
    const found = under(event);
    element.tip.hidden = !found;
    element.canvas.style.cursor = found?.opens == null ? '' : 'pointer';
    if (!found) return;
    say(element, found, event.offsetX, event.offsetY);
  };
  element.canvas.onpointerleave = () => { element.tip.hidden = true; };
  element.canvas.onclick = event => { const found = under(event); if (found?.opens != null) follow(element, found); };
  part('.png').onclick = () => savePng(element);
  part('.svg').onclick = () => saveSvg(element);
  new ResizeObserver(() => draw(element)).observe(element);
  document.fonts?.load(`600 14px ${FONT}`).catch(() => null).then(() => draw(element));
  parentElement.appendChild(element);
  return element;
};

// What is open in the picture that was shown last: where something above it comes or goes, Streamlit may build its element anew, and the page,
// which does not hear of that, sends what was open at first.
let opened = {};
const show = (element, data) => {
  if (element.words !== data.below) element.below.innerHTML = element.words = data.below;
  if (element.source === data.film) return;
  element.open ??= opened.film === data.film && opened.from === data.open ? opened.open : data.open;
  opened = {film: data.film, from: data.open, open: element.open};
  const share = element.film && element.scene === data.scene ? element.place / Math.max(1, last(element)) : data.start;
  element.source = data.film; element.scene = data.scene; element.film = JSON.parse(data.film);
  for (const mark of element.film.marks) for (const name in mark.values) mark.values[name] = read(mark.values[name]);
  element.bar.max = last(element);
  element.querySelector('.buttons').hidden = last(element) === 0;
  element.canvas.setAttribute('aria-label', data.alt);
  if (element.film.marks.some(mark => mark.kind === 'tree')) { element.canvas.tabIndex = 0; element.canvas.setAttribute('role', 'application'); }
  element.place = share * last(element);
  if (!element.playing) pause(element);
  draw(element);
};

export default function ({data, parentElement, setTriggerValue}) {
  const element = parentElement.querySelector('.player') ?? build(parentElement);
  element.clicked = data.clicks ? i => setTriggerValue('clicked', i) : null;
  element.show = (newer, number) => { element.number = number; show(element, newer); };
  if ((data.number ?? 0) >= (element.number ?? 0)) show(element, data);  // else newer is shown already
  if (data.tells && !element.told) { element.told = true; setTriggerValue('drawn', true); }
}
