"""How large a network and its layers are, and how long their calls take."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, fx, nn

from l0engine.pruning.graph import module_of, shape_of
from l0engine.pruning.report import LayerSize, Size

#: Calls before the first that counts, calls that count, and seconds after which one of these is enough.
_WARM_UPS, _REPEATS, _PATIENCE = 3, 20, 2.0
_MIXING = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


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
