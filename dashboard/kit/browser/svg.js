// What is drawn, as SVG: the part of a canvas's pen that films use. The canvas measures words.
const STYLES = ['fillStyle', 'strokeStyle', 'lineWidth', 'font', 'textAlign', 'textBaseline', 'globalAlpha', 'dash', 'moved'];
const ANCHORS = {left: 'start', center: 'middle', right: 'end'}, BASELINES = {top: 'text-before-edge', middle: 'central', bottom: 'text-after-edge'};
const escaped = text => String(text).replace(/[&<>"]/g, c => `&#${c.charCodeAt()};`);
const named = attributes => Object.entries(attributes).map(([name, value]) => ` ${name}="${escaped(value)}"`).join('');

class Svg {
  constructor(canvas) { Object.assign(this, {measure: canvas.getContext('2d'), parts: [], kept: [], path: '', dash: '', moved: '', globalAlpha: 1, lineWidth: 1}); }
  put(tag, attributes, words = '') {
    const own = {...attributes, ...(this.globalAlpha < 1 && {opacity: this.globalAlpha}), ...(this.moved && {transform: this.moved})};
    this.parts.push(`<${tag}${named(own)}>${escaped(words)}</${tag}>`);
  }
  line() { return {fill: 'none', stroke: this.strokeStyle, 'stroke-width': this.lineWidth, ...(this.dash && {'stroke-dasharray': this.dash})}; }
  save() { this.kept.push(STYLES.map(name => this[name])); }
  restore() { this.kept.pop().forEach((value, i) => { this[STYLES[i]] = value; }); }
  translate(x, y) { this.moved += `translate(${x} ${y})`; }
  rotate(angle) { this.moved += `rotate(${angle * 180 / Math.PI})`; }
  setLineDash(dash) { this.dash = dash.join(' '); }
  measureText(word) { this.measure.font = this.font; return this.measure.measureText(word); }
  fillText(word, x, y) {
    const [, weight, size, family] = this.font.match(/^(?:(\d+) )?(\d+)px (.*)$/);
    this.put('text', {x, y, fill: this.fillStyle, 'font-family': family, 'font-size': size, ...(weight && {'font-weight': weight}),
                      'text-anchor': ANCHORS[this.textAlign], 'dominant-baseline': BASELINES[this.textBaseline]}, word);
  }
  fillRect(x, y, width, height) { this.put('rect', {x, y, width: Math.max(width, 0), height: Math.max(height, 0), fill: this.fillStyle}); }
  beginPath() { this.path = ''; }
  moveTo(x, y) { this.path += `M${x} ${y}`; }
  lineTo(x, y) { this.path += `L${x} ${y}`; }
  arc(x, y, r) { this.path += `M${x - r} ${y}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0`; }
  fill() { this.put('path', {d: this.path, fill: this.fillStyle}); }
  stroke() { this.put('path', {d: this.path, ...this.line()}); }
  drawImage(image, x, y, width, height) {
    const canvas = Object.assign(document.createElement('canvas'), {width: image.width, height: image.height});
    canvas.getContext('2d').drawImage(image, 0, 0);
    this.put('image', {href: canvas.toDataURL(), x, y, width, height, preserveAspectRatio: 'none'});
  }
  text(width, height) { return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${this.parts.join('')}</svg>`; }
}
