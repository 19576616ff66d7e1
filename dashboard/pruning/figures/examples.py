"""Test images with what the dense and the compacted network take them for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from dashboard.kit import theme

_ACROSS = 6


class ExamplesInfo(NamedTuple):
    """Images, shape (n, height, width), and names of classes: the truth, and two answers."""

    pixels: np.ndarray
    truth: tuple[str, ...]
    dense: tuple[str, ...]
    compact: tuple[str, ...]


def info(pixels: np.ndarray, truth: np.ndarray, dense: np.ndarray, compact: np.ndarray, classes: Sequence[str]) -> ExamplesInfo:
    """`pixels` has shape (n, channels, height, width); of colours the mean is shown. Labels are positions in `classes`."""
    return ExamplesInfo(
        np.asarray(pixels, float).mean(axis=1), *(tuple(classes[int(k)] for k in which) for which in (truth, dense, compact))
    )


def plot(info: ExamplesInfo, palette: theme.Palette) -> go.Figure:
    """One tile an image; under it the truth, and both answers, a wrong one in the colour of errors and with a cross."""
    n, height, width = info.pixels.shape
    rows = max(-(-n // _ACROSS), 1)
    tall, wide = height * 1.65, width * 1.15
    hidden = {"visible": False, "constrain": "domain"}
    x = {**hidden, "range": [-0.05 * wide, _ACROSS * wide], "constraintoward": "left"}
    y = {**hidden, "range": [rows * tall, -0.05 * tall], "scaleanchor": "x", "constraintoward": "top"}
    hard = sum(not a == b == c for a, b, c in zip(info.truth, info.dense, info.compact, strict=True))
    subtitle = f"Below: what it is; dense → compacted. {f'The first {hard} are hard' if hard else 'Neither errs'}"
    fig = theme.figure(palette, "Some test images", subtitle, x, y, height=90 + 165 * rows)
    shade = [[0, palette.faded(palette.target, 0.04)], [1, palette.target]]
    low, top = min(float(info.pixels.min(initial=0)), 0.0), max(float(info.pixels.max(initial=0)), 1e-12)
    for i in range(n):
        left, up = (i % _ACROSS) * wide, (i // _ACROSS) * tall
        truth, dense, compact = (theme.label(name[i], 30) for name in info[1:])
        fig.add_heatmap(
            z=info.pixels[i], x0=left + 0.5, dx=1, y0=up + 0.5, dy=1, zmin=low, zmax=top, colorscale=shade, showscale=False,
            hovertemplate=f"<b>{truth}</b><br>dense: {dense}<br>compacted: {compact}<extra></extra>",
        )  # fmt: skip
        answers = " → ".join(_answer(found[i], info.truth[i], palette) for found in (info.dense, info.compact))
        text = f"<b>{theme.label(info.truth[i], 8)}</b><br>{answers}"
        fig.add_annotation(x=left, y=up + height, text=text, align="left", xanchor="left", yanchor="top")
    return fig


def _answer(found: str, truth: str, palette: theme.Palette) -> str:
    name = theme.label(found, 8)
    return f"{name} ✓" if found == truth else f'<span style="color:{palette.error}">{name} ✗</span>'
