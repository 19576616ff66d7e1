"""A Plotly chart that keeps its element, and so the viewer's zoom, while its data change."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import plotly
import plotly.graph_objects as go
import streamlit.components.v2 as components

from dashboard.figures.theme import CONFIG

_JS = """
let loading;
const plotly = () => loading ??= new Promise((resolve, reject) => {
  if (window.Plotly) return resolve(window.Plotly);
  const script = Object.assign(document.createElement('script'), {src: SRC, onload: () => resolve(window.Plotly), onerror: reject});
  document.head.appendChild(script);
});
export default function ({data, parentElement}) {
  let element = parentElement.querySelector('.live-plot');
  if (!element) {
    element = Object.assign(document.createElement('div'), {className: 'live-plot'});
    element.setAttribute('role', 'img');
    parentElement.appendChild(element);
  }
  element.setAttribute('aria-label', data.alt);
  const figure = JSON.parse(data.figure);
  element.style.height = figure.layout.height + 'px';
  plotly().then(P => P.react(element, figure.data, {...figure.layout, uirevision: 'keep'}, JSON.parse(data.config)));
}
"""


def _serve_plotly() -> str:
    """Copy plotly.js from the installed package to where Streamlit serves it; its address, with its version."""
    source = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
    target = Path(__file__).parent.parent / "static" / "plotly.min.js"
    if not target.exists() or target.stat().st_size != source.stat().st_size:
        target.parent.mkdir(exist_ok=True)
        shutil.copyfile(source, target)
    return f"/app/static/plotly.min.js?{plotly.__version__}"


_component = components.component("live_plot", html="", js=f"const SRC = '{_serve_plotly()}';\n{_JS}", isolate_styles=False)


def live_plot(figure: go.Figure, *, key: str, alt: str) -> None:
    """Draw a figure in place.

    Parameters
    ----------
    figure : Figure
        With a height in its layout.
    key : str
        The same key keeps the element and the zoom.
    alt : str
        What the picture shows, for screen readers.
    """
    height = int(figure.layout.height)
    _component(data={"figure": figure.to_json(), "config": json.dumps(CONFIG), "alt": alt}, key=key, height=height)
