"""Held-out score against number of features: the gates beside other ways of choosing; and what it says in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from dashboard.kit import theme, wording
from dashboard.kit.figures import axes
from l0engine.studies.features.result import FeatureScores

#: Names of the methods, in the order of legends.
TITLES: Mapping[str, str] = {"gates": "Gates", "l1": "L1 path", "univariate": "Univariate", "rfe": "Recursive elimination"}
#: Colour (Okabe and Ito), symbol and dash of the others.
LOOKS: Mapping[str, tuple[str, str, str]] = {
    "l1": ("#CC79A7", "diamond", "dash"),
    "univariate": ("#E69F00", "triangle-up", "dot"),
    "rfe": ("#0072B2", "square", "dashdot"),
}
#: Measures of which less is better.
LESS_IS_BETTER = frozenset({"log loss"})
OURS = "gates"


class FeatureScoresInfo(NamedTuple):
    """Means over folds and their standard errors, by method, each as long as `counts`.

    Attributes
    ----------
    whole : tuple of float or None
        Mean and standard error of all features together.
    folds : int
        Those that there are.
    """

    measure: str
    counts: np.ndarray
    mean: Mapping[str, np.ndarray]
    error: Mapping[str, np.ndarray]
    whole: tuple[float, float] | None
    folds: int


def info(found: FeatureScores, measure: str) -> FeatureScoresInfo:
    """From a result, or from a snapshot that has scores."""
    by_method = {m: score for m, score in found.scores.get(measure, {}).items() if m in TITLES}
    mean = {m: np.array(score.mean, float) for m, score in by_method.items()}
    error = {m: np.array(score.error, float) for m, score in by_method.items()}
    return FeatureScoresInfo(measure, np.array(found.counts, int), mean, error, found.all.get(measure), found.folds)


def plot(info: FeatureScoresInfo, palette: theme.Palette) -> go.Figure:
    """A line and a band of one standard error for each method; all features together as a level."""
    title = f"Held-out {info.measure}{' (less is better)' if info.measure in LESS_IS_BETTER else ''}"
    level = "bottom left" if info.measure in LESS_IS_BETTER else "top left"
    x = axes.axis("Number of features", range=_range(info.counts), tickvals=_ticks(info.counts), tickformat=",d")
    head = "%{x:,d} features"
    fig = theme.figure(palette, "Prediction of rows not seen", _subtitle(info), x, axes.axis(title), height=460, unified=head)
    if not info.mean:
        return fig
    for method in [*(m for m in LOOKS if m in info.mean), OURS]:
        fill = palette.faded(palette.kept, 0.2) if method == OURS else palette.faded(LOOKS[method][0], 0.08)
        mean, error = info.mean[method], info.error[method]
        around = np.concatenate([mean + error, (mean - error)[::-1]])
        fig.add_scatter(
            x=np.concatenate([info.counts, info.counts[::-1]]).tolist(), y=around.tolist(), fill="toself", mode="lines",
            legendgroup=method, fillcolor=fill, line={"width": 0}, hoverinfo="skip", showlegend=False,
        )  # fmt: skip
    for method in (m for m in TITLES if m in info.mean):
        ours = method == OURS
        colour, symbol, dash = (palette.kept, "circle", "solid") if ours else LOOKS[method]
        words = [score(a, b) for a, b in zip(info.mean[method], info.error[method], strict=True)]
        fig.add_scatter(
            x=info.counts.tolist(), y=info.mean[method].tolist(), name=TITLES[method], mode="lines+markers", legendgroup=method,
            line={"color": colour, "width": 2.8 if ours else 1.6, "dash": dash}, marker={"symbol": symbol, "size": 8 if ours else 6},
            zorder=1 if ours else 0, customdata=words, hovertemplate="%{customdata}",
        )  # fmt: skip
    if info.whole is not None:
        fig.add_hline(
            info.whole[0], line={"color": palette.target, "width": 1.2, "dash": "dot"},
            annotation={"text": f"all features: {number(info.whole[0])}", "font": {"size": 12, "color": palette.muted}},
            annotation_position=level,
        )  # fmt: skip
    return fig


def number(value: float, decimals: int | None = None) -> str:
    """A score: three decimals from 0.9 to 1 and below 0.1, else two.

    >>> number(0.4838), number(0.97716), number(-0.012)
    ('0.48', '0.977', '−0.012')
    """
    size = abs(value)
    return f"{value:.{decimals or (3 if 0.9 <= size < 1 or size < 0.1 else 2)}f}".replace("-", "−")


def score(mean: float, error: float) -> str:
    """A mean with its standard error, with three decimals where the error needs them.

    >>> score(0.4838, 0.0385), score(0.8734, 0.003)
    ('0.48 ± 0.04', '0.873 ± 0.003')
    """
    decimals = 3 if error < 0.0095 else len(number(mean).split(".")[1])
    return f"{number(mean, decimals)} ± {number(error, decimals)}"


def as_good(info: FeatureScoresInfo, value: float, than: tuple[float, float]) -> bool:
    """Whether a score is no more than one standard error worse than another one (mean, standard error)."""
    sign = -1 if info.measure in LESS_IS_BETTER else 1
    return sign * value >= sign * than[0] - than[1]


def fewest(info: FeatureScoresInfo) -> int:
    """The fewest features within one standard error of the gates' best count."""
    mean, error = info.mean[OURS], info.error[OURS]
    best = int(np.argmin(mean) if info.measure in LESS_IS_BETTER else np.argmax(mean))
    return next(int(k) for k, value in zip(info.counts, mean, strict=True) if as_good(info, value, (mean[best], error[best])))


def _subtitle(info: FeatureScoresInfo) -> str:
    if not info.mean:
        return "No fold has been scored yet"
    return f"Means over {wording.plural(info.folds, 'fold')}; bands are one standard error"


def _range(counts: np.ndarray) -> list[float]:
    pad = max(0.4, 0.04 * float(np.ptp(counts))) if len(counts) else 0.5
    return [float(counts[0]) - pad, float(counts[-1]) + pad] if len(counts) else [0, 1]


def _ticks(counts: Sequence[int] | np.ndarray) -> list[int]:
    """Counts that have room."""
    ticks: list[int] = []
    for k in reversed([int(k) for k in counts]):
        if not ticks or ticks[-1] - k >= max(counts) / 20:
            ticks.append(k)
    return ticks[::-1]
