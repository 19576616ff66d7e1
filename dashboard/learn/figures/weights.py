"""Four sets of weights that move into each other: every household's weight, the errors, and evenness as area."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dashboard.kit import theme, wording
from dashboard.kit.figures.film import Film, Mark, Panel
from l0engine.lessons.shown.evenness import EvennessPicture

TITLES = ("The survey's own weights", "Gated: weights times gates", "Refitted", "The corner of the linear programme")


class WeightsInfo(NamedTuple):
    """The picture, households by falling refitted weight, and a caption for each stage."""

    picture: EvennessPicture
    order: np.ndarray
    captions: tuple[str, ...]


def info(picture: EvennessPicture) -> WeightsInfo:
    """Households that the corner keeps come first."""
    order = np.lexsort((-picture.weights[2], -picture.weights[3]))
    captions = tuple(
        f"{title}: {picture.kept[i]} households, median error {wording.percent(picture.medians[i])}, effective sample size "
        f"{wording.weight(round(float(picture.ess[i]), 1))}, largest weight {wording.ratio(picture.largest[i])} its base weight"
        for i, title in enumerate(TITLES)
    )
    return WeightsInfo(picture, order, captions)


def film(info: WeightsInfo, palette: theme.Palette) -> Film:
    """Bars are weights; of two squares the outline is the households kept, the filled one the effective sample size."""
    picture, n = info.picture, len(info.order)
    ratio = picture.weights[:, info.order] / picture.weights[0].max()
    top = float(ratio.max()) * 1.05
    step = 5 if top > 8 else 2 if top > 4 else 1
    ticks = tuple((float(v), f"{v} ×") for v in range(0, int(top) + 1, step))
    households = Panel("Weight of each household / its base weight", (-1, n), (0, top), f"{n} households", "", (), ticks, 2.0)
    errors = np.abs(picture.errors)
    worst = max(float(errors.max()), 0.05)
    marks = (0.0, 0.1, 0.2, 0.3, 0.4)
    totals = Panel(
        "Error of each total", (-1, errors.shape[1]), (0, worst * 1.1), f"{errors.shape[1]} totals", "", (),
        tuple((v, wording.percent(v)) for v in marks if v <= worst * 1.1), 1.0,
    )  # fmt: skip
    side = float(np.sqrt(n)) * 1.02
    area = Panel("Area: kept, and effective", (0, side), (0, side), square=True, width=1.0)
    kept, ess = np.sqrt(picture.kept.astype(float))[:, None], np.sqrt(picture.ess)[:, None]
    tone = np.clip((ratio - 3) / 7, 0, 1)
    bars = {"x": np.arange(n, dtype=float), "w": np.full(n, 0.8), "y": ratio, "tone": tone, "ratio": ratio}
    off = {"x": np.arange(errors.shape[1], dtype=float), "w": np.full(errors.shape[1], 0.7), "y": errors, "percent": errors * 100}
    zero = np.zeros(1)
    return Film(
        (households, totals, area),
        (
            Mark("bars", 0, bars, (palette.kept, palette.error), ["Weight {ratio} times the base weight"] * n),
            Mark("bars", 1, off, (palette.error,), ["Error {percent} %"] * errors.shape[1]),
            Mark("bars", 2, {"x": zero, "x0": zero, "w": kept, "y": kept, "n": kept**2}, (palette.dropped,), ["{n} households kept"]),
            Mark("bars", 2, {"x": zero, "x0": zero, "w": ess, "y": ess, "n": ess**2}, (palette.kept,), ["Effective sample size {n}"]),
        ),
        info.captions,
        seconds=5.0,
        height=350,
    )  # fmt: skip
