"""Pruning a network: two classes of points in a plane, and the boundary that stays while weights go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from l0engine.lessons.ask import Ask, choice, seeds

SHAPES = ("moons", "circles", "spiral")


class NetworkPicture(NamedTuple):
    """A network of two inputs, two hidden layers and two classes while it learns.

    Attributes
    ----------
    points : ndarray, shape (n, 2)
        Those it learns from.
    labels : ndarray of int, shape (n,)
    epochs : ndarray of int, shape (n_stages,)
    side : ndarray, shape (n_side,)
        Coordinates of the map, the same in both directions.
    maps : ndarray of uint8, shape (n_stages, n_side, n_side)
        Probability of the second class, 255 for 1; a row for each of the second coordinate.
    weights : tuple of ndarray, each (n_stages, outputs, inputs)
        Of the three layers, times test-time gates.
    alive : tuple of ndarray of bool, each (n_stages, units)
        Inputs, both hidden layers and classes that something living leads to and from.
    opened : ndarray of int, accuracy : ndarray, shape (n_stages,)
        Weights that live, and the share of 1,000 further points told right.
    before, after : int
        Numbers stored by the network as it began, and compacted.
    difference : float
        The largest difference of a score of the compacted network from the gated one's.
    """

    points: np.ndarray
    labels: np.ndarray
    epochs: np.ndarray
    side: np.ndarray
    maps: np.ndarray
    weights: tuple[np.ndarray, ...]
    alive: tuple[np.ndarray, ...]
    opened: np.ndarray
    accuracy: np.ndarray
    before: int
    after: int
    difference: float


@dataclass(frozen=True)
class NetworkAsk(Ask):
    """Which points, how wide a network, and what a weight costs."""

    made: ClassVar[str] = "l0engine.lessons.made.network:show"
    picture: ClassVar[type[NetworkPicture]] = NetworkPicture

    shape: str = choice("moons", "Points", "Two classes that no straight line parts.", SHAPES)
    price: float = choice(
        1.0, "Price of a weight, λ L0", "A unit stays if it lowers the cross entropy, summed over the points, by more "
        "than this for each of its weights (in nats).",
        (0.0, 0.1, 0.2, 0.5, 1.0, 2.0, 4.0),
    )  # fmt: skip
    hidden: int = choice(16, "Units in each hidden layer", "Where it begins; pruning decides how many stay.", (4, 8, 12, 16, 24))
    seed: int = seeds()
