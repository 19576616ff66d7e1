"""Film: a picture that moves, as panels and marks whose values are given at stages; the browser draws what lies between."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np

from dashboard.kit.theme import Palette


class Panel(NamedTuple):
    """A part of the picture with axes of its own; panels stand side by side, below each other where it is narrow.

    Attributes
    ----------
    title : str
    x, y : tuple of float
        Ranges.
    x_title, y_title : str
    x_ticks, y_ticks : tuple of (float, str)
    width : float
        Beside that of the others.
    square : bool
        Whether a unit is as long in both directions.
    legend : tuple of (str, str)
        Colours and words, below the title.
    left : int
        Pixels for the words of the y axis.
    """

    title: str
    x: tuple[float, float]
    y: tuple[float, float]
    x_title: str = ""
    y_title: str = ""
    x_ticks: tuple[tuple[float, str], ...] = ()
    y_ticks: tuple[tuple[float, str], ...] = ()
    width: float = 1.0
    square: bool = False
    legend: tuple[tuple[str, str], ...] = ()
    left: int = 48


class Mark(NamedTuple):
    """Things of one kind in one panel.

    Attributes
    ----------
    kind : str
        'dots' (x, y, r in pixels), 'bars' (x, w, y from y0), 'line' (x, y; drawn whole), 'trail' (x, y; drawn up to the stage),
        'links' (x, y to x1, y1; w in pixels), 'map' (shares as bytes over the whole panel), 'text' (x, y, words), 'tree' (size, parent: a
        number, -1 of the first; tiles within tiles over the whole panel, which a click opens).
    panel : int
    values : mapping of str to array
        By channel: shape (n,) where nothing moves, or (n_stages, n). 'tone' from 0 to 1 chooses among the colours, 'alpha' is opacity.
    colours : sequence of str
        Hex; those of tones 0, 1/2 and 1, or one for all.
    hover : sequence of str
        What the pointer reads of each thing, or of all; '{channel}' stands for its value, '{path}' for the words of the way to it.
    words : sequence of str
        Of texts and trees.
    names : mapping of int to str
        Of trees, what '{path}' stands for in place of the words of the way.
    dash : bool
        Of lines.
    ring : bool
        Dots are drawn as rings where their tone is 0.
    stroke : float
        Of lines, in pixels.
    """

    kind: str
    panel: int
    values: Mapping[str, Any]
    colours: Sequence[str]
    hover: Sequence[str] = ()
    words: Sequence[str] = ()
    names: Mapping[int, str] = {}
    dash: bool = False
    ring: bool = False
    stroke: float = 2.0


class Film(NamedTuple):
    """The picture: panels, marks, a caption for each stage, seconds from the first stage to the last, height in pixels, and in how many
    rows the panels stand; with one stage it stands still."""

    panels: Sequence[Panel]
    marks: Sequence[Mark]
    captions: Sequence[str]
    seconds: float = 6.0
    height: int = 360
    rows: int = 1


def ticks(axis: Mapping[str, Any]) -> tuple[tuple[float, str], ...]:
    """Those of a log axis of `kit.figures.axes` that lie in its range, placed by their logarithms."""
    low, high = axis["range"]
    found = ((math.log10(value), text) for value, text in zip(axis["tickvals"], axis["ticktext"], strict=True))
    return tuple((at, text) for at, text in found if low <= at <= high)


def to_json(film: Film, palette: Palette) -> str:
    """The film as the player reads it."""
    marks = [
        {**mark._asdict(), "values": {name: _channel(v, len(film.captions)) for name, v in mark.values.items()}} for mark in film.marks
    ]
    look = {"text": palette.text, "muted": palette.muted, "grid": palette.grid, "surface": palette.surface}
    whole = {**film._asdict(), "panels": [p._asdict() for p in film.panels], "marks": marks, "look": look}
    return msgspec.json.encode(whole, enc_hook=float).decode()  # in a fifth of the time of json; numbers of NumPy are made plain


def _channel(values: Any, stages: int) -> dict[str, Any]:
    """Numbers as 32-bit floats, of shape (n,) or (n_stages, n), gaps as nan; bytes, of shape (n_stages or 1, rows, columns)."""
    a = np.asarray(values)
    if a.dtype == np.uint8:
        assert a.ndim == 3 and len(a) in (1, stages)
        return {"rows": a.shape[1], "columns": a.shape[2], "bytes": _base64(a)}
    assert a.ndim == 1 or (a.ndim == 2 and len(a) == stages), (a.shape, stages)
    numbers = np.where(np.isfinite(a), a, np.nan).astype("<f4")
    return {"stages": 1 if a.ndim == 1 else stages, "floats": _base64(numbers)}


def _base64(a: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(a)).decode()
