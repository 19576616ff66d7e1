"""Two households and two totals: the loss over both weights, the path of the fit, and where penalties end."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dashboard.kit import theme, wording
from dashboard.kit.figures.film import Film, Mark, Panel
from l0engine.lessons.shown.households import TwoPicture


class SurfaceInfo(NamedTuple):
    """The picture, and a caption for each stage."""

    picture: TwoPicture
    captions: tuple[str, ...]


def info(picture: TwoPicture) -> SurfaceInfo:
    """Of two households."""
    words = []
    for i, (first, second) in enumerate(picture.path):
        head = f"Step {picture.steps[i]} of {picture.steps[-1]}" if i < len(picture.path) - 1 else "Gates as they are at test time"
        words.append(f"{head}: first household {wording.ratio(first)}, second {wording.ratio(second)} of its base weight")
    return SurfaceInfo(picture, tuple(words))


def film(info: SurfaceInfo, palette: theme.Palette) -> Film:
    """Dark is a small loss; the trail is the fit, the dots are where penalties of the same price end."""
    picture = info.picture
    side = (float(picture.side[0]), float(picture.side[-1]))
    ticks = tuple((float(v), f"{v} ×") for v in range(int(side[1]) + 1))
    share = np.clip(np.sqrt(picture.loss / picture.loss.max()), 0, 1)
    byte = (127 - 127 * (1 - share) ** 3).round().astype(np.uint8)
    colours = {"no penalty": palette.target, "L2": palette.undecided, "L1": palette.held_out, "L0": palette.kept}
    ends = []
    for row, end in enumerate(picture.ends):
        point = {"x": np.array([end.first]), "y": np.array([end.second])}
        hover = (
            f"{end.name}: first {wording.ratio(end.first)}, second {wording.ratio(end.second)}, loss {wording.weight(round(end.loss, 4))}"
        )
        ends.append(Mark("dots", 0, {**point, "r": np.array([7.0])}, (colours[end.name],), (hover,)))
        at = {"x": np.array([0.06]), "y": np.array([3.6 - 0.8 * row])}
        ends.append(Mark("dots", 1, {**at, "r": np.array([7.0])}, (colours[end.name],)))
        ends.append(Mark("text", 1, {"x": np.array([0.14]), "y": at["y"]}, (palette.text,), words=(hover,), dash=True))
    plane = Panel(
        "Loss over both weights: dark is small",
        side,
        side,
        "Weight of the first household",
        "Weight of the second",
        ticks,
        ticks,
        1.0,
        True,
    )
    legend = Panel("Where each ends at this price", (0.0, 1.0), (0.0, 4.2), width=1.3)
    marks = [
        Mark("map", 0, {"share": byte[None]}, (palette.kept, palette.error)),
        Mark("trail", 0, {"x": picture.path[:, 0], "y": picture.path[:, 1]}, (palette.text,)),
        *ends,
    ]
    return Film((plane, legend), marks, info.captions, seconds=5.0, height=420)
