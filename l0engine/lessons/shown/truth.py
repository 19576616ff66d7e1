"""L0 against L1 against L2: what each finds of coefficients that are known, as its penalty falls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from l0engine.lessons.ask import Ask, choice, seeds

METHODS = ("L0", "L1", "L2")


class TruthPicture(NamedTuple):
    """Coefficients of three methods along their paths.

    Attributes
    ----------
    truth : ndarray, shape (n_features,)
        Coefficients that made y.
    coefficients : ndarray, shape (3, n_steps, n_features)
        Of L0, L1 and L2, while their penalties fall.
    precision, recall : ndarray, shape (3, n_steps)
        Share of those found that are true (1 where none is found), and share of the true ones that are found.
    shrinkage : ndarray, shape (3, n_steps)
        Mean of abs(coefficient) / abs(truth) over the true ones found; nan where there is none.
    errors : ndarray, shape (3, n_steps)
        Mean squared error on 1,000 further rows, in units of the variance of their y.
    best : ndarray of int, shape (3,)
        The step with the least of these errors.
    snr : float
        Variance of what the truth makes of the features over that of the noise.
    """

    truth: np.ndarray
    coefficients: np.ndarray
    precision: np.ndarray
    recall: np.ndarray
    shrinkage: np.ndarray
    errors: np.ndarray
    best: np.ndarray
    snr: float


@dataclass(frozen=True)
class TruthAsk(Ask):
    """Which data."""

    made: ClassVar[str] = "l0engine.lessons.made.truth:show"
    picture: ClassVar[type[TruthPicture]] = TruthPicture

    rows: int = choice(80, "Rows", "More rows, less chance.", (30, 40, 60, 80, 120, 200, 400))
    noise: float = choice(0.5, "Noise", "Standard deviation of what no feature explains.", (0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0))
    correlation: float = choice(
        0.3, "Correlation", "Of neighbouring features: how much one tells of the next.", (0.0, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95)
    )
    seed: int = seeds()
