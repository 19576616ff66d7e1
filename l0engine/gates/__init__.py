"""Gates on samples and features, and what stands in an objective for a gate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from l0engine.lazy import importer

if TYPE_CHECKING:
    from l0engine.gates.gate import FeatureGate, L0Gate, SampleGate
    from l0engine.gates.hybrid import HybridGate

__all__ = ["FeatureGate", "HybridGate", "L0Gate", "SampleGate"]

__getattr__ = importer(__name__, {"gate": ("FeatureGate", "L0Gate", "SampleGate"), "hybrid": ("HybridGate",)})
