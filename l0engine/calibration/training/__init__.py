"""The fit: gates and weights by gradient descent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from l0engine.lazy import importer

if TYPE_CHECKING:
    from l0engine.calibration.training.iteration import fit, iterate

__all__ = ["fit", "iterate"]

__getattr__ = importer(__name__, {"iteration": ("fit", "iterate")})
