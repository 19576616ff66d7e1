"""A gate: its distribution, what it is at test time, and what forgetting the temperature there does to a trained model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from l0engine.lessons.ask import Ask, choice, seeds


class TrainedPicture(NamedTuple):
    """Gates of a linear model while it learns.

    Attributes
    ----------
    steps : ndarray of int, shape (n_steps,)
    log_alpha : ndarray, shape (n_steps, n_features)
        Those that matter come first.
    right, published : ndarray of int, shape (n_steps,)
        Gates that are not 0 at test time, with the temperature and with it forgotten.
    true : int
        Features that matter.
    """

    steps: np.ndarray
    log_alpha: np.ndarray
    right: np.ndarray
    published: np.ndarray
    true: int


class GatePicture(NamedTuple):
    """One gate.

    Attributes
    ----------
    edges : ndarray, shape (n_bins + 1,)
        From 0 to 1.
    between : ndarray, shape (n_bins,)
        Probability that it falls between two edges, and is neither 0 nor 1.
    p_zero, p_one : float
        Probability that it is exactly 0, and exactly 1.
    p_open, mean, variance : float
    gate, published : float
        At test time, with the temperature and with it forgotten.
    mean_slope, gate_slope, published_slope : float
        Derivatives of `mean`, `gate` and `published` with respect to log_alpha.
    log_alphas, gates, publisheds, means : ndarray, shape (n_log_alphas,)
        `gate`, `published` and `mean` as functions of log_alpha.
    closes, closes_published : float
        log_alpha below which the gate is shut at test time.
    trained : TrainedPicture
    """

    edges: np.ndarray
    between: np.ndarray
    p_zero: float
    p_one: float
    p_open: float
    mean: float
    variance: float
    gate: float
    published: float
    mean_slope: float
    gate_slope: float
    published_slope: float
    log_alphas: np.ndarray
    gates: np.ndarray
    publisheds: np.ndarray
    means: np.ndarray
    closes: float
    closes_published: float
    trained: TrainedPicture


@dataclass(frozen=True)
class GateAsk(Ask):
    """Which gate."""

    made: ClassVar[str] = "l0engine.lessons.made.gate:show"
    picture: ClassVar[type[GatePicture]] = GatePicture

    log_alpha: float = choice(
        -1.0, "log α", "What is learnt: far to the right the gate is open, far to the left it is shut.",
        tuple(round(-6 + 0.1 * i, 1) for i in range(121)),
    )  # fmt: skip
    temperature: float = choice(
        0.35, "Temperature β", "Low: nearly on or off. High: anything in between.",
        (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0, 1.25, 1.5, 2.0),
    )  # fmt: skip
    gamma: float = choice(
        -0.1, "Stretch below, γ", "How far below 0 the gate is stretched before it is cut off: more of it is exactly 0.",
        (-0.5, -0.4, -0.3, -0.25, -0.2, -0.15, -0.1, -0.05, -0.02),
    )  # fmt: skip
    zeta: float = choice(
        1.1, "Stretch above, ζ", "How far above 1: more of it is exactly 1.", (1.02, 1.05, 1.1, 1.15, 1.2, 1.25, 1.3, 1.4, 1.5)
    )
    published: bool = choice(
        False, "As first published", "The code that came with the paper forgets the temperature when gates are read at test time."
    )
    seed: int = seeds()
