"""Layers with gates on their weights or channels, and networks of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from l0engine.layers.layers import GATED, L0Conv1d, L0Conv2d, L0DepthwiseConv2d, L0Embedding, L0Linear
from l0engine.layers.network import SparseMLP
from l0engine.lazy import importer

if TYPE_CHECKING:
    from l0engine.pruning.masks import prune_model

__all__ = ["GATED", "L0Conv1d", "L0Conv2d", "L0DepthwiseConv2d", "L0Embedding", "L0Linear", "SparseMLP", "prune_model"]

__getattr__ = importer("l0engine", {"pruning.masks": ("prune_model",)})  # users of l0-python look for it here
