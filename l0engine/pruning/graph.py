"""An ordinary network as the graph of its operations, with the shape of every tensor."""

from __future__ import annotations

import inspect
import math
import operator
from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import Tensor, fx, nn
from torch.fx.node import map_arg
from torch.fx.passes.shape_prop import ShapeProp

from l0engine.errors import ConfigError
from l0engine.pruning.masks import plain

#: Calls that keep the batch axis and lay all others out in one row, whatever sizes they name.
_FLATTENING = ("view", "reshape", "flatten")


def as_inputs(example_input: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """The arguments of a network's call, copied: it might write into them."""
    return tuple(x.detach().clone() for x in ((example_input,) if isinstance(example_input, Tensor) else example_input))


def traced(model: nn.Module, inputs: tuple[Tensor, ...]) -> fx.GraphModule:
    """The graph of an ordinary copy of a model in eval mode; see `shape_of` for the shapes of its nodes.

    Raises
    ------
    ConfigError
        The model fails on these inputs, or what it does depends on their values.
    """
    network = plain(model).eval()
    if type(network).__module__.startswith("torch.nn") and not isinstance(network, nn.Sequential):
        network = nn.Sequential(network)  # a single layer
    try:
        with torch.no_grad():
            network(*inputs)
    except (RuntimeError, TypeError, ValueError, IndexError) as error:
        raise ConfigError(f"The model fails on the example input ({_first_line(error)}): give a batch as the model takes it.") from error
    try:
        graph = fx.symbolic_trace(network)
    except (fx.proxy.TraceError, RuntimeError, TypeError, ValueError, AttributeError) as error:
        why = _first_line(error)
        raise ConfigError(f"The model cannot be traced ({why}): make its forward pass the same for every input.") from error
    _refuse_lost_values(graph)
    find_shapes(graph, inputs)
    for node in list(graph.graph.nodes):
        if node.op in ("call_method", "call_function") and getattr(node.target, "__name__", node.target) in _FLATTENING:
            _lay_out_in_a_row(graph.graph, node)
    for node in graph.graph.nodes:
        node.type = None  # annotations of the model's forward name things that the generated code would have to import
    graph.graph.eliminate_dead_code()
    graph.recompile()
    return graph


def find_shapes(network: fx.GraphModule, inputs: tuple[Tensor, ...]) -> None:
    """Set what `shape_of` returns for every node, by running the network once."""
    with torch.no_grad():
        ShapeProp(network).propagate(*inputs)


def shape_of(node: fx.Node) -> tuple[int, ...] | None:
    """Shape of the tensor that a node makes; None where it makes something else."""
    shape = getattr(node.meta.get("tensor_meta"), "shape", None)
    return None if shape is None else tuple(shape)


def carry_out(node: fx.Node, network: fx.GraphModule, values: Mapping[fx.Node, Tensor]) -> Any:
    """What a node's operation makes of other values than those that its network would hand to it."""
    args, kwargs = cast(tuple[Any, dict[str, Any]], map_arg((node.args, node.kwargs), lambda n: values[n]))
    with torch.no_grad():
        if node.op == "call_module":
            return network.get_submodule(str(node.target))(*args, **kwargs)
        if node.op == "call_method":
            return getattr(args[0], str(node.target))(*args[1:], **kwargs)
        return cast(Any, node.target)(*args, **kwargs)


def arguments(module: nn.Module) -> dict[str, Any]:
    """Arguments that construct a module like this one of torch.nn: its attributes of their names."""
    names = [name for name in inspect.signature(type(module).__init__).parameters if hasattr(module, name)]
    found = {name: getattr(module, name) for name in names}
    return {name: value is not None if name == "bias" and not isinstance(value, bool) else value for name, value in found.items()}


def _lay_out_in_a_row(graph: fx.Graph, node: fx.Node) -> None:
    """Replace a reshape that does what flatten(1) does: sizes written out would not fit a smaller network."""
    source = node.args[0]
    before, after = shape_of(source) if isinstance(source, fx.Node) else None, shape_of(node)
    if before and after and after == (before[0], math.prod(before[1:])):
        with graph.inserting_before(node):
            row = graph.call_function(torch.flatten, (source, 1))
        row.meta["tensor_meta"] = node.meta["tensor_meta"]
        node.replace_all_uses_with(row)
        graph.erase_node(node)


def _refuse_lost_values(network: fx.GraphModule) -> None:
    """A tensor that is overwritten in place and read again later has two values, and its node would stand for both."""
    place = {node: i for i, node in enumerate(network.graph.nodes)}
    for node in network.graph.nodes:
        source = node.args[0] if node.args else None
        if _overwrites(node, network) and isinstance(source, fx.Node) and any(place[user] > place[node] for user in source.users):
            raise ConfigError(f"The model overwrites '{source.name}' in place and reads it again: use '{node.name}' without inplace.")


def _overwrites(node: fx.Node, network: fx.GraphModule) -> bool:
    if node.op == "call_module":
        return bool(getattr(network.get_submodule(str(node.target)), "inplace", False))
    name = str(getattr(node.target, "__name__", node.target))
    augmented = getattr(node.target, "__module__", "") == "_operator" and name.startswith("i") and hasattr(operator, name[1:])
    return name.endswith("_") or augmented or bool(node.kwargs.get("inplace"))


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
