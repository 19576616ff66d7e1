"""Layers of neural networks with L0 gates: ordinary torch layers on one gated base."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from l0engine.arrays.indexing import count
from l0engine.errors import ConfigError
from l0engine.layers.base import GatedLayer


class L0Linear(GatedLayer, nn.Linear):
    """Linear layer with a gate on each weight, input or output.

    Parameters
    ----------
    in_features, out_features : int
        1 or more.
    bias : bool
    temperature : float
        Beta of the Hard Concrete distribution.
    init_sparsity : float
        1 minus about the mean gate at the start, in the open interval (0, 1): log_alpha starts at logit(1 - init_sparsity), as in
        the paper's own code. More gates than that are a little open: 77 % at the defaults.
    use_l2 : bool
        Whether `get_l2_penalty` is more than 0. `compute_l2_penalty` counts the layer in any case.
    group : str
        What has a gate of its own: 'weight', 'input' or 'output'.
    seed : int, optional
        Seed of the gates' own noise; from the system's entropy by default.

    Raises
    ------
    ConfigError
        An argument is out of its bounds.
    """

    plain = nn.Linear
    settings = ("in_features", "out_features")

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        temperature: float = 0.5,
        init_sparsity: float = 0.5,
        use_l2: bool = False,
        *,
        group: str = "weight",
        seed: int | None = None,
    ) -> None:
        super().__init__(count("in_features", in_features, 1), count("out_features", out_features, 1), bias)
        self._add_gates(group, temperature, init_sparsity, use_l2, seed)

    def forward(self, input: Tensor) -> Tensor:
        """Outputs, shape (..., out_features), for inputs of shape (..., in_features)."""
        self._check_inputs(input, -1)
        return nn.functional.linear(input, *self.gated())


class _Conv(GatedLayer):
    """What convolutions of every dimension share."""

    settings = ("in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation", "groups", "padding_mode")

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, ...],
        stride: int | tuple[int, ...] = 1,
        padding: int | str | tuple[int, ...] = 0,
        bias: bool = True,
        temperature: float = 0.5,
        init_sparsity: float = 0.5,
        structured: bool = False,
        use_l2: bool = False,
        *,
        dilation: int | tuple[int, ...] = 1,
        groups: int = 1,
        padding_mode: str = "zeros",
        group: str | None = None,
        seed: int | None = None,
    ) -> None:
        count("groups", groups, 1)
        for name, channels in (("in_channels", in_channels), ("out_channels", out_channels)):
            if count(name, channels, 1) % groups:
                raise ConfigError(f"{name} is {channels}, which {groups} groups do not share evenly: set it to a multiple of groups.")
        for size in kernel_size if isinstance(kernel_size, tuple) else (kernel_size,):
            count("kernel_size", size, 1)
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode)
        self._add_gates(group or ("output" if structured else "weight"), temperature, init_sparsity, use_l2, seed)
        self.structured = self.group != "weight"

    def forward(self, input: Tensor) -> Tensor:
        """Outputs, shape (batch, out_channels, ...), for inputs of shape (batch, in_channels, ...); the dots are the axes."""
        self._check_inputs(input, 1 - self.weight.dim())
        return self._conv_forward(input, *self.gated())  # type: ignore[operator,no-any-return]


class L0Conv1d(_Conv, nn.Conv1d):
    """Convolution over one axis; see `L0Conv2d`."""

    plain = nn.Conv1d


class L0Conv2d(_Conv, nn.Conv2d):
    """Convolution over two axes with a gate on each weight, input channel or output channel.

    Parameters
    ----------
    in_channels, out_channels : int
        Multiples of `groups`.
    kernel_size, stride, padding, bias, dilation, groups, padding_mode
        As in `torch.nn.Conv2d`. With as many groups as channels the convolution is depthwise.
    temperature, init_sparsity, use_l2, seed
        As in `L0Linear`.
    structured : bool
        True is short for ``group="output"``.
    group : str, optional
        What has a gate of its own: 'weight' (the default), 'input' or 'output' channels.

    Raises
    ------
    ConfigError
        An argument is out of its bounds.
    """

    plain = nn.Conv2d


class L0DepthwiseConv2d(L0Conv2d):
    """Convolution of each channel with a filter of its own, and a gate on each channel; a shut channel emits exactly 0.

    Parameters
    ----------
    in_channels : int
        Number of channels, of outputs too.
    kernel_size, stride, padding, bias, temperature, init_sparsity
        As in `L0Conv2d`, as are its arguments by keyword: `use_l2`, `dilation`, `padding_mode`, `group`, `seed`.
    """

    def __init__(
        self,
        in_channels: int,
        kernel_size: int | tuple[int, ...],
        stride: int | tuple[int, ...] = 1,
        padding: int | str | tuple[int, ...] = 0,
        bias: bool = True,
        temperature: float = 0.5,
        init_sparsity: float = 0.5,
        **options: Any,
    ) -> None:
        channels = count("in_channels", in_channels, 1)
        options = {"structured": True, "groups": channels, **options}
        super().__init__(channels, channels, kernel_size, stride, padding, bias, temperature, init_sparsity, **options)


class L0Embedding(GatedLayer, nn.Embedding):
    """Table of vectors with a gate on each entry, each row ('input') or each column ('output').

    Parameters
    ----------
    num_embeddings, embedding_dim : int
        1 or more.
    padding_idx : int, optional
        As in `torch.nn.Embedding`.
    temperature, init_sparsity, use_l2, group, seed
        As in `L0Linear`.
    """

    plain = nn.Embedding
    settings = ("num_embeddings", "embedding_dim", "padding_idx")
    bias = None

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        temperature: float = 0.5,
        init_sparsity: float = 0.5,
        use_l2: bool = False,
        *,
        group: str = "weight",
        seed: int | None = None,
    ) -> None:
        rows, columns = count("num_embeddings", num_embeddings, 1), count("embedding_dim", embedding_dim, 1)
        super().__init__(rows, columns, padding_idx)
        self._add_gates(group, temperature, init_sparsity, use_l2, seed)

    def reset_parameters(self) -> None:
        """As in `torch.nn.Embedding`; gates stay."""
        nn.Embedding.reset_parameters(self)

    def forward(self, input: Tensor) -> Tensor:
        """Vectors, shape (..., embedding_dim), for row numbers of shape (...)."""
        return nn.functional.embedding(input, self.gated()[0], self.padding_idx)

    @property
    def _units(self) -> tuple[int, int]:
        return self.num_embeddings, self.embedding_dim

    def spread(self, values: Tensor) -> Tensor:
        return values[:, None] if self.group == "input" else values


#: Layers with gates; `plain` of each is the ordinary layer it stands for.
GATED = (L0Linear, L0Conv1d, L0Conv2d, L0Embedding)
