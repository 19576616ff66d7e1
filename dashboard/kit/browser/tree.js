// A tree as tiles within tiles (see film.py): the parts of the one that is open, and what is in them. A click opens a part, on what is open
// it goes back. Source: Bruls, Huizing & van Wijk (2000), Squarified treemaps.
const HEAD = 18, PATH = 24, GAP = 1.5;

// Rows of tiles that are as square as can be; what they do not fill of the whole stays empty.
const squarify = (items, sizes, whole, {x, y, w, h}) => {
  const tiles = [], scale = w * h / whole;
  let rest = items.filter(i => sizes[i] > 0).sort((a, b) => sizes[b] - sizes[a]);
  while (rest.length && w > 1 && h > 1) {
    const across = Math.min(w, h);
    let sum = 0, used = 0, worst = Infinity;
    for (const i of rest) {
      const thick = (sum + sizes[i]) * scale / across, far = k => { const long = sizes[k] * scale / thick; return Math.max(thick / long, long / thick); };
      const worse = Math.max(far(rest[0]), far(i));
      if (worse > worst) break;
      sum += sizes[i]; used++; worst = worse;
    }
    const thick = sum * scale / across;
    let at = 0;
    for (const i of rest.slice(0, used)) {
      const long = sizes[i] * scale / thick;
      tiles.push(w >= h ? {i, x, y: y + at, w: thick, h: long} : {i, x: x + at, y, w: long, h: thick});
      at += long;
    }
    if (w >= h) { x += thick; w -= thick; } else { y += thick; h -= thick; }
    rest = rest.slice(used);
  }
  return tiles;
};

const dark = colour => {
  const [r, g, b] = colour.match(/[0-9.]+/g).map(v => (v /= 255) <= 0.04 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b < 0.19;
};
// A word where it fits, at least its beginning.
const write = (pen, word, x, y, width) => {
  const long = pen.measureText(word).width, letters = long > width ? Math.floor(word.length * (width - 8) / long) : word.length;
  if (letters > 3 || letters === word.length) pen.fillText(letters < word.length ? word.slice(0, letters).trimEnd() + '…' : word, x, y);
};
const wayTo = (mark, i) => i > 0 ? [...wayTo(mark, mark.values.parent.data[i]), mark.words[i]] : [];

const tree = (pen, box, mark, place, colour, element) => {
  const parent = mark.values.parent.data, open = element.open ?? 0;
  const size = (mark.values.size.data[open] > 0 ? mark.values.size : mark.values.targets).data;  // where nothing is missed, how many there are
  const parts = mark.parts ??= parent.reduce((all, p, i) => { if (i) (all[p] ??= []).push(i); return all; }, {});
  const fill = (tile, opens) => {
    const shown = colour(tile.i), w = tile.w - GAP, h = tile.h - GAP;
    pen.fillStyle = shown; pen.fillRect(tile.x, tile.y, w, h);
    pen.fillStyle = dark(shown) ? '#FFFFFF' : '#0F141B';
    element.targets.push({x: tile.x + w / 2, y: tile.y + h / 2, half: [w / 2, h / 2], mark, i: tile.i, opens});
  };
  let {left: x, top: y, right, bottom} = box;
  pen.font = `13px ${FONT}`; pen.textAlign = 'left'; pen.textBaseline = 'middle';
  if (open) {
    fill({i: open, x, y, w: right - x, h: PATH}, open);
    write(pen, '‹ ' + [mark.words[0], ...wayTo(mark, open)].join(' / '), x + 8, y + PATH / 2, right - x - 16);
    y += PATH + 2;
  }
  pen.font = `12px ${FONT}`;
  for (const tile of squarify(parts[open] ?? [open], size, size[open], {x, y, w: right - x, h: bottom - y})) {
    fill(tile, tile.i);
    const inner = {x: tile.x + 2, y: tile.y + HEAD, w: tile.w - 4, h: tile.h - HEAD - 2}, within = tile.w > 44 && inner.h > 24 ? parts[tile.i] : null;
    if (tile.h > 14) write(pen, mark.words[tile.i], tile.x + 5, tile.y + (within ? HEAD : Math.min(tile.h, 22)) / 2, tile.w - 10);
    if (within) { pen.fillStyle = mark.edge; pen.fillRect(inner.x, inner.y, inner.w - GAP, inner.h); }
    for (const one of within ? squarify(within, size, size[tile.i], inner) : []) {
      fill(one, tile.i);
      if (one.h > 14) write(pen, mark.words[one.i], one.x + 4, one.y + Math.min(one.h, 20) / 2, one.w - 8);
    }
  }
};

// The parts that a click leads to, what is open first; the arrow keys go through them.
const ways = element => element.targets.filter(t => t.opens === t.i);
const follow = (element, {mark, opens}) => {
  const to = opens === (element.open ?? 0) ? mark.values.parent.data[opens] : opens;
  element.tip.hidden = true;
  if (mark.parts[to]) { opened.open = element.open = to; element.at = null; draw(element); }
  element.clicked?.(to);
};
const keys = (element, key) => {
  const all = ways(element);
  if (key === 'Enter' || key === 'Backspace') {
    const to = key === 'Enter' ? all[element.at] : element.open && all[0];
    return to && follow(element, to);
  }
  element.at = {ArrowRight: (element.at ?? -1) + 1, ArrowLeft: (element.at ?? all.length) - 1, Home: 0, End: all.length - 1}[key];
  element.at = (element.at + all.length) % all.length;
  draw(element);
  const {x, y, half} = all[element.at], pen = element.canvas.getContext('2d');
  pen.strokeStyle = element.film.look.text; pen.lineWidth = 3; pen.strokeRect(x - half[0], y - half[1], 2 * half[0], 2 * half[1]);
  say(element, all[element.at], x, y);
};
