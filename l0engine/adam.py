"""Adam, by torch's function: torch's class loads torch's compiler on first use, which takes longer than a small fit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim.adam import adam

#: Defaults of torch's class.
BETAS, EPS = (0.9, 0.999), 1e-8


def adam_step(
    parameters: list[Tensor], gradients: list[Tensor], firsts: list[Tensor], seconds: list[Tensor], steps: list[Tensor], **how: Any
) -> None:
    """One step, in place, with the defaults of `torch.optim.Adam` for all but what is said, such as `lr`."""
    options = {"amsgrad": False, "beta1": BETAS[0], "beta2": BETAS[1], "eps": EPS, "weight_decay": 0.0, "maximize": False}
    adam(parameters, gradients, firsts, seconds, [], steps, **options | how)


class Adam:
    """Adam of Kingma & Ba (2015) for a few groups of parameters, each with a rate of its own; the same bits as `torch.optim.Adam`.

    Parameters
    ----------
    groups : sequence of Tensor
        Parameters, whose `grad` each step looks at.
    fused : bool
        Whether torch takes a step in one kernel.
    """

    def __init__(self, *groups: Sequence[Tensor], fused: bool = False) -> None:
        self._fused = fused
        self._groups = [[(p, torch.zeros_like(p), torch.zeros_like(p), torch.tensor(0.0)) for p in group] for group in groups]

    def forget(self) -> None:
        """Let go of all gradients."""
        for group in self._groups:
            for p, *_ in group:
                p.grad = None

    @torch.no_grad()
    def step(self, *rates: float) -> None:
        """A step with a rate for each group; a parameter without a gradient stays."""
        for group, rate in zip(self._groups, rates, strict=True):
            moved = [(p, p.grad, *memory) for p, *memory in group if p.grad is not None]
            if moved:
                adam_step(*map(list, zip(*moved, strict=True)), lr=rate, fused=self._fused)
