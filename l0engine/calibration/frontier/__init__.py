"""The frontier: answers for many numbers of households, and what other methods make of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from l0engine.lazy import importer

if TYPE_CHECKING:
    from l0engine.calibration.frontier.path import curve, frontier

__all__ = ["curve", "frontier"]

__getattr__ = importer(__name__, {"path": ("curve", "frontier")})
