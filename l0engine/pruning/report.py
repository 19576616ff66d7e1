"""What compaction saved: parameters, multiply-adds, bytes and time, before and after, layer by layer."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields
from typing import Any

import pandas as pd
import torch
from torch import Tensor, fx, nn

from l0engine.pruning.graph import module_of, shape_of

#: Calls before the first that counts, calls that count, and seconds after which one of these is enough.
_WARM_UPS, _REPEATS, _PATIENCE = 3, 20, 2.0
_MIXING = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


@dataclass(frozen=True)
class Size:
    """How large a layer, or a whole network, is.

    Attributes
    ----------
    parameters : int
    multiply_adds : int
        Products of a weight of a linear layer or a convolution with an input, for one example; zeros count, biases do not.
    bytes : int
        Of parameters and buffers.
    seconds : float
        Median time of a call with the example batch.
    """

    parameters: int
    multiply_adds: int
    bytes: int
    seconds: float


@dataclass(frozen=True)
class LayerSize(Size):
    """How large a layer is; `inputs` and `outputs` are units or channels, None where it is of a kind that is left whole."""

    inputs: int | None
    outputs: int | None


@dataclass(frozen=True)
class LayerChange:
    """One layer before and after compaction.

    Attributes
    ----------
    name : str
        In the model and in the compact network.
    kind : str
        Its type in torch.nn.
    before, after : LayerSize
    unread : tuple of int
        Inputs of the layer, by their position before, that stay though it reads none of them: features of the network's own input,
        or units that another layer needs.
    """

    name: str
    kind: str
    before: LayerSize
    after: LayerSize
    unread: tuple[int, ...]


@dataclass(frozen=True)
class LeftWhole:
    """Something that compaction does not go through: it stays as it is, and what it reads keeps its full width.

    Attributes
    ----------
    name : str
        Of the module, or of the module whose forward pass calls the function; '' for the network itself.
    kind : str
        The module's type, or the function's name.
    why : str
        The end of a sentence: 'it is called more than once'.
    """

    name: str
    kind: str
    why: str


@dataclass(frozen=True)
class CompactionReport:
    """What compaction saved.

    Attributes
    ----------
    layers : tuple of LayerChange
        Every module that has parameters, in the order of their calls.
    before, after : Size
        Of the whole network; `before` is the ordinary network that computes what the model does at test time.
    batch : int
        Examples in the batch that was timed.
    difference : float
        Largest absolute difference between the outputs before and after, for the example batch.
    whole : tuple of LeftWhole
        Modules and functions that compaction did not go through, in the order of their calls. Layers that could shrink on their
        own are among them where something else uses them too.
    """

    layers: tuple[LayerChange, ...]
    before: Size
    after: Size
    batch: int
    difference: float
    whole: tuple[LeftWhole, ...]

    def to_dict(self) -> dict[str, Any]:
        """Everything in types that JSON knows."""
        layers = [asdict(layer) | {"unread": list(layer.unread)} for layer in self.layers]
        return asdict(self) | {"layers": layers, "whole": [asdict(left) for left in self.whole]}

    def table(self) -> pd.DataFrame:
        """One row a layer and a last one for the network, named 'total'; columns 'parameters_before', 'parameters_after' and so on."""
        rows = [{"name": c.name, "kind": c.kind, **_columns(c.before, c.after), "unread": len(c.unread)} for c in self.layers]
        return pd.DataFrame([*rows, {"name": "total", "kind": "", **_columns(self.before, self.after)}]).convert_dtypes()


def sizes(network: fx.GraphModule, inputs: tuple[Tensor, ...]) -> dict[str, LayerSize]:
    """Size of every module that has parameters, by name."""
    nodes = [n for n in network.graph.nodes if n.op == "call_module" and any(True for _ in module_of(n, network).parameters())]
    seconds = _layer_seconds(network, inputs)
    found: dict[str, LayerSize] = {}
    for node in nodes:
        name, module = str(node.target), module_of(node, network)
        again = found.get(name)  # a layer that is called twice works twice
        outputs, read = _units(module)
        found[name] = LayerSize(
            sum(p.numel() for p in module.parameters()),
            _multiply_adds(module, shape_of(node)) + (again.multiply_adds if again else 0),
            _bytes(module),
            seconds[node] + (again.seconds if again else 0),
            read,
            outputs,
        )
    return found


def total(network: nn.Module, layers: dict[str, LayerSize], seconds: float) -> Size:
    """Size of a network from those of its layers."""
    return Size(sum(p.numel() for p in network.parameters()), sum(s.multiply_adds for s in layers.values()), _bytes(network), seconds)


def call_seconds(networks: tuple[nn.Module, ...], inputs: tuple[Tensor, ...]) -> tuple[float, ...]:
    """Median time of a call of each network; they take turns, so that a busy machine slows all of them alike."""
    times: list[list[float]] = [[] for _ in networks]
    with torch.inference_mode():
        for _ in _rounds():
            for network, taken in zip(networks, times, strict=True):
                taken.append(_timed(lambda network=network: network(*inputs), inputs[0].device)[1])  # type: ignore[misc]
    return tuple(statistics.median(taken[_WARM_UPS:]) for taken in times)


class _Stopwatch(fx.Interpreter):
    """Runs a network node by node and takes the time of each."""

    def __init__(self, network: fx.GraphModule, device: torch.device) -> None:
        super().__init__(network)
        self.times: dict[fx.Node, list[float]] = {node: [] for node in network.graph.nodes}
        self._device = device

    def run_node(self, n: fx.Node) -> Any:
        result, seconds = _timed(lambda: super(_Stopwatch, self).run_node(n), self._device)
        self.times[n].append(seconds)
        return result


def _layer_seconds(network: fx.GraphModule, inputs: tuple[Tensor, ...]) -> dict[fx.Node, float]:
    watch = _Stopwatch(network, inputs[0].device)
    with torch.inference_mode():
        for _ in _rounds():
            watch.run(*inputs)
    return {node: statistics.median(times[_WARM_UPS:]) for node, times in watch.times.items()}


def _rounds() -> Iterator[None]:
    start = time.perf_counter()
    for i in range(_WARM_UPS + _REPEATS):
        if i <= _WARM_UPS or time.perf_counter() - start < _PATIENCE:
            yield


def _timed(call: Callable[[], Any], device: torch.device) -> tuple[Any, float]:
    start = time.perf_counter()
    result = call()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return result, time.perf_counter() - start


def _units(module: nn.Module) -> tuple[int | None, int | None]:
    """Outputs and inputs of a layer, which are the same where its weights do not mix them; None if weights of its kind do not say."""
    if isinstance(module, _MIXING):
        return module.weight.shape[0], module.weight.shape[1] * getattr(module, "groups", 1)
    weight = module._parameters.get("weight")  # by name: a parameter that is set anew moves behind the others
    return (len(weight), len(weight)) if weight is not None and weight.dim() == 1 else (None, None)


def _multiply_adds(module: nn.Module, shape: tuple[int, ...] | None) -> int:
    """Outputs of one example times the weights that each of them sums over."""
    return math.prod(shape[1:]) * module.weight[0].numel() if isinstance(module, _MIXING) and shape else 0


def _bytes(module: nn.Module) -> int:
    return sum(t.nbytes for t in (*module.parameters(), *module.buffers()))


def _columns(before: Size, after: Size) -> dict[str, float]:
    names = [field.name for field in fields(before)]
    return {f"{name}_{when}": getattr(size, name) for name in names for when, size in (("before", before), ("after", after))}
