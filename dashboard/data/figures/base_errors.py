"""Error of every target, by group: which families of totals a set of weights misses, and by how much."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from dashboard.kit import theme, wording
from dashboard.kit.figures import axes
from dashboard.kit.figures.traces import ALONE, add_dots, dot_size, jitter
from l0engine.calibration.metrics import relative_errors
from l0engine.calibration.problem.problem import Problem

#: Groups drawn one by one; the targets of smaller groups share a last row.
MAX_GROUPS = 30
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


class Group(NamedTuple):
    """One row: its reachable and unreachable targets by number, and quantiles of the error of the reachable ones."""

    name: str
    targets: np.ndarray
    unreachable: np.ndarray
    quantiles: tuple[float, ...]

    @property
    def median(self) -> float:
        """Median absolute relative error; nan where no target can be reached."""
        return self.quantiles[_QUANTILES.index(0.5)]


class BaseErrorsInfo(NamedTuple):
    """What is drawn, the worst group first.

    Attributes
    ----------
    groups : tuple of Group
        By falling median error.
    names, errors : ndarray
        Name and signed relative error of every target.
    reference : bool
        True at the base weights.
    median : float
        Median absolute relative error of all reachable targets.
    """

    groups: tuple[Group, ...]
    names: np.ndarray
    errors: np.ndarray
    reference: bool
    median: float


def info(problem: Problem, weights: np.ndarray | None = None) -> BaseErrorsInfo:
    """Errors at `weights`, or at the base weights."""
    errors = relative_errors(problem, problem.base_weights if weights is None else weights)
    rows = problem.groups.astype(str)
    names, sizes = np.unique(rows, return_counts=True)
    if len(names) > MAX_GROUPS:
        small = names[np.argsort(-sizes, kind="stable")[MAX_GROUPS - 1 :]]
        rows = np.where(np.isin(rows, small), f"{len(small)} smaller groups", rows)
        names = np.unique(rows)
    groups = [_group(name, rows == name, errors, problem.reachable) for name in names]
    ordered = sorted(groups, key=lambda g: -np.nan_to_num(g.median, nan=-1.0))
    some = np.abs(errors[problem.reachable])
    median = float(np.median(some)) if len(some) else np.nan
    return BaseErrorsInfo(tuple(ordered), problem.names, errors, weights is None, median)


def _group(name: str, mine: np.ndarray, errors: np.ndarray, reachable: np.ndarray) -> Group:
    targets = np.flatnonzero(mine & reachable)
    size = np.abs(errors[targets])
    quantiles = tuple(float(q) for q in np.quantile(size, _QUANTILES)) if len(size) else (np.nan,) * len(_QUANTILES)
    return Group(str(name), targets, np.flatnonzero(mine & ~reachable), quantiles)


def plot(info: BaseErrorsInfo, palette: theme.Palette) -> go.Figure:
    """A strip of dots and a median mark for each group; above 10,000 targets bars from quantile to quantile instead."""
    groups = info.groups
    shown, lost = (sum(len(t) for t in every) for every in zip(*[(g.targets, g.unreachable) for g in groups], strict=True))
    where = "at base weights" if info.reference else "by group"
    subtitle = f"Half of the targets are within {wording.percent(info.median)}" if shown else "No target can be reached"
    y = axes.axis(
        "Target group",
        range=[len(groups) - 0.45, -0.55],
        tickvals=list(range(len(groups))),
        showgrid=False,
        ticktext=[theme.label(g.name, 22) for g in groups],
    )
    x = axes.percent_log_axis("Absolute relative error (log scale)", info.errors)
    fig = theme.figure(palette, f"Error of the targets {where}", subtitle, x, y, height=170 + 38 * max(len(groups), 2))
    colour = palette.dropped if info.reference else palette.kept
    if shown > theme.MAX_POINTS:
        _bars(fig, groups, colour)
    else:
        _dots(fig, info, colour, palette)
    words = [f"<b>{theme.label(g.name)}</b><br>{_counts(g)}<br>median error {wording.percent(g.median)}" for g in groups]
    stroke = {"symbol": "line-ns", "size": 20, "line": {"width": 3, "color": palette.target}}
    add_dots(fig, _floored([g.median for g in groups]), list(range(len(groups))), "Group median", words, stroke)
    if lost:
        _unreachable(fig, info, lost, palette)
    return fig


def _dots(fig: go.Figure, info: BaseErrorsInfo, colour: str, palette: theme.Palette) -> None:
    x = axes.at_least(info.errors[np.concatenate([g.targets for g in info.groups])])
    y = np.concatenate([i + jitter(len(g.targets), 0.62) for i, g in enumerate(info.groups)])
    hover = [
        f"<b>{theme.label(info.names[t])}</b><br>{theme.label(g.name)}<br>error {wording.percent(info.errors[t])}"
        for g in info.groups
        for t in g.targets
    ]
    add_dots(fig, x, y, "One target", hover, {"color": palette.faded(colour, 0.5), "size": dot_size(len(x))})


def _bars(fig: go.Figure, groups: tuple[Group, ...], colour: str) -> None:
    for name, low, high, width in (("5 % to 95 %", 0, 4, 3), ("Middle half", 1, 3, 12)):
        x: list[float | None] = []
        y: list[float | None] = []
        hover: list[str] = []
        for i, g in enumerate(groups):
            ends = [g.quantiles[low], g.quantiles[high]]
            words = f"<b>{theme.label(g.name)}</b><br>{name} of its targets:<br>{' to '.join(theme.texts(wording.percent, ends))}"
            x += [*_floored(ends), None]
            y += [i, i, None]
            hover += [words] * 3
        line = {"color": colour, "width": width}
        fig.add_scatter(x=x, y=y, mode="lines", name=name, line=line, customdata=hover, hovertemplate=ALONE)


def _unreachable(fig: go.Figure, info: BaseErrorsInfo, lost: int, palette: theme.Palette) -> None:
    """One cross a target, or one a group where there are very many."""
    rows = [(i, g, t) for i, g in enumerate(info.groups) for t in g.unreachable]
    if lost <= 500:
        x = axes.at_least(info.errors[[t for *_, t in rows]])
        y = [i + 0.55 * o for (i, _, _), o in zip(rows, jitter(lost, 1.0), strict=True)]
        hover = [f"<b>{theme.label(info.names[t])}</b><br>{theme.label(g.name)}<br>no household can reach it" for _, g, t in rows]
    else:
        x = [1.0] * sum(len(g.unreachable) > 0 for g in info.groups)
        y = [i for i, g in enumerate(info.groups) if len(g.unreachable)]
        hover = [f"<b>{theme.label(info.groups[i].name)}</b><br>{wording.count(len(info.groups[i].unreachable))} unreachable" for i in y]
    add_dots(fig, x, y, f"Unreachable ({wording.count(lost)})", hover, {"symbol": "x", "size": 8, "color": palette.error})


def _floored(values: list[float]) -> list[float | None]:
    return [None if np.isnan(v) else float(max(v, axes.ERROR_FLOOR)) for v in values]


def _counts(g: Group) -> str:
    more = f", {wording.count(len(g.unreachable))} unreachable" if len(g.unreachable) else ""
    return wording.plural(len(g.targets), "target") + more
