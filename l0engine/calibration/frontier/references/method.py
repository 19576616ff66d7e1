"""What a reference method is given, and what it answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from l0engine.calibration.config import Config
from l0engine.calibration.problem.system import ScaledSystem


@dataclass(frozen=True, eq=False)
class Case:
    """What a reference method is given; `gated` are the gated weights of the fit, shape (n_households,)."""

    system: ScaledSystem
    config: Config
    gated: np.ndarray
    budget: int
    should_stop: Callable[[], bool]


class Choice(NamedTuple):
    """Households, ascending, with their positive weights, and whether these are only the start of a refit."""

    kept: np.ndarray
    weights: np.ndarray
    refit: bool = True
    note: str = ""
