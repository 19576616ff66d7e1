"""The challenge: this attempt and those on the board among what the engine's frontier reaches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from dashboard.kit import theme, wording
from dashboard.kit.figures.film import Film, Mark, Panel
from l0engine.lessons.board import Entry
from l0engine.lessons.shown.challenge import LEAST_ESS, Attempt, FrontierPicture


class Point(NamedTuple):
    """An answer: its name, households, median error, effective sample size, and whether it counts."""

    name: str
    kept: int
    median: float
    ess: float
    counts: bool


class AttemptsInfo(NamedTuple):
    """This attempt, those on the board, and the frontier, once it is revealed."""

    mine: Point
    board: tuple[Point, ...]
    frontier: tuple[Point, ...]


def info(attempt: Attempt, board: Sequence[Entry], frontier: FrontierPicture | None) -> AttemptsInfo:
    """Of an attempt."""
    revealed = () if frontier is None else frontier.attempts
    return AttemptsInfo(
        _point("Yours", attempt),
        tuple(Point(e.name, e.kept, e.median, e.ess, True) for e in board),
        tuple(_point("The engine's frontier", a) for a in revealed),
    )


def _point(name: str, a: Attempt) -> Point:
    return Point(name, a.kept, a.median, a.ess, a.counts)


def film(info: AttemptsInfo, palette: theme.Palette) -> Film:
    """Households against evenness; rings do not count."""
    x = tuple((float(v), str(v)) for v in range(0, 121, 20))
    y = tuple((v, wording.percent(v)) for v in (0.0, 0.25, 0.5, 0.75, 1.0))
    series = (
        ("the engine's frontier", info.frontier, palette.target, 5.0),
        ("on the board", info.board, palette.dropped, 6.0),
        ("yours", (info.mine,), palette.kept if info.mine.counts else palette.error, 9.0),
    )
    legend = tuple((colour, word) for word, points, colour, _ in series if points)
    title = "Left is fewer, above the line is even enough"
    panel = Panel(title, (0, 124), (0, 1.06), "Households kept", "Effective, of those kept", x, y, legend=legend)
    marks = [Mark("line", 0, {"x": np.array([0.0, 124.0]), "y": np.full(2, LEAST_ESS)}, (palette.target,), dash=True, stroke=1.5)]
    for _, points, colour, size in series:
        if points:
            values = {
                "x": np.array([float(p.kept) for p in points]), "y": np.array([p.ess / max(p.kept, 1) for p in points]),
                "r": np.full(len(points), size), "tone": np.array([float(p.counts) for p in points]),
            }  # fmt: skip
            marks.append(Mark("dots", 0, values, (colour, colour), [_words(p) for p in points], ring=True))
    return Film((panel,), marks, (_words(info.mine),), height=360)


def _words(p: Point) -> str:
    kept, ess = wording.plural(p.kept, "household"), wording.weight(round(p.ess, 1))
    end = "" if p.counts else "; this does not count"
    return f"{p.name}: {kept}, median error {wording.percent(p.median)}, effective sample size {ess}{end}"
