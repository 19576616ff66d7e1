"""Accuracy against the number of weights: the gated network as it trains, and other ways to a network of its size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go

from dashboard.kit import theme, wording
from dashboard.kit.figures import axes
from dashboard.kit.figures.traces import add_dots, add_line, positive
from dashboard.pruning.figures.accuracy import epochs_shown
from l0engine.studies.pruning.result import PruningResult, PruningSnapshot

#: Networks of a result, with what they are called.
TITLES: Mapping[str, str] = {
    "compact": "Pruned by gates",
    "dense": "Dense",
    "magnitude": "Magnitude pruning",
    "small": "Small network, from scratch",
    "anew": "Compacted shape, from scratch",
}
#: Symbol and colour (Okabe and Ito) of the others.
_LOOKS = {
    "dense": ("square", ""),
    "magnitude": ("diamond", "#E69F00"),
    "small": ("triangle-up", "#0072B2"),
    "anew": ("triangle-down", "#CC79A7"),
}


class SizeInfo(NamedTuple):
    """Weights that are not zero, and shares of test images told right.

    Attributes
    ----------
    epoch, weights, accuracy : ndarray, shape (epochs,)
        Of the gated network as it trained.
    magnitude : ndarray, shape (sizes, 2)
        Weights and accuracy of the dense network, pruned by magnitude to several sizes; empty while it is not known.
    marks : mapping of str to (weights, accuracy)
        By names of `TITLES`; empty while they are not known.
    """

    epoch: np.ndarray
    weights: np.ndarray
    accuracy: np.ndarray
    magnitude: np.ndarray
    marks: Mapping[str, tuple[int, float]]


def info(snapshots: Sequence[PruningSnapshot], result: PruningResult | None = None) -> SizeInfo:
    """From the snapshots of a study that have gates in them, and its result."""
    shown = epochs_shown(snapshots)
    epoch, accuracy = np.array([(s.step, s.test) for s in shown], float).reshape(-1, 2).T
    weights = np.array([sum(layer.weights for layer in s.layers) for s in shown], int)
    if result is None:
        return SizeInfo(epoch, weights, accuracy, np.zeros((0, 2)), {})
    images, right = result.test, result.right
    curve = np.array([[w, r / images] for w, r in result.magnitude], float).reshape(-1, 2)
    marks = {name: (result.weights[name], right[name] / images) for name in TITLES if name in right}
    return SizeInfo(epoch, weights, accuracy, curve, marks)


def plot(info: SizeInfo, palette: theme.Palette) -> go.Figure:
    """A line through the epochs, a line of magnitude pruning, and a mark for each network, on a log axis of weights.

    The axis of accuracy is one of errors, on a log scale and upside down: from 98 % to 99 % is as far as from 80 % to 90 %.
    """
    sizes = [*info.weights, *info.magnitude[:, 0], *(w for w, _ in info.marks.values())]
    x = axes.count_log_axis("Weights that are not zero (log scale)", sizes)
    y, floor = _accuracy_axis([*info.accuracy, *info.magnitude[:, 1], *(a for _, a in info.marks.values())])
    fig = theme.figure(palette, "Accuracy against size", _subtitle(info), x, y, height=460)
    if len(info.magnitude):
        look = {"colour": _LOOKS["magnitude"][1], "width": 1.6, "dash": "dash"}
        _line(fig, "Magnitude pruning, by size", *info.magnitude.T, floor, look)
    own = {"colour": palette.kept, "width": 2}
    _line(fig, "Gated, as it trains", info.weights, info.accuracy, floor, own, [f"epoch {e:,.0f}" for e in info.epoch])
    for name, (weights, accuracy) in info.marks.items():
        hover = f"<b>{TITLES[name]}</b><br>{wording.plural(weights, 'weight')}<br>{wording.percent(accuracy)} right<extra></extra>"
        symbol, colour = _LOOKS.get(name, ("circle", palette.kept))
        marker = {"symbol": symbol, "size": 13, "color": colour or palette.dropped, "line": {"color": palette.text, "width": 1}}
        add_dots(fig, [weights], [max(1 - accuracy, floor)], TITLES[name], None, marker, hovertemplate=hover)
    return fig


def _accuracy_axis(accuracies: Sequence[float]) -> tuple[dict[str, Any], float]:
    """Ticks at shares right, and the least error that has a place, for no error has none."""
    errors = 1 - np.array(accuracies, float)
    floor = float(errors[errors > 1e-9].min(initial=0.1)) / 2
    ticks = [e for e in (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0) if e >= floor]
    low, high = (np.log10(np.maximum(errors, floor).max(initial=0.1)) + 0.06, np.log10(np.maximum(errors, floor).min(initial=0.05)) - 0.12)
    words = [wording.percent(1 - e) for e in ticks]
    return axes.axis("Images told right", type="log", range=[low, high], tickvals=ticks, ticktext=words, tickangle=0), floor


def _line(
    fig: go.Figure, name: str, weights: np.ndarray, accuracy: np.ndarray, floor: float, look: dict[str, Any], notes: Sequence[str] = ()
) -> None:
    rows = zip(weights, accuracy, notes or [""] * len(weights), strict=True)
    words = [f"{wording.plural(w, 'weight')}<br>{wording.percent(a)} right<br>{note}" for w, a, note in rows]
    hover = f"<b>{name}</b><br>%{{customdata}}<extra></extra>"
    add_line(fig, positive(weights), np.maximum(1 - accuracy, floor), name, words, hover=hover, **look)


def _subtitle(info: SizeInfo) -> str:
    if "compact" in info.marks and "dense" in info.marks:
        (few, _), (many, _) = info.marks["compact"], info.marks["dense"]
        return f"{wording.count(few)} weights in place of {wording.count(many)}"
    return f"Now {wording.plural(info.weights[-1], 'weight')}" if len(info.weights) else "No epoch recorded yet"
