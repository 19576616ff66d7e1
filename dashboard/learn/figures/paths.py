"""Coefficients of L0, L1 and L2 as their penalties fall, against the truth."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dashboard.kit import theme, wording
from dashboard.kit.figures.film import Film, Mark, Panel
from l0engine.lessons.shown.truth import METHODS, TruthPicture


class PathsInfo(NamedTuple):
    """The picture with features by falling truth, and a caption for each stage."""

    picture: TruthPicture
    order: np.ndarray
    captions: tuple[str, ...]


def info(picture: TruthPicture) -> PathsInfo:
    """True features come first, by their coefficient."""
    order = np.lexsort((np.arange(len(picture.truth)), -np.abs(picture.truth)))
    counts = (picture.coefficients != 0).sum(-1)
    stages = counts.shape[1]
    captions = []
    for i in range(stages):
        found = ", ".join(f"{name} {counts[m, i]}" for m, name in enumerate(METHODS))
        captions.append(f"Penalty {i + 1} of {stages}, falling. Coefficients that are not 0: {found} of {len(order)}")
    return PathsInfo(picture, order, tuple(captions))


def film(info: PathsInfo, palette: theme.Palette) -> Film:
    """A panel a method: bars are coefficients, strokes the truth."""
    picture, p = info.picture, len(info.order)
    truth = picture.truth[info.order]
    high = float(max(np.abs(truth).max() * 1.3, 1.0))
    places, true = np.arange(p, dtype=float), truth != 0
    panels, marks = [], []
    for m, name in enumerate(METHODS):
        found = picture.coefficients[m][:, info.order]
        ticks = tuple((float(v), f"{v:g}".replace("-", "−")) for v in (-2, -1, 0, 1, 2) if abs(v) < high)
        words = (((true.sum() - 1) / 2, f"{int(true.sum())} true"), ((p + true.sum()) / 2, "not true"))
        best = wording.percent(float(picture.errors[m, picture.best[m]]))
        panels.append(
            Panel(
                f"{name}: at its best {best} unexplained", (-0.8, p - 0.2), (-high, high), "", "Coefficient" if m == 0 else "", words, ticks
            )
        )
        hover = [f"{'True' if t else 'Not true'}: found {{found}}, truth {t:g}".replace("-", "−") for t in truth]
        tone = np.broadcast_to(true.astype(float), found.shape)
        values = {"x": places, "w": np.full(p, 0.7), "y": found, "found": found, "tone": tone}
        marks.append(Mark("bars", m, values, (palette.error, palette.kept), hover))
        stroke = {"x": places[true], "w": np.full(true.sum(), 0.9), "y0": truth[true] - high / 110, "y": truth[true] + high / 110}
        marks.append(Mark("bars", m, stroke, (palette.target,)))
    return Film(panels, marks, info.captions, seconds=8.0, height=330)
