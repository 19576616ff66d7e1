// Controls and what they give (see panel.py): what is set shows at once; one question at a time, and the newest values next.
const SLOW = 400, REST = 300;  // milliseconds after which it is said that an answer takes time, and of stillness before the page is told
const made = (tag, attributes = {}, ...parts) => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...parts);
  return element;
};

const help = (panel, label, words) => {
  const button = made('button', {type: 'button', class: 'help', 'aria-label': `${label}: ${words}`}, '?');
  const show = () => {
    panel.tip.textContent = words; panel.tip.hidden = false;
    const here = button.getBoundingClientRect(), whole = panel.getBoundingClientRect();
    panel.tip.style.left = Math.max(0, Math.min(here.left - whole.left, whole.width - panel.tip.offsetWidth)) + 'px';
    panel.tip.style.top = here.bottom - whole.top + 6 + 'px';
  };
  const hide = () => { panel.tip.hidden = true; };
  Object.assign(button, {onpointerenter: show, onfocus: show, onclick: show, onpointerleave: hide, onblur: hide});
  button.onkeydown = event => { if (event.key === 'Escape') hide(); };
  return button;
};

// Each kind: its element, and `put`, which shows a value.
const kinds = {
  slider(panel, {name, label, help: words, options}, id) {
    const input = made('input', {type: 'range', id, min: 0, max: options.length - 1, step: 1}), output = made('output', {for: id});
    const told = () => {
      output.textContent = options[input.value][1];
      input.setAttribute('aria-valuetext', output.textContent);
      input.style.setProperty('--done', 100 * input.value / (options.length - 1) + '%');
    };
    input.oninput = () => { told(); set(panel, name, options[input.value][0]); };
    const element = made('div', {}, made('div', {class: 'head'}, made('label', {for: id}, label), help(panel, label, words), output), input);
    return {element, put: value => { input.value = options.findIndex(option => option[0] === value); told(); }};
  },
  switch(panel, {name, label, help: words, options}, id) {
    const input = made('input', {type: 'checkbox', role: 'switch', id});
    input.onchange = () => set(panel, name, options[Number(input.checked)][0]);
    const element = made('div', {}, made('div', {class: 'head'}, made('label', {for: id}, input, label), help(panel, label, words)));
    return {element, put: value => { input.checked = value === options[1][0]; }};
  },
  segments(panel, {name, label, help: words, options}, id) {
    const choices = made('div', {class: 'choices'}), inputs = options.map(([value, text]) => {
      const input = made('input', {type: 'radio', name: id, value});
      input.onchange = () => set(panel, name, value);
      choices.append(made('label', {}, input, text));
      return input;
    });
    const head = made('div', {class: 'head'}, made('span', {id}, label), ...(words ? [help(panel, label, words)] : []));
    const element = made('div', {role: 'radiogroup', 'aria-labelledby': id}, head, choices);
    return {element, put: value => inputs.forEach(input => { input.checked = input.value === value; })};
  },
  number(panel, {name, label, help: words, options}, id) {
    const [low, high] = options.map(option => Number(option[0]));
    const input = made('input', {type: 'number', id, min: low, max: high, step: 1, inputmode: 'numeric'});
    const right = () => input.value !== '' && input.checkValidity();
    input.oninput = () => { if (right()) set(panel, name, String(Number(input.value))); };
    input.onblur = () => { if (!right()) input.value = panel.values[name]; };
    const by = (step, sign, words) => {
      const button = made('button', {type: 'button', tabindex: -1, 'aria-label': `${label}: ${words}`}, sign);
      button.onclick = () => { input.value = Math.min(high, Math.max(low, Number(panel.values[name]) + step)); input.oninput(); };
      return button;
    };
    const head = made('div', {class: 'head'}, made('label', {for: id}, label), help(panel, label, words));
    const element = made('div', {}, head, made('div', {class: 'field'}, input, by(-1, '−', 'one less'), by(1, '+', 'one more')));
    return {element, put: value => { if (document.activeElement !== input || right()) input.value = value; }};  // what is half typed stays
  },
};

const set = (panel, name, value) => {
  if (panel.values[name] === value) return;
  panel.values[name] = value;
  panel.asked = performance.timeOrigin + performance.now();
  if (!panel.asking) ask(panel);
};
// From the server at once, past the page: one question at a time, the newest values next; the page hears of it when all is still.
const ask = async panel => {
  panel.asking = true;
  clearTimeout(panel.rest);
  const slow = setTimeout(() => { panel.wait.hidden = false; }, SLOW);
  let asked, answer;
  do { asked = panel.asked; answer = await answered(panel); } while (answer && asked !== panel.asked);
  clearTimeout(slow); panel.wait.hidden = true; panel.asking = false;
  if (answer) panel.rest = setTimeout(() => tell(panel), REST); else tell(panel);
};
const answered = async panel => {
  const values = Object.entries({...panel.always, ...panel.values}).filter(([, value]) => value !== null), {asked} = panel;
  try {
    const sent = await fetch(`${location.pathname.replace(/[/]+$/, '')}/answer?${new URLSearchParams(values)}`);
    const answer = await sent.json(), player = document.querySelector('.player');
    if (answer.refused || !player?.show || !panel.isConnected) return false;  // the page says why
    player.show(answer.player, asked);
    show(panel, answer.panel, asked === panel.asked);  // what was set since stays
    return true;
  } catch { return false; }
};
const tell = panel => {
  clearTimeout(panel.rest);
  if (panel.told === panel.asked) return;
  panel.told = panel.asked;
  panel.send('asked', {n: panel.asked, values: {...panel.values}});
};

const note = (element, said) => {
  element.hidden = !said;
  if (!said) return;
  element.dataset.kind = said.kind;
  element.replaceChildren(...(said.first ? [made('b', {}, said.first), ' '] : []), said.text);
};

const build = parentElement => {
  const part = (tag, name, more = {}) => made(tag, {class: name, ...more});
  const panel = made('div', {class: 'panel'}), top = part('div', 'row');
  Object.assign(panel, {
    values: {}, asked: null, told: null, asking: false, puts: new Map(), question: part('div', 'row'), answer: part('p', 'note', {role: 'status'}),
    controls: part('div', 'row controls'), figures: part('dl', 'row figures'), verdict: part('p', 'note', {role: 'status'}),
    tip: part('div', 'tip', {'aria-hidden': 'true'}), wait: part('p', 'wait', {role: 'status'}),
  });
  panel.tip.hidden = panel.wait.hidden = true;
  panel.wait.textContent = 'The engine computes …';
  top.append(panel.question, panel.answer);
  panel.append(top, panel.controls, panel.figures, panel.verdict, panel.tip, panel.wait);
  panel.onpointerleave = () => tell(panel);  // before anything else on the page is pressed
  panel.addEventListener('focusout', event => { if (!panel.contains(event.relatedTarget)) tell(panel); });
  parentElement.append(panel);
  return panel;
};

// Each control, and the figures, stay the same elements while only their values change.
const show = (panel, data, current) => {
  for (const [name, colour] of Object.entries(data.look)) panel.style.setProperty(`--panel-${name}`, colour);
  const controls = [data.question, ...data.controls], elements = controls.map(control => {
    const shape = JSON.stringify({...control, value: null});
    let known = panel.puts.get(control.name);
    if (known?.shape !== shape) {
      known = {shape, ...kinds[control.kind](panel, control, `panel-${control.name}`)};
      known.element.classList.add('control', control.kind);
      panel.puts.set(control.name, known);
    }
    return known.element;
  });
  keep(panel.question, elements.slice(0, 1)); keep(panel.controls, elements.slice(1));
  const figures = JSON.stringify(data.figures.map(f => [f.label, f.help]));
  if (panel.shape !== figures) {
    panel.shape = figures;
    panel.numbers = data.figures.map(() => made('dd'));
    panel.figures.replaceChildren(...data.figures.map((figure, i) =>
      made('div', {}, made('dt', {}, made('span', {}, figure.label), help(panel, figure.label, figure.help)), panel.numbers[i])));
  }
  data.figures.forEach((figure, i) => { panel.numbers[i].textContent = figure.value; });
  note(panel.answer, data.answer); note(panel.verdict, data.verdict);
  if (!current) return;
  panel.values = Object.fromEntries(controls.map(({name, value}) => [name, value]));
  for (const {name, value} of controls) panel.puts.get(name).put(value);
};
const keep = (row, elements) => {
  if (elements.length !== row.children.length || elements.some((element, i) => element !== row.children[i])) row.replaceChildren(...elements);
};

export default function ({data, parentElement, setStateValue}) {
  const panel = parentElement.querySelector('.panel') ?? build(parentElement);
  Object.assign(panel, {send: setStateValue, always: data.always});
  if ((data.answered ?? 0) >= (panel.asked ?? 0)) show(panel, data, true);  // else newer is shown already
}
