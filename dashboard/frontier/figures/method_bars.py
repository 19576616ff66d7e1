"""Methods side by side at one size: error, held-out error, effective sample size and largest weight ratio, a bar each."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go

from dashboard.frontier.figures import point as frontier_point
from dashboard.kit import theme, wording
from dashboard.kit.figures import axes
from dashboard.kit.figures.traces import SECOND, add_bars, positive
from l0engine.jobs.records import PointRecord

_HEAD, _ROW = 122, 50  # pixels
_GAP = 0.045  # between panels, as a share of the width


class MethodBarsInfo(NamedTuple):
    """One entry a point, this fit first, then by rising median error; nan where something was not measured."""

    points: tuple[PointRecord, ...]
    titles: tuple[str, ...]
    error: np.ndarray
    held_out: np.ndarray
    ess: np.ndarray
    ratio: np.ndarray


def info(points: Sequence[PointRecord]) -> MethodBarsInfo:
    """Points at one size; a method that is there twice gets its households after its name."""

    def rank(p: PointRecord) -> tuple[bool, float, int]:
        error = frontier_point.error(p)
        return p.method != frontier_point.OURS, error if math.isfinite(error) else math.inf, p.measures.kept

    rows = tuple(sorted(points, key=rank))
    methods = [p.method for p in rows]
    sizes = [f" ({wording.count(p.measures.kept)})" if methods.count(p.method) > 1 else "" for p in rows]
    titles = tuple(frontier_point.title(p.method) + size for p, size in zip(rows, sizes, strict=True))
    columns = [(frontier_point.error(p), frontier_point.held_out(p), p.measures.ess, p.measures.max_weight_ratio) for p in rows]
    return MethodBarsInfo(rows, titles, *np.array(columns, float).reshape(-1, 4).T)


class _Panel(NamedTuple):
    name: str
    values: np.ndarray
    words: Callable[[float], str]
    colour: str
    error: bool = False


def plot(info: MethodBarsInfo, palette: theme.Palette) -> go.Figure:
    """A panel for each measure with its values written out; names stand over the bars, so that a phone has room for both."""
    panels = [_Panel("Median<br>error", info.error, wording.percent, palette.kept, True)]
    if np.isfinite(info.held_out).any():
        panels.append(_Panel("Held-out<br>median", info.held_out, wording.percent, palette.held_out, True))
    panels += [
        _Panel("Effective<br>sample size", info.ess, _count, palette.kept),
        _Panel("Largest<br>weight / base", info.ratio, _times, palette.kept),
    ]
    low, high = -0.8, max(len(info.points), 1) - 0.6
    fig = theme.figure(palette, "Methods compared", _subtitle(info), {}, {}, height=_HEAD + round(_ROW * (high - low)) + 8)
    fig.update_layout(showlegend=False, bargap=0.62, margin={"t": _HEAD})
    width = (1 - _GAP * (len(panels) - 1)) / len(panels)
    for n, panel in enumerate(panels):
        left = n * (width + _GAP)
        number = "" if n == 0 else str(n + 1)
        across = _axis(panel) | {"domain": [left, min(left + width, 1.0)], "anchor": f"y{number}"}
        down = {"anchor": f"x{number}", "range": [high, low], "visible": False} | ({"matches": "y"} if n else {})
        fig.update_layout({f"xaxis{number}": across, f"yaxis{number}": down})
        _bars(fig, info, panel, number, palette)
    for i, (point, name) in enumerate(zip(info.points, info.titles, strict=True)):
        text, colour = (f"<b>{name}</b>", palette.text) if point.method == frontier_point.OURS else (name, palette.muted)
        place = {"x": 0, "xref": "paper", "xanchor": "left", "xshift": -2, "y": i, "yref": "y", "yshift": 19}
        fig.add_annotation(text=text, font={"size": 13, "color": colour}, **place)
    return fig


def _bars(fig: go.Figure, info: MethodBarsInfo, panel: _Panel, number: str, palette: theme.Palette) -> None:
    values = axes.at_least(panel.values) if panel.error else panel.values
    known = positive(values)
    words = [[p.key, frontier_point.hover(p)] for p in info.points]
    colours = [panel.colour if p.method == frontier_point.OURS else palette.dropped for p in info.points]
    place = {"orientation": "h", "xaxis": f"x{number}", "yaxis": f"y{number}", "cliponaxis": False, "hovertemplate": SECOND}
    texts = {"text": [panel.words(v) for v in panel.values], "textposition": "outside", "textangle": 0}
    font = {"size": 12, "color": palette.text}
    name = panel.name.replace("<br>", " ")
    add_bars(fig, known, list(range(len(known))), name, words, colours, textfont=font, **texts, **place)
    for i, value in enumerate(known):
        if value is None:
            at = {"x": 0, "xref": f"x{number} domain", "xanchor": "left", "y": i, "yref": f"y{number}"}
            fig.add_annotation(text=wording.MISSING, hovertext="not measured", font={"size": 13}, **at)


def _axis(panel: _Panel) -> dict[str, Any]:
    """Room at the right for the value; logarithmic for errors and where values differ more than tenfold, which the name then says."""
    values = axes.at_least(panel.values) if panel.error else panel.values
    values = values[np.isfinite(values) & (values > 0)]
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.01, 1.0)
    log = panel.error or high > 10 * low
    shape: dict[str, Any] = {"range": [0, high * 1.9]}
    if log:
        a, b = math.log10(low), math.log10(high)
        length = max(b - a, 0.5)
        a, b = a - 0.25 * length, max(b, a + length)
        shape = {"type": "log", "range": [a, b + 1.1 * (b - a)]}
    bare = {"showgrid": False, "showticklabels": False, "fixedrange": True, "side": "top"}
    return axes.axis(f"{panel.name}<br>{'(log)' if log else ' '}", **shape, **bare)


def _subtitle(info: MethodBarsInfo) -> str:
    """A low error by itself is no merit: a linear program meets every target with few households and absurd weights."""
    if not info.points:
        return "No method has been computed at this size yet"
    return f"At {wording.plural(info.points[0].measures.kept, 'household')}; low error alone proves little"


def _count(value: float) -> str:
    return wording.short(value) if math.isfinite(value) and value >= 100_000 else wording.count(value)


def _times(value: float) -> str:
    return f"{wording.short(value)} ×" if math.isfinite(value) and value >= 10_000 else wording.ratio(value)
