"""The one base of every layer with gates on its weights."""

from __future__ import annotations

from typing import Any, ClassVar, cast

import torch
from torch import Tensor, nn

from l0engine.errors import ConfigError
from l0engine.hard_concrete import HardConcreteDistribution
from l0engine.layers.product import LayerGates

#: What has a gate of its own: each weight, all weights of an input unit or channel, or all weights of an output unit or channel.
GROUPS = ("weight", "input", "output")


class GatedLayer(nn.Module):
    """An ordinary torch layer whose weights are multiplied by Hard Concrete gates (Louizos, Welling & Kingma 2017).

    Gates are drawn anew in each call in training mode and are those of test time in eval mode. A subclass also inherits from the
    ordinary layer `plain`, and names in `settings` the arguments of its constructor that both take.

    Attributes
    ----------
    weight, bias : Parameter
        As in the ordinary layer; `bias` may be None.
    weight_gates or channel_gates : LayerGates
        The gates: `weight_gates` with a gate for each weight, else `channel_gates`; `gates` is either.
    group : str
        'weight', 'input' or 'output', see `GROUPS`. An output gate multiplies the bias too, so that a shut output emits exactly 0.
    use_l2 : bool
        Whether `get_l2_penalty` is more than 0.
    """

    plain: ClassVar[type[nn.Module]]
    settings: ClassVar[tuple[str, ...]]
    weight: Tensor
    bias: Any
    group: str
    use_l2: bool

    def _add_gates(self, group: str, temperature: float, init_sparsity: float, use_l2: bool, seed: int | None) -> None:
        if group not in GROUPS:
            raise ConfigError(f"There is no group '{group}': choose one of {', '.join(GROUPS)}.")
        if not 0 < init_sparsity < 1:
            raise ConfigError(f"init_sparsity is {init_sparsity}: set it to a number above 0 and below 1.")
        self.group, self.use_l2 = group, use_l2
        inputs, outputs = self._units
        size = {"weight": (self.weight.shape[0], self.weight[0].numel()), "input": (inputs,), "output": (outputs,)}[group]
        start = HardConcreteDistribution(temperature).p_active(torch.logit(torch.tensor(1 - init_sparsity, dtype=torch.float64)))
        gates = LayerGates(*size, temperature=temperature, init_mean=float(start), seed=seed)  # type: ignore[misc]
        self.add_module("weight_gates" if group == "weight" else "channel_gates", gates)

    @property
    def gates(self) -> LayerGates:
        """The gates."""
        return cast(LayerGates, self.weight_gates if self.group == "weight" else self.channel_gates)

    def reset_parameters(self) -> None:
        """Weights by the normal rule of He et al. 2015 (by fan-out), bias 0; gates stay."""
        nn.init.kaiming_normal_(self.weight, mode="fan_out")
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def gated(self) -> tuple[Tensor, Tensor | None]:
        """Weight and bias times the gates, differentiable: drawn in training mode, of test time in eval mode."""
        if self.group == "weight":
            return self.gates.times(self.weight), self.bias
        return self._multiplied(self.gates())

    def get_l0_penalty(self) -> Tensor:
        """Expected number of weights whose gate is open, a differentiable scalar.

        A gate of a unit or channel counts as the weights it multiplies (its group's size in section 2.4 of the paper), so that
        layers and groups have one currency; the bias does not count.
        """
        return self.gates.get_penalty() * (self.weight.numel() // self.gates.qz_logits.numel())

    def get_l2_penalty(self) -> Tensor:
        """`expected_square` if `use_l2`, else 0; a differentiable scalar."""
        return self.expected_square() if self.use_l2 else self.weight.new_zeros(())

    def expected_square(self) -> Tensor:
        """Sum of squared weights, each times the probability that its gate is open (section 2.3 of the paper); differentiable."""
        return (self.spread(self.gates.get_active_prob()) * self.weight.square()).sum()

    def get_sparsity(self) -> float:
        """Share of weights whose gate is exactly 0 at test time."""
        return self.gates.get_sparsity()

    @torch.no_grad()
    def mask(self, threshold: float = 0.0) -> Tensor:
        """True for the weights whose test-time gate is above `threshold`; shaped like `weight`."""
        return (self.spread(self._test_gates()) > threshold).expand_as(self.weight).contiguous()

    @torch.no_grad()
    def to_plain(self) -> nn.Module:
        """A new ordinary layer, with parameters of its own, that computes what this one does at test time; in the same mode."""
        settings = {**settings_of(self, self.settings), "device": self.weight.device, "dtype": self.weight.dtype}
        layer = cast(nn.Module, nn.utils.skip_init(self.plain, **settings))  # type: ignore[no-untyped-call]
        weight, bias = self._multiplied(self._test_gates())
        layer.get_parameter("weight").copy_(weight)
        if bias is not None:
            layer.get_parameter("bias").copy_(bias)
        return layer.train(self.training)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, group={self.group}"

    def _check_inputs(self, inputs: Tensor, axis: int) -> None:
        n = self._units[0]
        if inputs.dim() < -axis or inputs.shape[axis] != n:
            raise ConfigError(f"The input has shape {tuple(inputs.shape)}, but the layer takes {n:,} along axis {axis}: give as many.")

    @property
    def _units(self) -> tuple[int, int]:
        """Number of input and of output units or channels."""
        return self.weight.shape[1] * self._blocks, self.weight.shape[0]

    @property
    def _blocks(self) -> int:
        """Number of blocks of outputs, each of which sees its own block of inputs; `groups` of a convolution."""
        return getattr(self, "groups", 1)

    def _test_gates(self) -> Tensor:
        return self.gates.distribution.gate(self.gates.qz_logits)

    def _multiplied(self, gates: Tensor) -> tuple[Tensor, Tensor | None]:
        bias = self.bias
        return self.weight * self.spread(gates), bias * gates if bias is not None and self.group == "output" else bias

    def spread(self, values: Tensor) -> Tensor:
        """One value a gate, laid out so that it broadcasts with `weight`, whose first axes are outputs and inputs."""
        if self.group == "weight":
            return values.view_as(self.weight)
        if self.group == "input":  # an output sees only the inputs of its own block
            outputs = self.weight.shape[0] // self._blocks
            values = values.view(self._blocks, 1, -1).expand(-1, outputs, -1).flatten(0, 1)
        else:
            values = values[:, None]
        return values.view(*values.shape, *(1,) * (self.weight.dim() - 2))


def settings_of(layer: nn.Module, names: tuple[str, ...]) -> dict[str, Any]:
    """Arguments to construct a layer like this one: its attributes of these names, and whether it has a bias if it may have one."""
    bias = {"bias": layer.bias is not None} if "bias" in layer._parameters else {}
    return {name: getattr(layer, name) for name in names} | bias
