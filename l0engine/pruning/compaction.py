"""compact: a pruned network without the units and channels that no longer matter, as an ordinary smaller one."""

from __future__ import annotations

import copy
from typing import Any, cast

import numpy as np
import torch
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from torch import Tensor, fx, nn

from l0engine.pruning.graph import arguments, as_inputs, find_shapes, traced
from l0engine.pruning.measuring import call_seconds, sizes, total
from l0engine.pruning.operations import Rule
from l0engine.pruning.report import CompactionReport, LayerChange
from l0engine.pruning.units import Layer, Walk


def compact(model: nn.Module, example_input: Tensor | tuple[Tensor, ...]) -> tuple[fx.GraphModule, CompactionReport]:
    """A smaller ordinary network that computes what a model does at test time, and what that saved.

    A unit or channel goes if nothing that matters reads it, or if it is the same for every input: then what reads it gets a larger
    bias instead. That goes on through the layers before and after. Units that meet in a residual sum stay if one of them is needed,
    and a layer of which nothing is needed keeps one unit, so that the network remains one.

    Parameters
    ----------
    model : Module
        With gated layers, or an ordinary one whose weights have zeros; it stays as it is. It may be made of Linear, Conv1d to 3d
        (also depthwise), BatchNorm, activations, Dropout, pooling, Flatten, sums and products of tensors, `cat` and `mean`. Any
        other module or function stays whole: it keeps its size, and so does what it reads.
    example_input : Tensor or tuple of Tensor
        A batch as the model takes it, its first axis being the batch; it says the shapes, and its call is timed.

    Returns
    -------
    network : GraphModule
        In eval mode; its modules have the names they have in the model.
    report : CompactionReport

    Raises
    ------
    ConfigError
        The model fails on the example, its own forward pass cannot be traced, or calls dropout at test time.
    """
    inputs = as_inputs(example_input)
    ordinary = traced(model, inputs)
    walk = Walk(ordinary, inputs[0].device)
    kept = _kept(walk)
    small = copy.deepcopy(ordinary)
    for layer in walk.layers:
        small.set_submodule(layer.name, _smaller(layer, kept))
    small.delete_all_unused_submodules()
    find_shapes(small, inputs)
    return small, _report(ordinary, small, walk, {layer.name: _unread(layer, kept) for layer in walk.layers}, inputs)


def _kept(walk: Walk) -> Tensor:
    """Which units stay, by their numbers: the fewest that hold all that is needed."""
    empty = torch.empty(0, dtype=torch.int64)
    ties = [torch.cat([pair[side] for pair in walk.ties] or [empty]).numpy() for side in (0, 1)]
    pairs = coo_array((np.ones(len(ties[0])), (ties[0], ties[1])), shape=(walk.count, walk.count))
    group = torch.from_numpy(connected_components(pairs, directed=False)[1]).long() if walk.count else empty
    kept = torch.zeros(walk.count, dtype=torch.bool)
    kept[group[torch.cat([*walk.needed, empty])]] = True
    mixing = [layer for layer in walk.layers if layer.rule is Rule.MIX]
    _add_what_is_read(kept, group, mixing)
    for layer in reversed(mixing):
        if not kept[group[layer.outputs.ids]].any():
            simplest = layer.outputs.ids[(layer.links & ~layer.known).sum(1).argmin()]
            kept[group[simplest]] = True
            _add_what_is_read(kept, group, mixing)
    return kept[group]


def _add_what_is_read(kept: Tensor, group: Tensor, mixing: list[Layer]) -> None:
    before = -1
    while before < (before := int(kept.sum())):
        for layer in reversed(mixing):
            needed = layer.needed(kept[group[layer.outputs.ids]])
            kept[group[layer.inputs.ids[needed]]] = True


def _smaller(layer: Layer, kept: Tensor) -> nn.Module:
    """The layer's module with the units that stay."""
    module, inputs, outputs = layer.module, kept[layer.inputs.ids], kept[layer.outputs.ids]
    if bool(inputs.all() and outputs.all()):
        return module
    if layer.rule is Rule.SCALE:
        state = {name: t[outputs.to(t.device)] if t.dim() else t for name, t in module.state_dict().items()}
        return _rebuilt(module, state, {"num_parameters" if isinstance(module, nn.PReLU) else "num_features": int(outputs.sum())})
    names = ("in_features", "out_features") if isinstance(module, nn.Linear) else ("in_channels", "out_channels")
    settings = dict(zip(names, (int(inputs.sum()), int(outputs.sum())), strict=True))
    if layer.rule is Rule.DEPTHWISE:
        state = {name: t[outputs.to(t.device)] for name, t in module.state_dict().items()}
        return _rebuilt(module, state, {**settings, "groups": settings["in_channels"]})
    weight, bias = _folded(layer, ~inputs)
    state = {"weight": weight[outputs][:, inputs], "bias": bias[outputs]}
    if "bias" not in module.state_dict() and not bool(state["bias"].any()):
        del state["bias"]
    return _rebuilt(module, state, {**settings, "bias": "bias" in state})


def _folded(layer: Layer, gone: Tensor) -> tuple[Tensor, Tensor]:
    """Weight and bias, in double precision, with what constant inputs that go contribute to them."""
    weight = layer.module.get_parameter("weight").detach().cpu().double().clone()
    old: Any = layer.module.bias
    bias = torch.zeros(len(weight), dtype=torch.float64) if old is None else old.detach().cpu().double()
    constant, stuck = layer.inputs.constant, layer.stuck
    replaced = gone & stuck
    if bool(replaced.any()):
        times = constant[replaced] / constant[layer.carrier]
        weight[:, layer.carrier] += torch.einsum("oi...,i->o...", weight[:, replaced], times)
    folded = gone & layer.known & ~stuck
    return weight, bias + weight.reshape(*weight.shape[:2], -1).sum(-1)[:, folded] @ constant[folded]


def _rebuilt(module: nn.Module, state: dict[str, Tensor], settings: dict[str, Any]) -> nn.Module:
    """A module of the same type and settings but for these, without drawing weights that would be thrown away."""
    like = next(t for t in module.state_dict().values() if t.is_floating_point())
    new = cast(nn.Module, nn.utils.skip_init(type(module), **{**arguments(module), **settings}, device=like.device, dtype=like.dtype))  # type: ignore[no-untyped-call]
    new.load_state_dict(state)
    return new.eval()


def _unread(layer: Layer, kept: Tensor) -> tuple[int, ...]:
    if layer.rule is not Rule.MIX:
        return ()
    unread = kept[layer.inputs.ids] & ~layer.links[kept[layer.outputs.ids]].any(0)
    return tuple(unread.nonzero().flatten().tolist())


def _report(
    ordinary: fx.GraphModule, small: fx.GraphModule, walk: Walk, unread: dict[str, tuple[int, ...]], inputs: tuple[Tensor, ...]
) -> CompactionReport:
    before, after = sizes(ordinary, inputs), sizes(small, inputs)
    seconds = call_seconds((ordinary, small), inputs)
    with torch.no_grad():
        was, now = (torch.utils._pytree.tree_leaves(network(*inputs)) for network in (ordinary, small))
    return CompactionReport(
        tuple(
            LayerChange(name, type(ordinary.get_submodule(name)).__name__, size, after[name], unread.get(name, ()))
            for name, size in before.items()
        ),
        total(ordinary, before, seconds[0]),
        total(small, after, seconds[1]),
        len(inputs[0]),
        max((_difference(a, b) for a, b in zip(was, now, strict=True)), default=0.0),
        tuple(walk.whole),
    )


def _difference(was: Any, now: Any) -> float:
    """Largest absolute difference between two outputs; 0 where an output is no tensor, or an empty one."""
    if not isinstance(was, Tensor) or not was.numel():
        return 0.0
    return float((was.detach().double() - now.detach().double()).abs().max())
