"""Sparse survey calibration with L0 gates: few households, published totals met."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

from l0engine.errors import ConfigError, L0Error, ProblemError
from l0engine.lazy import importer

if TYPE_CHECKING:
    from l0engine.calibration.config import Config
    from l0engine.calibration.preflight import preflight
    from l0engine.calibration.problem import Problem
    from l0engine.calibration.results import Measures, Result, Snapshot, Status
    from l0engine.calibration.training import fit, iterate
    from l0engine.calibration.weights import SparseCalibrationWeights
    from l0engine.hard_concrete import HardConcrete, HardConcreteDistribution

__version__ = version("l0engine")

# Calibration: what goes in, the fit, what comes out
__all__ = ["Config", "Problem", "SparseCalibrationWeights", "fit", "iterate", "preflight"]
__all__ += ["Measures", "Result", "Snapshot", "Status"]
# Gates
__all__ += ["HardConcrete", "HardConcreteDistribution"]
# Errors
__all__ += ["ConfigError", "L0Error", "ProblemError"]

__getattr__ = importer(
    __name__,
    {
        "calibration.config": ("Config",),
        "calibration.preflight": ("preflight",),
        "calibration.problem": ("Problem",),
        "calibration.results": ("Measures", "Result", "Snapshot", "Status"),
        "calibration.training": ("fit", "iterate"),
        "calibration.weights": ("SparseCalibrationWeights",),
        "hard_concrete": ("HardConcrete", "HardConcreteDistribution"),
    },
)
