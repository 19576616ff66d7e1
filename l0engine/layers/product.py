"""Gates of a layer: drawn and multiplied into its weights with as few passes over them as can be."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from l0engine.hard_concrete import LOG_ALPHA_BOUND, NOISE_MARGIN, HardConcrete, HardConcreteDistribution


class LayerGates(HardConcrete):
    """`HardConcrete` gates for weights, with the same parameters and attributes.

    Noise is drawn in single precision or better: in half precision a gate could not stay open with probability above 255/256.
    """

    def times(self, weight: Tensor) -> Tensor:
        """`weight`, of as many entries as there are gates, times the gates: drawn in training mode, of test time in eval mode."""
        log_alpha = self.qz_logits.view_as(weight)
        if self.training:
            return gated_product(weight, log_alpha, self._noise().view_as(weight), self.distribution)
        return weight * self.distribution.gate(log_alpha)

    def forward(self, input_shape: tuple[int, ...] | None = None) -> Tensor:
        """As in `HardConcrete`, in the precision of the parameters."""
        return super().forward(input_shape).to(self.qz_logits.dtype)

    def _noise(self) -> Tensor:
        dtype = torch.promote_types(self.qz_logits.dtype, torch.float32)
        if torch.compiler.is_compiling():
            from l0engine.layers.compiled import apart

            return cast(Tensor, apart(self._drawn, dtype))
        return self._drawn(dtype)


def gated_product(weight: Tensor, log_alpha: Tensor, noise: Tensor, dist: HardConcreteDistribution) -> Tensor:
    """``weight * dist.sample(log_alpha, noise)``, differentiable once in `weight` and `log_alpha`; all of one shape."""
    return cast(Tensor, _GatedProduct.apply(weight, log_alpha, noise, dist))  # type: ignore[no-untyped-call]


class _GatedProduct(torch.autograd.Function):
    """The closed form of the sampled gate, in place, and its slope from the sigmoid ``s`` alone."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, log_alpha: Tensor, noise: Tensor, dist: HardConcreteDistribution) -> Tensor:
        s = torch.logit(noise, NOISE_MARGIN).add_(log_alpha.clamp(-LOG_ALPHA_BOUND, LOG_ALPHA_BOUND)).div_(dist.beta).sigmoid_()
        gate = s.mul(dist.zeta - dist.gamma).add_(dist.gamma).clamp_(0, 1).to(weight.dtype)
        ctx.save_for_backward(weight, log_alpha, s, gate)
        ctx.dist = dist
        return weight * gate

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None, None]:
        weight, log_alpha, s, gate = ctx.saved_tensors
        width = ctx.dist.zeta - ctx.dist.gamma
        by_gate = (grad * weight).to(s.dtype)
        inside = torch.ops.aten.hardtanh_backward(by_gate, s, -ctx.dist.gamma / width, (1 - ctx.dist.gamma) / width)
        by_s = torch.ops.aten.sigmoid_backward(inside, s)
        return grad * gate, by_s.mul_(width / ctx.dist.beta).to(log_alpha.dtype), None, None
