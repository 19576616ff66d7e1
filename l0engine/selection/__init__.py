"""Choosing rows that stand for all rows, and columns that explain another one, by Hard Concrete gates held to a count."""

from __future__ import annotations

from typing import TYPE_CHECKING

from l0engine.lazy import importer

if TYPE_CHECKING:
    from l0engine.selection.cube import balanced
    from l0engine.selection.designs import random, random_part, stratified
    from l0engine.selection.features import choose_features, iterate_features
    from l0engine.selection.path import FeaturePath, FeatureSet, FeatureSnapshot
    from l0engine.selection.samples import choose_samples, iterate_samples
    from l0engine.selection.selected import SampleSnapshot, Selected
    from l0engine.selection.standardised import Standardised
    from l0engine.selection.wanted import Joint, Mean, Quantiles, Share, moments

__all__ = ["FeaturePath", "FeatureSet", "FeatureSnapshot", "choose_features", "iterate_features"]
__all__ += ["Joint", "Mean", "Quantiles", "Share", "Standardised", "moments"]
__all__ += ["SampleSnapshot", "Selected", "balanced", "choose_samples", "iterate_samples", "random", "random_part", "stratified"]

__getattr__ = importer(
    __name__,
    {
        "cube": ("balanced",),
        "designs": ("random", "random_part", "stratified"),
        "features": ("choose_features", "iterate_features"),
        "wanted": ("Joint", "Mean", "Quantiles", "Share", "moments"),
        "path": ("FeaturePath", "FeatureSet", "FeatureSnapshot"),
        "samples": ("choose_samples", "iterate_samples"),
        "selected": ("SampleSnapshot", "Selected"),
        "standardised": ("Standardised",),
    },
)
