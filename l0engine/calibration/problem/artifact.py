"""Artifact: the file of another program that a problem was read from, which the solution has to name."""

from __future__ import annotations

from dataclasses import dataclass

from l0engine.plain import Plain


@dataclass(frozen=True)
class Artifact(Plain):
    """An ordered problem of microcosm.

    Attributes
    ----------
    sha256 : str
        Of the file.
    entity_ids : tuple of int or str
        All of its ids, in its order; household ids are their texts. Those of weight 0 are no households of the problem.
    """

    sha256: str
    entity_ids: tuple[int | str, ...]
