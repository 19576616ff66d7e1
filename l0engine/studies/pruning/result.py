"""What a pruning study says on the way, and what it finds."""

from __future__ import annotations

from dataclasses import dataclass

from l0engine.plain import Plain
from l0engine.pruning.report import CompactionReport


@dataclass(frozen=True)
class LayerLife:
    """A layer's weights and units that live (see `Living`), and how many it has."""

    name: str
    weights: int
    of_weights: int
    units: int
    of_units: int


@dataclass(frozen=True)
class PruningSnapshot(Plain):
    """An epoch of the gated network and the dense one beside it; or one of those trained from scratch after them, which only counts.

    Attributes
    ----------
    step : int
        The epoch, from 1; those from scratch go on from the study's epochs.
    epochs : int
        The last step, of both.
    train, test : float or None
        Shares of training images (the first few thousand) and of test images that the gated network tells right.
    dense : float or None
        Share of test images that the dense one tells right.
    data_loss, l0_loss, l2_loss : float or None
        Terms of the gated network's loss, prices included, in nats: means over the images of the epoch.
    temperature : float or None
        Of the gates.
    layers : tuple of LayerLife
        From the first to the last; empty where no gates are trained.
    """

    step: int
    epochs: int
    train: float | None = None
    test: float | None = None
    dense: float | None = None
    data_loss: float | None = None
    l0_loss: float | None = None
    l2_loss: float | None = None
    temperature: float | None = None
    layers: tuple[LayerLife, ...] = ()


@dataclass(frozen=True)
class PruningResult(Plain):
    """The gated network, the compacted one, and what else would do.

    Attributes
    ----------
    network : str
        As in `PruningStudy`.
    train, test : int
        Numbers of images.
    epochs : int
        Those of the gated network.
    right, weights : dict of str to int
        Test images told right, and weights that are not zero, by network: dense, gated, compact, magnitude (the dense one pruned to
        as many weights) and, unless stopped, small (dense with as many weights) and anew (the compacted shape).
    magnitude : tuple of (int, int)
        Weights and test images told right of the dense network, pruned to several sizes, the largest first.
    report : CompactionReport
        For a batch of 256 images.
    difference : float
        The largest between a score of the gated and of the compacted network, over all test images.
    seconds : float
        From start to end, without pauses.
    """

    network: str
    classes: tuple[str, ...]
    train: int
    test: int
    epochs: int
    right: dict[str, int]
    weights: dict[str, int]
    magnitude: tuple[tuple[int, int], ...]
    layers: tuple[LayerLife, ...]
    report: CompactionReport
    difference: float
    seconds: float
