"""How runs look where they stand side by side: a colour each, which follows a run wherever it is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from zlib import crc32

from dashboard.kit import theme

#: Where colours begin again, lines differ in their dashes.
DASHES = ("solid", "dash", "dot", "dashdot")
#: Yellow is left out: a line of it cannot be seen on a white page.
COLOURS = theme.OKABE_ITO[:6]


class Drawn(NamedTuple):
    """One of several runs: what it is called, and how its line looks."""

    id: str
    name: str
    colour: str
    dash: str = "solid"

    @property
    def label(self) -> str:
        """Its name, made harmless and short enough for a picture."""
        return theme.label(self.name, 36)


def looks(runs: Sequence[tuple[str, str, bool]]) -> dict[str, Drawn]:
    """A look for each run (id, name, pinned), in their order.

    A run's own colour comes from its id alone. Where two have the same, a pinned run keeps it, or else the older one, and the other
    takes the next that is free: to add a younger run changes nobody else.
    """
    taken: dict[str, tuple[int, int]] = {}
    for run, _, _ in sorted(runs, key=lambda r: (not r[2], r[0])):
        n, turn = len(COLOURS), len(taken) // len(COLOURS)
        own, used = crc32(run.encode()) % n, {colour for colour, when in taken.values() if when == turn}
        taken[run] = (next(c % n for c in range(own, own + n) if c % n not in used), turn)
    return {run: Drawn(run, name, COLOURS[taken[run][0]], DASHES[taken[run][1] % len(DASHES)]) for run, name, _ in runs}
