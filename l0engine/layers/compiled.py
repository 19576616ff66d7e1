"""What a compiled network leaves uncompiled. Imported while one is compiled only: to say so loads the compiler, which takes seconds."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


@torch.compiler.disable  # type: ignore[untyped-decorator]
def apart(draw: Callable[[torch.dtype], Tensor], dtype: torch.dtype) -> Tensor:
    """What `draw` gives: a generator draws the same numbers in a compiled network as in any other."""
    return draw(dtype)
