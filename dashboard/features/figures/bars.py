"""The chosen features by rank, with the size and the direction of what each does to the target."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from dashboard.kit import theme, wording
from dashboard.kit.figures import axes
from dashboard.kit.figures.traces import add_bars
from l0engine.studies.features.result import FeatureResult

MOST_BARS = 30
_ROW = 26  # pixels


class FeatureBarsInfo(NamedTuple):
    """The k features by rank.

    Attributes
    ----------
    effect, coefficient : ndarray, shape (k, outputs)
        For a rise of one standard deviation; in the units of the data.
    true : ndarray of bool or None
        None where the truth is not known.
    """

    names: tuple[str, ...]
    effect: np.ndarray
    coefficient: np.ndarray
    true: np.ndarray | None
    target: str
    classes: tuple[str, ...]


def info(result: FeatureResult) -> FeatureBarsInfo:
    """From a result."""
    true = np.isin(result.order, result.truth) if result.truth else None
    effect, coefficient = np.array(result.per_deviation, float), np.array(result.coefficients, float)
    return FeatureBarsInfo(result.names, effect, coefficient, true, result.target, result.classes)


def plot(info: FeatureBarsInfo, palette: theme.Palette) -> go.Figure:
    """Bars with a sign, or, where three classes or more have an effect each, of their root mean square."""
    several = info.effect.shape[1] > 1
    sizes = np.sqrt((info.effect**2).mean(axis=1)) if several else info.effect[:, 0]
    sizes = sizes[:MOST_BARS]
    names = [f"{i}. {theme.label(name, 26)}" for i, name in enumerate(info.names[:MOST_BARS], 1)]
    low, high = float(min(sizes.min(), 0)), float(max(sizes.max(), 0))
    room = 0.22 * (high - low)
    ends = [low - room * (low < 0), high + room * (high > 0)]
    x = axes.axis("Effect of one standard deviation more", range=ends, zeroline=True, zerolinecolor=palette.dropped, nticks=6)
    ticks = {"tickvals": list(range(len(names))), "ticktext": names, "tickfont": {"color": palette.text}}
    y = axes.axis("", range=[len(names) - 0.4, -0.6], showgrid=False, **ticks)
    fig = theme.figure(palette, "Chosen features", _subtitle(info), x, y, height=max(150 + _ROW * len(names), 460))
    true = np.ones(len(sizes), bool) if info.true is None else info.true[:MOST_BARS]
    places, colours = list(range(len(names))), np.where(true, palette.kept, palette.error).tolist()
    hatched = {"marker_pattern_shape": ["" if t else "/" for t in true], "orientation": "h", "showlegend": False, "width": 0.62}
    texts = {"text": [_number(v) for v in sizes], "textposition": "outside", "textfont": {"size": 12, "color": palette.text}}
    add_bars(fig, sizes.tolist(), places, None, [_hover(info, i) for i in places], colours, cliponaxis=False, **hatched, **texts)
    return fig


def _subtitle(info: FeatureBarsInfo) -> str:
    k = len(info.names)
    first = f"The first {MOST_BARS} of {wording.count(k)}; what" if k > MOST_BARS else "What"
    if info.true is not None and not info.true.all():
        return f"{int(info.true.sum())} of {wording.count(k)} are true; those that are not are hatched"
    what = theme.label(info.target, 30)
    if len(info.classes) == 2:
        what = f"the log-odds of {theme.label(info.classes[1], 24)}"
    elif info.classes:
        return "Effect of one standard deviation more on log-odds, over classes"
    return f"{first} one standard deviation more does to {what}"


def _hover(info: FeatureBarsInfo, i: int) -> str:
    outputs = [""] if info.effect.shape[1] == 1 else [f"{theme.label(c, 24)}: " for c in info.classes]
    lines = [
        f"{name}{_number(effect)} for one standard deviation, {_number(own)} for one unit"
        for name, effect, own in zip(outputs, info.effect[i], info.coefficient[i], strict=True)
    ]
    truth = "" if info.true is None else f"<br>{'a true feature' if info.true[i] else 'not a true feature'}"
    return f"<b>{theme.label(info.names[i], 60)}</b><br>" + "<br>".join(lines[:12]) + truth


def _number(value: float) -> str:
    return f"{value:+.3g}".replace("-", "−") if 1e-4 <= abs(value) < 1e6 else f"{value:+.1e}".replace("-", "−") if value else "0"
