"""How far each figure of the sample is from the full table, chosen sample and other designs, group by group."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from dashboard.kit import theme, wording
from dashboard.kit.figures import axes
from dashboard.kit.figures.traces import add_dots, dot_size
from l0engine.studies.samples.result import SampleResult

TITLES = {"l0": "Gates", "hybrid": "Hybrid", "cube": "Cube", "random": "Random", "stratified": "Stratified"}
#: Pixels of a row at most, of a group at least, and of all rows together where there are many.
_ROW, _GROUP, _ALL = 9.0, 24.0, 420.0


class FiguresInfo(NamedTuple):
    """p figures, ordered by group, in a group by the difference of the last method.

    Attributes
    ----------
    values, differences : dict of ndarray, shape (p,)
        Of each method, the chosen one first; differences in standard deviations of the full table.
    """

    names: tuple[str, ...]
    groups: tuple[str, ...]
    full: np.ndarray
    values: dict[str, np.ndarray]
    differences: dict[str, np.ndarray]


def deviations(number: float) -> str:
    """Standard deviations, with two digits; what is nearly nothing is less than 0.0001."""
    return "< 0.0001" if 0 < abs(number) < 1e-4 else wording.short(float(f"{number:.2g}"))


def info(result: SampleResult) -> FiguresInfo:
    """From the result of a study."""
    by = np.asarray(result.differences.get("random", next(iter(result.differences.values()))), float)
    home = {group: i for i, group in enumerate(dict.fromkeys(result.groups))}
    order = np.lexsort((by, [home[g] for g in result.groups]))

    def sort(column: Sequence[float]) -> np.ndarray:
        return np.asarray(column, float)[order]

    return FiguresInfo(
        tuple(result.names[i] for i in order),
        tuple(result.groups[i] for i in order),
        sort(result.full),
        {m: sort(v) for m, v in result.values.items()},
        {m: sort(d) for m, d in result.differences.items()},
    )


def plot(info: FiguresInfo, palette: theme.Palette) -> go.Figure:
    """A dot for each figure and method; the nearer to the middle line the better."""
    y, middles, bounds, pixels = _places(info.groups)
    reach = max((float(np.abs(d).max(initial=0)) for d in info.differences.values()), default=0.0) or 1.0
    step = axes.nice_step(reach / 3)
    ticks = np.arange(-np.ceil(reach / step), np.ceil(reach / step) + 1) * step
    across = {"tickvals": ticks.tolist(), "ticktext": [wording.short(round(t, 9)) for t in ticks]}
    x = axes.axis("Difference, in standard deviations", range=[-reach * 1.08, reach * 1.08], **across)
    down = {"tickvals": list(middles.values()), "ticktext": [theme.label(g, 30) for g in middles]}
    rows = axes.axis("", range=[bounds[-1], 0], showgrid=False, **down)
    fig = theme.figure(palette, "How far each figure is off", _words(info), x, rows, height=round(150 + pixels))
    for bound in bounds[1:-1]:
        fig.add_hline(bound, line={"color": palette.grid, "width": 1})
    fig.add_vline(0, line={"color": palette.target, "width": 1.2, "dash": "dot"})
    looks = _looks(info, palette)
    size = dot_size(len(info.names))
    for method in reversed(info.differences):
        colour, symbol = looks[method]
        marker = {"color": colour, "symbol": symbol, "size": size, "line": {"width": 1.2, "color": colour}}
        rank = 1000 + list(info.differences).index(method)
        add_dots(fig, info.differences[method], y, TITLES[method], _hover(info, method), marker, legendrank=rank)
    return fig


def _places(groups: Sequence[str]) -> tuple[np.ndarray, dict[str, float], list[float], float]:
    """Height of each dot, middle of each group, bounds between groups, and all of it, in pixels."""
    row = min(_ROW, _ALL / max(len(groups), 1))
    y, middles, bounds = [], {}, [0.0]
    for group in dict.fromkeys(groups):
        count = groups.count(group)
        span = max(count * row, _GROUP) + row
        middles[group] = bounds[-1] + span / 2
        y += [middles[group] + (i - (count - 1) / 2) * row for i in range(count)]
        bounds.append(bounds[-1] + span)
    return np.array(y), middles, bounds, bounds[-1]


def _looks(info: FiguresInfo, palette: theme.Palette) -> dict[str, tuple[str, str]]:
    """Colour and symbol of each method: the chosen one full, the others hollow."""
    chosen, *others = info.differences
    hollow = zip(others, ((palette.dropped, "circle-open"), (palette.muted, "diamond-open"), (palette.text, "square-open")), strict=False)
    return {chosen: (palette.kept, "circle"), **dict(hollow)}


def _hover(info: FiguresInfo, method: str) -> list[str]:
    out = []
    for name, group, full, value, d in zip(info.names, info.groups, info.full, info.values[method], info.differences[method], strict=True):
        words = wording.amount if group == "means" else wording.percent
        out.append(
            f"<b>{theme.label(name, 60)}</b><br>full table {words(full)}<br>{TITLES[method].lower()} {words(value)}"
            f"<br>{deviations(d)} standard deviations"
        )
    return out


def _words(info: FiguresInfo) -> str:
    parts = [f"{TITLES[m].lower()} {deviations(float(np.abs(d).max(initial=0)))}" for m, d in info.differences.items()]
    return f"Largest difference: {', '.join(parts)}"
