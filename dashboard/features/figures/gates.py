"""Every feature's gate over training: which open, which close, and when."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go

from dashboard.kit import theme, wording
from dashboard.kit.figures import axes
from dashboard.kit.figures.traces import add_dots, mode
from l0engine.studies.features.result import FeatureProgress

#: Steps and named lines drawn, at most; with 200 gates that is 10,000 points.
MOST_STEPS, MOST_LABELS = 50, 15
HEIGHT = 460


class FeatureGatesInfo(NamedTuple):
    """Gates of m features by step.

    Attributes
    ----------
    gates : ndarray, shape (steps, m)
        nan where a gate was not among those most open.
    chosen, true : ndarray of bool, shape (m,)
    n_features : int
        Of all, drawn or not.
    known : bool
        Whether the true features are known.
    """

    names: tuple[str, ...]
    step: np.ndarray
    gates: np.ndarray
    chosen: np.ndarray
    true: np.ndarray
    n_features: int
    known: bool


def info(snapshots: Sequence[FeatureProgress], count: int, chosen: Sequence[int] = ()) -> FeatureGatesInfo:
    """From the snapshots of a study; until its choice is known, the `count` gates most open stand for it."""
    names, truth = next(((s.names, s.truth) for s in snapshots if s.names), ((), ()))
    some = [s for s in snapshots if s.gates]
    some = [some[i] for i in np.unique(np.linspace(0, len(some) - 1, MOST_STEPS).round().astype(int))] if some else []
    last = some[-1] if some else FeatureProgress(step=0, epochs=0)
    if not len(chosen):
        chosen = [last.shown[i] for i in np.argsort(-np.array(last.gates), kind="stable")[:count]]
    columns = list(dict.fromkeys([*chosen, *last.shown])) if some else []
    by_step = [dict(zip(s.shown, s.gates, strict=True)) for s in some]
    gates = np.array([[found.get(j, np.nan) for j in columns] for found in by_step], float).reshape(len(some), len(columns))
    step = np.array([s.step for s in some], float)
    drawn = tuple(names[j] for j in columns)
    return FeatureGatesInfo(drawn, step, gates, np.isin(columns, chosen), np.isin(columns, truth), len(names), bool(truth))


def plot(info: FeatureGatesInfo, palette: theme.Palette) -> go.Figure:
    """A line each: the chosen ones in colour and with their names, those of a known truth that are missed in orange."""
    y = axes.share_axis("Probability that the gate is open", range=[-0.02, 1.05])
    x = axes.steps_axis(info.step)
    low, high = x["range"]
    edge = high + 0.05 * (high - low)
    fig = theme.figure(palette, "Every feature's gate over training", _subtitle(info), x | {"range": [low, edge]}, y, height=HEIGHT)
    if not len(info.step):
        return fig
    chosen, last = info.chosen, np.nan_to_num(info.gates[-1])
    right, late = chosen & (info.true | (not info.known)), chosen & (last < 0.5)
    wide = {"color": palette.kept, "width": 2.2}
    for name, which, line in (
        ("Other features", ~chosen & ~info.true, {"color": palette.faded(palette.dropped, 0.45), "width": 1}),
        ("True, not chosen", info.true & ~chosen, {"color": palette.error, "width": 2}),
        ("Chosen and true" if info.known else "Chosen", right & ~late, wide),
        ("Chosen, not true", chosen & ~right & ~late, wide | {"dash": "dot"}),
        ("Chosen in the last step", late, wide | {"dash": "dash"}),
    ):
        _bundle(fig, info, which, name, line)
    _labels(fig, info, palette, edge)
    return fig


def _bundle(fig: go.Figure, info: FeatureGatesInfo, which: np.ndarray, name: str, line: dict[str, Any]) -> None:
    """Lines of one look as one trace, with gaps between them."""
    columns = np.flatnonzero(which)
    if not len(columns):
        return
    x: list[float | None] = []
    y: list[float | None] = []
    words: list[str] = []
    for j in columns:
        label = theme.label(info.names[j], 40)
        x += [*info.step, None]
        y += [*(None if np.isnan(g) else float(g) for g in info.gates[:, j]), None]
        steps = zip(info.step, info.gates[:, j], strict=True)
        words += [*(f"<b>{label}</b><br>step {wording.count(s)}: open with {wording.percent(g)}" for s, g in steps), ""]
    add_dots(fig, x, y, name, words, {"color": line["color"]}, mode=mode(info.step), line=line)


def _labels(fig: go.Figure, info: FeatureGatesInfo, palette: theme.Palette, edge: float) -> None:
    """Names of the chosen ones at the right, as near to the ends of their lines as they fit, and strokes that lead to them."""
    columns = np.flatnonzero(info.chosen & ~np.isnan(info.gates[-1]))
    columns = columns[np.argsort(-info.gates[-1, columns], kind="stable")][:MOST_LABELS]
    ends = info.gates[-1, columns]
    places = spread(ends, 17 * 1.07 / (HEIGHT - 130), 1.03)
    texts = [theme.label(info.names[j], 24) for j in columns]
    fig.update_layout(margin={"r": 16 + 7 * max(map(len, texts), default=0)})
    x = [v for _ in columns for v in (float(info.step[-1]), edge, None)]
    y = [v for end, place in zip(ends, places, strict=True) for v in (float(end), float(place), None)]
    line = {"color": palette.faded(palette.dropped, 0.6), "width": 1}
    fig.add_scatter(x=x, y=y, mode="lines", showlegend=False, hoverinfo="skip", line=line)
    for text, place in zip(texts, places, strict=True):
        fig.add_annotation(text=text, x=1, xref="paper", xanchor="left", xshift=3, y=float(place), font={"color": palette.text})


def spread(wanted: np.ndarray, gap: float, top: float) -> np.ndarray:
    """Places for labels that want to be at `wanted`, which descends: from `top` down to 0, each at least `gap` below the one before."""
    steps = gap * np.arange(len(wanted))
    down = np.minimum.accumulate(np.minimum(wanted, top) + steps) - steps
    return np.maximum(down, steps[::-1])


def _subtitle(info: FeatureGatesInfo) -> str:
    if not len(info.step):
        return "No step recorded yet"
    count = int(info.chosen.sum())
    few = f"; the {count + int((~info.chosen).sum())} most open are drawn" if len(info.names) < info.n_features else ""
    if info.known:
        return f"{int((info.chosen & info.true).sum())} of the {count} chosen are true{few}"
    return f"{wording.count(count)} of {wording.plural(info.n_features, 'feature')} chosen{few}"
