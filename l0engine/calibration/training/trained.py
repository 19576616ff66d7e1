"""What a training leaves."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch

from l0engine.calibration.config import Config
from l0engine.calibration.results import Status


class Ended(NamedTuple):
    status: Status
    message: str


class Trained(NamedTuple):
    """Gated weights of all households, why it ended, what there is to say, where it ended, and with what settings."""

    gated: np.ndarray
    reason: Ended
    notes: list[str]
    device: torch.device
    config: Config
