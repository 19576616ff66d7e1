"""Sparse survey calibration with L0 gates: few households, published totals met."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

from l0engine.errors import ConfigError, L0Error, ProblemError
from l0engine.lazy import importer
from l0engine.machine import calm_threads

if TYPE_CHECKING:
    from l0engine.calibration.config import Config
    from l0engine.calibration.problem.preflight import preflight
    from l0engine.calibration.problem.problem import Problem
    from l0engine.calibration.results import Measures, Result, Snapshot, Status
    from l0engine.calibration.training.iteration import fit, iterate
    from l0engine.calibration.weights import SparseCalibrationWeights
    from l0engine.gates.gate import FeatureGate, L0Gate, SampleGate
    from l0engine.gates.hybrid import HybridGate
    from l0engine.hard_concrete import HardConcrete, HardConcreteDistribution
    from l0engine.layers import L0Conv1d, L0Conv2d, L0DepthwiseConv2d, L0Embedding, L0Linear, SparseMLP
    from l0engine.penalties import (
        PenaltyTracker,
        compute_l0_penalty,
        compute_l0l2_penalty,
        compute_l2_penalty,
        get_active_parameter_count,
        get_sparsity_stats,
        update_temperatures,
    )
    from l0engine.pruning import CompactionReport, compact, magnitude_pruned, prune_model, save_standalone
    from l0engine.schedules import TemperatureScheduler
    from l0engine.sparse_linear.estimator import SparseL0Linear

__version__ = version("l0engine")

# Calibration: what goes in, the fit, what comes out
__all__ = ["Config", "Problem", "SparseCalibrationWeights", "fit", "iterate", "preflight"]
__all__ += ["Measures", "Result", "Snapshot", "Status"]
# Before all else, on a shared or large machine
__all__ += ["calm_threads"]
# Gates
__all__ += ["FeatureGate", "HardConcrete", "HardConcreteDistribution", "HybridGate", "L0Gate", "SampleGate"]
# Models with gates
__all__ += ["L0Conv1d", "L0Conv2d", "L0DepthwiseConv2d", "L0Embedding", "L0Linear", "SparseL0Linear", "SparseMLP"]
# Training them: penalties, temperature, record
__all__ += ["PenaltyTracker", "TemperatureScheduler", "compute_l0_penalty", "compute_l0l2_penalty", "compute_l2_penalty"]
__all__ += ["get_active_parameter_count", "get_sparsity_stats", "update_temperatures"]
# Making them smaller
__all__ += ["CompactionReport", "compact", "magnitude_pruned", "prune_model", "save_standalone"]
# Errors
__all__ += ["ConfigError", "L0Error", "ProblemError"]

__getattr__ = importer(
    __name__,
    {
        "calibration.config": ("Config",),
        "calibration.problem.preflight": ("preflight",),
        "calibration.problem.problem": ("Problem",),
        "calibration.results": ("Measures", "Result", "Snapshot", "Status"),
        "calibration.training.iteration": ("fit", "iterate"),
        "calibration.weights": ("SparseCalibrationWeights",),
        "gates.gate": ("FeatureGate", "L0Gate", "SampleGate"),
        "gates.hybrid": ("HybridGate",),
        "hard_concrete": ("HardConcrete", "HardConcreteDistribution"),
        "layers": ("L0Conv1d", "L0Conv2d", "L0DepthwiseConv2d", "L0Embedding", "L0Linear", "SparseMLP"),
        "sparse_linear.estimator": ("SparseL0Linear",),
        "penalties": (
            "PenaltyTracker",
            "compute_l0_penalty",
            "compute_l0l2_penalty",
            "compute_l2_penalty",
            "get_active_parameter_count",
            "get_sparsity_stats",
            "update_temperatures",
        ),
        "pruning": ("CompactionReport", "compact", "magnitude_pruned", "prune_model", "save_standalone"),
        "schedules": ("TemperatureScheduler",),
    },
)
