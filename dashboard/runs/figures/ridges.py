"""Gates of a run over time: a ridge for each of some steps, the last one in front."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from dashboard.kit import theme, wording
from dashboard.kit.figures import axes
from dashboard.kit.figures.traces import ALONE, add_line
from dashboard.runs.figures.looks import Drawn
from l0engine.calibration.results import Snapshot
from l0engine.gates.bins import GATE_BINS

#: Ridges of the whole run.
RIDGES = 9
#: A ridge may be so many times as high as they lie apart.
_OVERLAP = 1.7
#: Where gates of exactly 0 and exactly 1 stand.
ENDS = ((-0.10, -0.03), (1.03, 1.10))


class Ridge(NamedTuple):
    """Households by their gate after a step, see `counts`."""

    step: int
    counts: np.ndarray


class RidgesInfo(NamedTuple):
    """Ridges by step, of a problem of so many households."""

    run: Drawn
    ridges: tuple[Ridge, ...]
    n_households: int


def info(run: Drawn, snapshots: Sequence[Snapshot], n_households: int) -> RidgesInfo:
    """Evenly chosen snapshots, with the first and the last."""
    chosen = np.unique(np.linspace(0, len(snapshots) - 1, RIDGES).round().astype(int)) if snapshots else ()
    return RidgesInfo(run, tuple(Ridge(snapshots[i].step, counts(snapshots[i], n_households)) for i in chosen), n_households)


def counts(s: Snapshot, n_households: int) -> np.ndarray:
    """Households by their gate: exactly 0, by `GATE_BINS`, exactly 1; shape (22,)."""
    return np.array([round(s.gate_zero * n_households), *s.gate_counts, round(s.gate_one * n_households)], int)


def plot(info: RidgesInfo, palette: theme.Palette) -> go.Figure:
    """Time runs down the page; the height is the log of households, as the ends hold nearly everything."""
    ticks = {-0.065: "0<br>closed", 0.25: "0.25", 0.5: "0.5", 0.75: "0.75", 1.065: "1<br>open"}
    x = axes.axis("Gate", range=[-0.13, 1.13], tickvals=list(ticks), ticktext=list(ticks.values()), showgrid=False)
    steps = [r.step for r in info.ridges] or [0, 1]
    apart = max((steps[-1] - steps[0]) / max(len(steps) - 1, 1), 1.0)
    shown = [s for s in steps if s == steps[-1] or steps[-1] - s >= 0.6 * apart]
    y = axes.axis(
        "Step", range=[steps[-1] + 0.3 * apart, steps[0] - (_OVERLAP + 0.1) * apart], tickvals=shown,
        ticktext=theme.texts(wording.short, shown), showgrid=False,
    )  # fmt: skip
    fig = theme.figure(palette, info.run.label, _subtitle(info), x, y, height=400)
    fig.update_layout(showlegend=False)
    unit = _OVERLAP * apart / np.log1p(max(info.n_households, 1))
    quiet = palette.faded(info.run.colour, 0.16)
    for ridge in info.ridges[:-1]:
        _draw(fig, ridge, unit, palette.faded(info.run.colour, 0.55), quiet, 1.0, info.n_households)
    for ridge in info.ridges[-1:]:
        _draw(fig, ridge, unit, info.run.colour, palette.faded(info.run.colour, 0.7), 2.0, info.n_households)
    return fig


def _subtitle(info: RidgesInfo) -> str:
    if not info.ridges:
        return "No step recorded yet"
    step, last = info.ridges[-1]
    n = max(int(last.sum()), 1)
    parts = ((last[0], "closed"), (last[1:-1].sum(), "between"), (last[-1], "open"))
    shares = ", ".join(f"{wording.percent(count / n)} {word}" for count, word in parts)
    return f"Step {wording.count(step)}: {shares}"


def _draw(fig: go.Figure, ridge: Ridge, unit: float, line: str, fill: str, width: float, n_households: int) -> None:
    """Steps over the bins, down to the base between them and the ends; a flat line first, so that the fill ends there."""
    bins = [ENDS[0], *itertools.pairwise(GATE_BINS), ENDS[1]]
    names = ["exactly 0", *(f"{a:.2f} to {b:.2f}" for a, b in bins[1:-1]), "exactly 1"]
    x: list[float] = []
    y: list[float] = []
    words: list[str] = []
    for i, ((a, b), count, name) in enumerate(zip(bins, ridge.counts, names, strict=True)):
        said = f"Step {wording.count(ridge.step)}, gate {name}<br>{wording.of(count, n_households)}"
        if i in (1, len(bins) - 1):
            x, y, words = [*x, x[-1], a], [*y, ridge.step, ridge.step], [*words, words[-1], said]
        height = ridge.step - float(np.log1p(count)) * unit
        x, y, words = [*x, a, b], [*y, height, height], [*words, said, said]
    fig.add_scatter(x=[x[0], x[-1]], y=[ridge.step] * 2, mode="lines", line={"color": line, "width": 0.6}, hoverinfo="skip")
    add_line(fig, x, y, f"Step {ridge.step:,}", words, line, width=width, hover=ALONE, fill="tonexty", fillcolor=fill)
