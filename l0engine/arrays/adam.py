"""Adam on a few tensors: torch's step without torch's class, which imports the compiler when it is first made, and that takes a second."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.optim.adam import adam


class Adam:
    """The same steps as `torch.optim.Adam` of the same `lr` and `fused`, on the CPU to the last bit.

    Parameters
    ----------
    parameters : sequence of Tensor
        They are moved in place by their `grad`, which each must have at a step.
    lr : float
        May be set anew between steps.
    fused : bool
        Whether torch takes the step in one kernel; then all are on the CPU.
    """

    def __init__(self, parameters: Sequence[Tensor], lr: float, fused: bool = False) -> None:
        self.lr, self._parameters, self._fused = lr, list(parameters), fused
        self._means, self._squares = ([torch.zeros_like(p, requires_grad=False) for p in parameters] for _ in range(2))
        self._steps = [torch.zeros(()) for _ in parameters]

    @torch.no_grad()
    def step(self) -> None:
        """Move all of them once."""
        gradients = [p.grad for p in self._parameters]
        adam(
            self._parameters, [g for g in gradients if g is not None], self._means, self._squares, [], self._steps, fused=self._fused,
            foreach=False, capturable=False, differentiable=False, has_complex=False, amsgrad=False, beta1=0.9, beta2=0.999, lr=self.lr,
            weight_decay=0.0, eps=1e-8, maximize=False, grad_scale=None, found_inf=None,
        )  # fmt: skip
