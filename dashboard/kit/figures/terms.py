"""The terms of a loss over steps: what a training is trading, and whether it has settled."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import plotly.graph_objects as go

from dashboard.kit import theme
from dashboard.kit.figures import axes
from dashboard.kit.figures.traces import add_line, positive


def plot(
    palette: theme.Palette, subtitle: str, unit: str, steps: np.ndarray, terms: Sequence[tuple[str, np.ndarray]],
    words: Callable[[float], str], what: str = "Step",
) -> go.Figure:  # fmt: skip
    """Lines on a log axis, which ends at 1 in 100,000 of the largest term: below, a term plays no part; one of zero is left out.

    Parameters
    ----------
    unit : str
        Name of the axis.
    terms : sequence of (str, ndarray)
        Name and values at each step: the total, the misfit, and what L0 and L2 cost.
    words : callable
        A value in words.
    what : str
        What a step is called.
    """
    looks = ((palette.target, "solid", 2.4), (palette.kept, "solid", 1.8), (palette.undecided, "dash", 1.8), (palette.dropped, "dot", 1.8))
    drawn = [(*term, *look) for term, look in zip(terms, looks, strict=True) if (term[1] > 0).any() or term is terms[0]]
    values = np.concatenate([v for _, v, *_ in drawn])
    y = axes.number_log_axis(unit, np.maximum(values[values > 0], values.max(initial=0.0) * 1e-5))
    fig = theme.figure(palette, "Loss and its terms", subtitle, axes.steps_axis(steps, what), y, unified=f"{what} %{{x:,d}}")
    for name, values, colour, dash, width in drawn:
        add_line(fig, steps, positive(values), name, theme.texts(words, values), colour, dash=dash, width=width)
    return fig
