"""A sweep: many runs of one problem, which of them are worth having, and which settings made them so."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go

from dashboard.kit import setting_names, theme, wording
from dashboard.kit.figures import axes
from dashboard.kit.figures.traces import SECOND, add_dots
from l0engine.jobs.records import RunRecord

_NONE = "No run of the sweep has finished yet"


class SweepInfo(NamedTuple):
    """One entry a run that ended with measurable weights.

    Attributes
    ----------
    fields : tuple of str
        The settings that were varied.
    values : tuple of tuple
        What each run had for them, in their order.
    kept, error, ess : ndarray
        Households, median absolute relative error, effective sample size.
    front : ndarray of bool
        See `pareto`.
    """

    ids: tuple[str, ...]
    fields: tuple[str, ...]
    values: tuple[tuple[Any, ...], ...]
    kept: np.ndarray
    error: np.ndarray
    ess: np.ndarray
    front: np.ndarray


def info(runs: Sequence[RunRecord], fields: Sequence[str]) -> SweepInfo:
    """From `RunRecord.outcome`; runs without one, or without an error that is a number, are left out."""
    ended = [(run, run.outcome.final) for run in runs if run.outcome is not None and run.outcome.final is not None]
    good = [(run, m) for run, m in ended if math.isfinite(m.median_abs_rel_error) and m.kept > 0]
    columns = np.array([(m.kept, m.median_abs_rel_error, m.ess) for _, m in good], float).reshape(-1, 3).T
    values = tuple(tuple(getattr(run.config, f) for f in fields) for run, _ in good)
    return SweepInfo(tuple(run.id for run, _ in good), tuple(fields), values, *columns, front=pareto(columns[0], columns[1]))


def pareto(kept: np.ndarray, error: np.ndarray) -> np.ndarray:
    """True for a run to which no other is better in one and at least as good in the other; both of two equal runs.

    Parameters
    ----------
    kept, error : array, shape (n,)
        Less is better; a run with a nan is never on the front.
    """
    kept, error = np.asarray(kept, float), np.asarray(error, float)
    front = np.zeros(len(kept), bool)
    at, best = math.nan, math.inf
    for i in np.lexsort((error, kept)):
        if not math.isnan(kept[i]) and (error[i] < best or (error[i] == best and kept[i] == at)):
            front[i], at, best = True, kept[i], error[i]
    return front


def plot_pareto(info: SweepInfo, palette: theme.Palette) -> go.Figure:
    """All runs, and a line through those on the front; the customdata of every marker begin with the run's id."""
    n = len(info.ids)
    subtitle = f"{wording.count(info.front.sum())} of {wording.plural(n, 'run')} are not beaten on both" if n else _NONE
    x = axes.count_log_axis("Households kept (log scale)", info.kept)
    y = axes.percent_log_axis("Median error (log scale)", info.error if n else [1e-4, 1.0])
    fig = theme.figure(palette, "Runs of the sweep", subtitle, x, y, height=420).update_layout(clickmode="event+select")
    order = np.lexsort((info.error, info.kept))
    whole = {"marker": {"opacity": 1}}
    other = {"size": 8, "color": palette.faded(palette.dropped, 0.55)}
    best = {"size": 10, "color": palette.kept, "line": {"width": 1.2, "color": palette.surface}}
    joined = {"mode": "lines+markers", "line": {"color": palette.kept, "width": 2}}
    for name, mine, marker, look in (("Other runs", ~info.front, other, {}), ("Pareto front", info.front, best, joined)):
        rows = order[mine[order]]
        if len(rows):
            words, look = [[info.ids[i], _hover(info, i)] for i in rows], {"selected": whole, "unselected": whole, **look}
            add_dots(fig, info.kept[rows], axes.at_least(info.error[rows]), name, words, marker, hovertemplate=SECOND, **look)
    return fig


def plot_parallel(info: SweepInfo, palette: theme.Palette) -> go.Figure:
    """A line a run through its settings and its measures; those on the front are coloured and drawn last."""
    n = len(info.ids)
    key = f"{theme.swatch(palette.kept)} Pareto front  {theme.swatch(palette.dropped)} other runs"
    subtitle, hidden = f"{key}; drag along an axis to filter" if n else _NONE, {"visible": False}
    fig = theme.figure(palette, "Settings and what came of them", subtitle, hidden, hidden, height=420)
    if not n:
        return fig
    order = np.argsort(info.front, kind="stable")
    dimensions = [_setting(setting_names.name(f), [info.values[i][column] for i in order]) for column, f in enumerate(info.fields)]
    counts, percents = axes.count_log_axis, axes.percent_log_axis
    dimensions += [
        _measure("Kept", info.kept[order], counts, wording.short),
        _measure("Median<br>error", axes.at_least(info.error[order]), percents, wording.percent),
        _measure("Effective<br>sample size", info.ess[order], counts, wording.short),
    ]
    first = max(len(t) for t in dimensions[0]["ticktext"])
    fig.update_layout(margin={"t": 132, "l": max(48, 16 + 6 * first), "r": 48, "b": 24})
    line = {"color": palette.dropped, "width": 1}
    for at in np.linspace(0, 1, len(dimensions)):  # plotly's own axes are black
        fig.add_shape(type="line", xref="paper", yref="paper", x0=at, x1=at, y0=0, y1=1, line=line, layer="below")
    halo = ", ".join(f"{x}px {y}px 2px {palette.surface}" for x in (-1, 1) for y in (-1, 1))
    colours = {"color": info.front[order].astype(int), "colorscale": [[0, palette.dropped], [1, palette.kept]]}
    return fig.add_parcoords(
        dimensions=dimensions,
        line=colours | {"cmin": 0, "cmax": 1, "showscale": False},
        unselected={"line": {"color": palette.dropped, "opacity": 0.12}},
        labelfont={"size": 12, "color": palette.text, "shadow": "none"},
        tickfont={"size": 11, "color": palette.text, "shadow": halo},
        rangefont={"size": 1, "color": "rgba(0,0,0,0)"},
    )


def _value(value: Any) -> str:
    return theme.label(setting_names.value(value), 24)


def _hover(info: SweepInfo, i: int) -> str:
    swept = [f"{setting_names.name(f)}: <b>{_value(v)}</b>" for f, v in zip(info.fields, info.values[i], strict=True)]
    ess = f"effective sample size {wording.count(info.ess[i])}"
    return "<br>".join([*swept, wording.plural(info.kept[i], "household"), f"median error {wording.percent(info.error[i])}", ess])


def _setting(label: str, values: list[Any]) -> dict[str, Any]:
    """Numbers on a scale, logarithmic where it helps; a few numbers with a zero too far apart for one, and words, evenly spaced."""
    label = _two_lines(label)
    if all(isinstance(v, int | float) and not isinstance(v, bool) and math.isfinite(v) for v in values):
        numbers = np.array(values, float)
        positive, distinct = numbers[numbers > 0], np.unique(numbers)
        if len(positive) == len(numbers) or not _far(positive):
            return _measure(label, numbers, axes.number_log_axis, _value, distinct if len(distinct) <= 6 else None)
        if len(distinct) <= 12:
            return _codes(label, np.searchsorted(distinct, numbers), [_value(v) for v in distinct])
        return _measure(label, numbers, axes.number_log_axis, _value)
    texts = [_value(v) for v in values]
    names = sorted(set(texts))
    return _codes(label, np.array([names.index(t) for t in texts]), names)


def _far(positive: np.ndarray) -> bool:
    """Tenfold apart or more."""
    return len(positive) > 0 and bool(positive.max() >= 9.999 * positive.min())


def _codes(label: str, codes: np.ndarray, names: list[str]) -> dict[str, Any]:
    return _dimension(label, codes, -0.1, max(len(names) - 1, 0) + 0.1, dict(enumerate(names)))


def _measure(
    label: str, values: np.ndarray, log_axis: Callable, words: Callable[[float], str], ticks: np.ndarray | None = None
) -> dict[str, Any]:
    """A dimension of numbers; `ticks` where not to be chosen from round numbers."""
    if (values > 0).all() and _far(values):
        axis = log_axis("", values)
        low, high = axis["range"]
        chosen = zip(axis["tickvals"], axis["ticktext"], strict=True) if ticks is None else ((t, words(t)) for t in ticks)
        texts = {math.log10(v): t for v, t in chosen if low <= math.log10(v) <= high}
        return _dimension(label, np.log10(values), low, high, texts)
    low, high = float(values.min()), float(values.max())
    pad = (high - low) * 0.04 or abs(high) * 0.1 or 0.5
    low, high = low - pad, high + pad
    if ticks is None:
        step = axes.nice_step((high - low) / 5)
        ticks = np.arange(math.ceil(low / step), math.floor(high / step) + 1) * step
    return _dimension(label, values, low, high, {t: words(float(f"{t:.9g}")) for t in ticks})


def _dimension(label: str, values: np.ndarray, low: float, high: float, ticks: Mapping[float, str]) -> dict[str, Any]:
    return {"label": label, "values": values, "range": [low, high], "tickvals": list(ticks), "ticktext": list(ticks.values())}


def _two_lines(label: str) -> str:
    """Broken near its middle."""
    words = label.split(" ")
    if len(label) < 12 or len(words) < 2:
        return label
    cut = min(range(1, len(words)), key=lambda i: abs(len(" ".join(words[:i])) - len(" ".join(words[i:]))))
    return f"{' '.join(words[:cut])}<br>{' '.join(words[cut:])}"
