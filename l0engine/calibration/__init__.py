"""Sparse survey calibration: problem, settings, fit, refit, measures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from l0engine.lazy import importer

if TYPE_CHECKING:
    from l0engine.calibration.config import PRESETS, Config, settings
    from l0engine.calibration.metrics import effective_sample_size, measure, relative_errors, sparsity
    from l0engine.calibration.problem.preflight import Finding, Severity, targets_in_use
    from l0engine.calibration.problem.problem import Problem
    from l0engine.calibration.results import Measures, Result, Snapshot, Status
    from l0engine.calibration.training.checkpoint import TrainingState
    from l0engine.calibration.training.iteration import fit, iterate
    from l0engine.calibration.weights import SparseCalibrationWeights

# What goes in
__all__ = ["PRESETS", "Config", "Finding", "Problem", "Severity", "settings", "targets_in_use"]
# The fit; functions named like their module stand there: preflight.preflight, refit.refit
__all__ += ["SparseCalibrationWeights", "TrainingState", "fit", "iterate"]
# What comes out
__all__ += ["Measures", "Result", "Snapshot", "Status"]
__all__ += ["effective_sample_size", "measure", "relative_errors", "sparsity"]

__getattr__ = importer(
    __name__,
    {
        "config": ("PRESETS", "Config", "settings"),
        "metrics": ("effective_sample_size", "measure", "relative_errors", "sparsity"),
        "problem.preflight": ("Finding", "Severity", "targets_in_use"),
        "problem.problem": ("Problem",),
        "results": ("Measures", "Result", "Snapshot", "Status"),
        "training.checkpoint": ("TrainingState",),
        "training.iteration": ("fit", "iterate"),
        "weights": ("SparseCalibrationWeights",),
    },
)
