"""A Plotly chart that keeps its element, and so the viewer's zoom, while its data change."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import plotly
import streamlit.components.v2 as components

from dashboard.kit.browser import code
from dashboard.kit.chart import Plot, config, palette


def _serve_plotly() -> str:
    """Copy plotly.js from the installed package to where Streamlit serves it; its address, with its version."""
    source = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
    target = Path(__file__).parents[2] / "static" / "plotly.min.js"
    if not target.exists() or target.stat().st_size != source.stat().st_size:
        target.parent.mkdir(exist_ok=True)
        shutil.copyfile(source, target)
        os.utime(target, (0, 0))  # what was last changed long ago browsers keep without asking; the address has the version
    return f"/app/static/plotly.min.js?{plotly.__version__}"


_JS = f"const SRC = '{_serve_plotly()}';\n{code('live_plot.js')}"
_component = components.component("live_plot", html="", js=_JS, isolate_styles=False)


def live_plot(plot: Plot, info: Any, *, key: str, alt: str) -> None:
    """Draw a figure in place, as `chart` does; the same key keeps the element and the zoom."""
    figure = plot(info, palette())
    _component(data={"figure": figure.to_json(), "config": json.dumps(config()), "alt": alt}, key=key, height=int(figure.layout.height))
