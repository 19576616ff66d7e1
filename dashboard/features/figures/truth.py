"""Precision and recall against number of features, where the true ones are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from dashboard.features.figures.scores import LOOKS, OURS, TITLES
from dashboard.kit import theme, wording
from dashboard.kit.figures import axes
from dashboard.kit.figures.traces import add_line
from l0engine.studies.features.result import FeatureResult, Recovery

_GAP = 0.14  # between the panels, as a share of the width


class FeatureTruthInfo(NamedTuple):
    """By method, each as long as `counts`; `true` is the number of true features."""

    counts: Sequence[int]
    precision: Mapping[str, Sequence[float]]
    recall: Mapping[str, Sequence[float]]
    true: int


def info(result: FeatureResult) -> FeatureTruthInfo:
    """From a result; empty where it has no recovery."""
    found = result.recovery or Recovery({}, {}, 0.0)
    return FeatureTruthInfo(result.counts, found.precision, found.recall, len(result.truth))


def plot(info: FeatureTruthInfo, palette: theme.Palette) -> go.Figure:
    """Two panels; the gates' line is broad and lies below the others, which often coincide with it."""
    fig = theme.figure(palette, "Were the true features found?", _subtitle(info), {}, {}, height=360)
    width = (1 - _GAP) / 2
    top = max(info.counts, default=1)
    x = axes.axis("Number of features", range=[min(info.counts, default=0) - 0.4, top + 0.4], tickformat=",d", nticks=min(top + 1, 8))
    panels = (("True of those chosen (precision)", info.precision), ("Chosen of those true (recall)", info.recall))
    for n, (title, values) in enumerate(panels):
        number, left = ("", "2")[n], n * (width + _GAP)
        y = axes.share_axis(title, range=[-0.04, 1.06], anchor=f"x{number}")
        fig.update_layout({f"xaxis{number}": x | {"domain": [left, left + width], "anchor": f"y{number}"}, f"yaxis{number}": y})
        for method in (m for m in TITLES if m in values):
            ours = method == OURS
            colour, symbol, dash = (palette.kept, "circle", "solid") if ours else LOOKS[method]
            words = [f"{wording.plural(k, 'feature')}: {wording.percent(v)}" for k, v in zip(info.counts, values[method], strict=True)]
            width_, size = (6, 10) if ours else (1.6, 6)
            where = {"xaxis": f"x{number}", "yaxis": f"y{number}", "mode": "lines+markers", "marker": {"symbol": symbol, "size": size}}
            where |= {"legendgroup": method, "showlegend": n == 0, "hover": f"<b>{TITLES[method]}</b><br>%{{customdata}}<extra></extra>"}
            add_line(fig, list(info.counts), list(values[method]), TITLES[method], words, colour, dash=dash, width=width_, **where)
    return fig


def _subtitle(info: FeatureTruthInfo) -> str:
    if OURS not in info.precision or not len(info.counts):
        return "Nothing has been chosen yet"
    hits = round(float(np.asarray(info.precision[OURS], float)[-1]) * info.counts[-1])
    return f"{hits} of the {wording.count(info.counts[-1])} features that the gates chose are true, of {wording.count(info.true)} in all"
