// Charts that keep their element and the viewer's zoom (see live_plot.py), which stands before this as SRC, the address of plotly.js.
let loading;
const plotly = () => loading ??= new Promise((resolve, reject) => {
  if (window.Plotly) return resolve(window.Plotly);
  const script = Object.assign(document.createElement('script'), {src: SRC, onload: () => resolve(window.Plotly), onerror: reject});
  document.head.appendChild(script);
});
// Figures move their ranges as data come in; Plotly's own uirevision gives way to that, so a viewer's zoom is kept here.
const follow = element => element.on('plotly_relayout', changes => {
  const axes = new Set(Object.keys(changes).map(key => key.match(/^([xy]axis[0-9]*)[.](?:auto)?range/)?.[1]).filter(Boolean));
  for (const axis of axes) {
    const {range, _rangeInitial0, _rangeInitial1} = element._fullLayout[axis];
    const reset = changes[axis + '.autorange'] || (range[0] === _rangeInitial0 && range[1] === _rangeInitial1);
    if (reset) delete element.zoom[axis]; else element.zoom[axis] = [...range];
  }
  if (axes.size) draw(element);
});
const draw = element => plotly().then(P => {
  const layout = {...element.figure.layout, uirevision: 'keep'};
  element.drawn = (element.drawn ?? 0) + 1;
  for (const axis of Object.keys(layout).filter(key => /^[xy]axis[0-9]*$/.test(key)))
    layout[axis] = {...layout[axis], uirevision: element.drawn, ...(element.zoom[axis] && {range: element.zoom[axis], autorange: false})};
  return P.react(element, element.figure.data, layout, element.config);
});
// One picture at a time, the topmost first; in between the browser may paint and heed the viewer.
const waiting = new Set(), top = element => element.getBoundingClientRect().top;
const rest = () => new Promise(resolve => (window.requestIdleCallback ?? setTimeout)(resolve, {timeout: 200}));
let busy = false;
const drawAll = async () => {
  if (busy) return;
  busy = true;
  for (await rest(); waiting.size; await rest()) {
    const element = [...waiting].sort((a, b) => top(a) - top(b))[0];
    waiting.delete(element);
    if (!element.isConnected) continue;
    try {
      await draw(element);
      if (!element.followed) { element.followed = true; follow(element); }
    } catch (error) { console.error(error); }
  }
  busy = false;
};
const drawSoon = element => { if (element.visible !== false) { waiting.add(element); drawAll(); } };
const seen = new IntersectionObserver(entries => entries.forEach(({target, isIntersecting}) => {
  target.visible = isIntersecting;
  if (isIntersecting) drawSoon(target);
}), {rootMargin: '200px'});
plotly();
export default function ({data, parentElement}) {
  let element = parentElement.querySelector('.live-plot');
  if (!element) {
    element = Object.assign(document.createElement('div'), {className: 'live-plot', zoom: {}});
    element.setAttribute('role', 'figure');
    parentElement.appendChild(element);
    seen.observe(element);
  }
  element.setAttribute('aria-label', data.alt);
  Object.assign(element, {figure: JSON.parse(data.figure), config: JSON.parse(data.config)});
  element.style.height = element.figure.layout.height + 'px';
  drawSoon(element);
}
