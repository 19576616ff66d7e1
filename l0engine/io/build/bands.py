"""Bands: labels of classes of numbers, written and read."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise

from l0engine.errors import ProblemError
from l0engine.io.build.recipe import Band
from l0engine.io.limits import clipped

_FROM_TO = re.compile(r"(\d+(?:\.\d+)?)\s*(?:-|–|—|to|bis|à)\s*(?:under\s*)?(\d+(?:\.\d+)?)")
_OPEN = re.compile(r"(\d+(?:\.\d+)?)\s*(?:\+|plus|(?:years? )?(?:and|or) (?:over|older|above|more))")
_BELOW = re.compile(r"(?:under|below|less than|<)\s*(\d+(?:\.\d+)?)")
_ONE = re.compile(r"(\d+(?:\.\d+)?)(?:\s*(?:years?|persons?|people|person household))?")


def labels_of(band: Band) -> tuple[str, ...]:
    """The labels of a band, written from its edges where it has none.

    Raises
    ------
    ProblemError
        The edges do not rise, or there are too few or too many labels.
    """
    edges = band.edges
    if not edges or any(b <= a for a, b in pairwise(edges)):
        raise ProblemError(f"The edges of the band '{clipped(band.name)}' must rise: give at least one, smallest first.")
    if band.labels:
        if len(band.labels) not in (len(edges), len(edges) - 1):
            raise ProblemError(f"The band '{clipped(band.name)}' has {len(edges)} edges, {len(band.labels)} labels: give one an edge.")
        return band.labels
    whole = all(float(e).is_integer() for e in edges)
    pairs = pairwise(edges)
    if whole:
        inner = [f"{a:.0f}" if b - a == 1 else f"{a:.0f}-{b - 1:.0f}" for a, b in pairs]
    else:
        inner = [f"{a:g} to under {b:g}" for a, b in pairs]
    return (*inner, f"{edges[-1]:g}+" if not whole else f"{edges[-1]:.0f}+")


def band_of(name: str, column: str, labels: Iterable[str]) -> Band | None:
    """The band that published labels such as '0-17', '18 to 24', '65 and over' tell of; None where they tell of none."""
    classes = sorted((bounds, label) for label in labels if (bounds := _bounds(label)) is not None)
    if len(classes) < 2 or len(classes) < len(set(labels)):
        return None
    edges = [low for (low, _), _ in classes]
    for ((_, high), _), ((after, _), _) in pairwise(classes):
        if high not in (after, after - 1):
            return None
    last = classes[-1][0][1]
    top = () if last == float("inf") else (last + 1,)
    return Band(name, column, (*edges, *top), tuple(label for _, label in classes))


def _bounds(label: str) -> tuple[float, float] | None:
    """First and last number of a class."""
    text = " ".join(label.casefold().split())
    if found := _FROM_TO.search(text):
        return float(found[1]), float(found[2])
    if found := _OPEN.search(text):
        return float(found[1]), float("inf")
    if found := _BELOW.search(text):
        return 0.0, float(found[1])
    found = _ONE.fullmatch(text)
    return (float(found[1]), float(found[1])) if found else None
