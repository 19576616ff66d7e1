"""A toy survey that moves: households as dots, totals as bars that meet their lines."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dashboard.kit import theme, wording
from dashboard.kit.figures.film import Film, Mark, Panel
from dashboard.kit.figures.traces import jitter
from l0engine.lessons.shown.households import SurveyPicture


class SurveyInfo(NamedTuple):
    """The picture, where its dots lie, and a caption for each stage."""

    picture: SurveyPicture
    x: np.ndarray
    captions: tuple[str, ...]


def info(picture: SurveyPicture) -> SurveyInfo:
    """Dots of the same number of persons lie side by side."""
    stages = len(picture.steps)
    captions = [_caption(picture, i, f"Step {picture.steps[i]} of {picture.steps[-1]}") for i in range(stages - 2)]
    captions += [_caption(picture, stages - 2, "Gates as they are at test time"), _caption(picture, stages - 1, "Refitted")]
    return SurveyInfo(picture, picture.persons + jitter(len(picture.persons), 0.7), tuple(captions))


def _caption(picture: SurveyPicture, i: int, head: str) -> str:
    kept, of = int(picture.kept[i]), picture.gates.shape[1]
    return (
        f"{head}: {kept} of {of} households, median error {wording.percent(picture.errors[i])}, "
        f"effective sample size {wording.weight(round(float(picture.ess[i]), 1))}"
    )


def film(info: SurveyInfo, palette: theme.Palette) -> Film:
    """Area is weight; colour and fill are the gate."""
    picture = info.picture
    top = float(picture.weights.max())
    radius = np.maximum(np.sqrt(picture.weights / top) * 26, np.where(picture.gates > 0.005, 2.5, 3.0))
    most = int(picture.persons.max())
    incomes = picture.income
    ticks = tuple((float(v), f"{v} k") for v in (5, 10, 20, 40, 80, 160, 320) if incomes.min() * 0.8 <= v <= incomes.max() * 1.2)
    log = [(float(np.log10(v)), word) for v, word in ticks]
    households = Panel(
        "Households: area is weight", (0.4, most + 0.6), (float(np.log10(incomes.min())) - 0.12, float(np.log10(incomes.max())) + 0.15),
        "Persons in the household", "Income (log scale)", tuple((float(n), str(n)) for n in range(1, most + 1)), tuple(log), 2.2,
    )  # fmt: skip
    high = max(1.5, min(float(picture.estimates.max()) * 1.05, 2.0))
    places = np.arange(len(picture.names), dtype=float)
    totals = Panel(
        "Totals, of what is published", (-0.6, len(places) - 0.4), (0.0, high), "", "",
        tuple((float(i), name) for i, name in enumerate(picture.names)), ((0.0, "0 %"), (0.5, "50 %"), (1.0, "100 %"), (1.5, "150 %")),
    )  # fmt: skip
    hover = [
        f"{int(p)} {'person' if p == 1 else 'persons'}, {wording.short(i * 1000)} income: weight {{w}}, gate {{tone}}"
        for p, i in zip(picture.persons, picture.income, strict=True)
    ]
    # a total is met where its bar ends at the line; the further off the redder
    off = np.clip(np.abs(picture.estimates - 1) / 0.1, 0, 1)
    n = len(places)
    return Film(
        (households, totals),
        (
            Mark(
                "dots", 0, {"x": info.x, "y": np.log10(incomes), "r": radius, "tone": picture.gates, "w": picture.weights,
                            "alpha": 0.45 + 0.4 * np.minimum(1, picture.gates * 2)},
                (palette.dropped, palette.undecided, palette.kept), hover, ring=True,
            ),
            Mark(
                "bars", 1, {"x": places, "w": np.full(n, 0.62), "y": picture.estimates, "share": picture.estimates, "tone": off},
                (palette.kept, palette.error), [f"{name}: {{share}} of the published total" for name in picture.names],
            ),
            Mark("line", 1, {"x": np.array([-0.6, n - 0.4]), "y": np.ones(2)}, (palette.target,), dash=True),
        ),
        info.captions,
        seconds=7.0,
        height=400,
    )  # fmt: skip
