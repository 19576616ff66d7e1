"""Tensors to plain arrays: what the torch module takes in, as the rest of the library wants it."""

from __future__ import annotations

from typing import Any

import torch
from scipy import sparse as sp
from torch import Tensor


def plain(a: Any) -> Any:
    """A NumPy array or SciPy sparse array for a dense or sparse Tensor; anything else as it is."""
    if not isinstance(a, Tensor):
        return a
    a = a.detach().cpu()
    a = a.float() if a.dtype in (torch.float16, torch.bfloat16) else a
    if a.layout is torch.strided:
        return a.numpy()
    a = a.to_sparse_coo().coalesce()
    a = a.to_dense().to_sparse_coo().coalesce() if a.dense_dim() else a
    return sp.coo_array((a.values().numpy(), tuple(a.indices().numpy())), shape=tuple(a.shape))
