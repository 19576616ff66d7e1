"""An ordinary network as the graph of its operations, with the shape of every tensor."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Container, Mapping
from typing import Any, cast

import torch
from torch import Tensor, fx, nn
from torch.fx.node import map_arg
from torch.fx.passes.shape_prop import ShapeProp

from l0engine.errors import ConfigError
from l0engine.pruning.masks import plain

#: Calls that keep the batch axis and lay all others out in one row, whatever sizes they name.
_FLATTENING = ("view", "reshape", "flatten")
#: What a forward pass raises that cannot go on without knowing the values of its tensors.
_UNTRACEABLE = (RuntimeError, TypeError, ValueError, AttributeError, LookupError, AssertionError)


def as_inputs(example_input: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """The arguments of a network's call, copied: it might write into them."""
    return tuple(x.detach().clone() for x in ((example_input,) if isinstance(example_input, Tensor) else example_input))


def traced(model: nn.Module, inputs: tuple[Tensor, ...]) -> fx.GraphModule:
    """The graph of an ordinary copy of a model in eval mode; see `shape_of` for the shapes of its nodes, `why_opaque` for modules in it.

    Raises
    ------
    ConfigError
        The model fails on these inputs, or what its own forward pass does, outside all modules in it, depends on their values.
    """
    network = plain(model).eval()
    if type(network).__module__.startswith("torch.nn") and not isinstance(network, nn.Sequential):
        network = nn.Sequential(network)  # a single layer
    try:
        with torch.no_grad():
            network(*inputs)
    except (RuntimeError, TypeError, ValueError, IndexError) as error:
        raise ConfigError(f"The model fails on the example input ({first_line(error)}): give a batch as the model takes it.") from error
    graph = _graph_of(network)
    _refuse_lost_values(graph, inputs)
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


def why_opaque(node: fx.Node) -> str:
    """Why the module that a node calls cannot be traced; '' where it can, or needs not be."""
    return str(node.meta.get("opaque", ""))


def module_of(node: fx.Node, network: fx.GraphModule) -> nn.Module:
    """The module that a node calls."""
    return network.get_submodule(str(node.target))


def carry_out(node: fx.Node, network: fx.GraphModule, values: Mapping[fx.Node, Tensor]) -> Any:
    """What a node's operation makes of other values than those that its network would hand to it."""
    args, kwargs = cast(tuple[Any, dict[str, Any]], map_arg((node.args, node.kwargs), lambda n: values[n]))
    with torch.no_grad():
        if node.op == "call_module":
            return module_of(node, network)(*args, **kwargs)
        if node.op == "call_method":
            return getattr(args[0], str(node.target))(*args[1:], **kwargs)
        return cast(Any, node.target)(*args, **kwargs)


def arguments(module: nn.Module) -> dict[str, Any]:
    """Arguments that construct a module like this one of torch.nn: its attributes of their names."""
    found = {name: getattr(module, name) for name in defaults(module) if hasattr(module, name)}
    return {name: value is not None if name == "bias" and not isinstance(value, bool) else value for name, value in found.items()}


def defaults(module: nn.Module) -> dict[str, Any]:
    """What the constructor of a module of torch.nn takes, by name, with the default."""
    recurrent = isinstance(module, nn.RNNBase)  # LSTM and GRU take what their base takes, and say what it calls mode
    taken = inspect.signature(nn.RNNBase.__init__ if recurrent else type(module).__init__).parameters
    return {name: p.default for name, p in taken.items() if not (recurrent and name == "mode")}


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


class _Tracer(fx.Tracer):
    """Takes some modules, by name, as one step each, and notes the innermost one of the others that cannot be traced."""

    def __init__(self, opaque: Container[str]) -> None:
        super().__init__()
        self.opaque, self.failed = opaque, ""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return module_qualified_name in self.opaque or super().is_leaf_module(m, module_qualified_name)

    def call_module(self, m: nn.Module, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        try:
            return super().call_module(m, forward, args, kwargs)
        except _UNTRACEABLE:
            name = self.path_of_module(m)
            if not self.failed and not self.is_leaf_module(m, name):
                self.failed = name
            raise


def _graph_of(network: nn.Module) -> fx.GraphModule:
    """The graph of a network in which modules that cannot be traced are one step each."""
    opaque: dict[str, str] = {}
    while True:
        tracer = _Tracer(opaque)
        try:
            graph = tracer.trace(network)
        except _UNTRACEABLE as error:
            why = first_line(error)
            if not tracer.failed:
                raise ConfigError(f"The model cannot be traced ({why}): make its forward pass the same for every input.") from error
            opaque[tracer.failed] = why
        else:
            break
    for node in graph.nodes:
        if node.op == "call_module" and node.target in opaque:
            node.meta["opaque"] = opaque[node.target]
    return fx.GraphModule(network, graph, type(network).__name__)


class _Watch(fx.Interpreter):
    """Runs a network and notes where it overwrites a tensor in place that it reads again later."""

    def __init__(self, network: fx.GraphModule) -> None:
        super().__init__(network)
        self.lost: tuple[str, str] | None = None
        self._place = {node: i for i, node in enumerate(network.graph.nodes)}

    def run_node(self, n: fx.Node) -> Any:
        before = {node: v._version for node, v in self.env.items() if isinstance(v, Tensor) and not v.is_inference()}
        result = super().run_node(n)
        for node, version in before.items():
            if self.env[node]._version != version and any(self._place[user] > self._place[n] for user in node.users):
                self.lost = self.lost or (node.name, n.name)
        return result


def _refuse_lost_values(network: fx.GraphModule, inputs: tuple[Tensor, ...]) -> None:
    """A tensor that is overwritten in place and read again later has two values, and its node would stand for both."""
    watch = _Watch(network)
    with torch.inference_mode(False), torch.no_grad():  # in inference mode tensors do not count their changes
        watch.run(*as_inputs(inputs))
    if watch.lost is not None:
        tensor, call = watch.lost
        raise ConfigError(f"The model overwrites '{tensor}' in place and reads it again: use '{call}' without inplace.")


def first_line(error: Exception) -> str:
    """The first line of what an error says, without a full stop."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
