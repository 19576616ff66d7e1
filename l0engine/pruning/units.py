"""What a network's units are: followed from tensor to tensor through its graph, with those that are the same for every input."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import torch
from torch import Tensor, fx, nn

from l0engine.pruning.graph import carry_out, module_of, shape_of
from l0engine.pruning.operations import Rule, name_and_kind, treatment
from l0engine.pruning.report import LeftWhole

#: What rounding may do to a number that is the same everywhere.
_ROUNDING = 1e-6


@dataclass(frozen=True)
class Units:
    """The units of a tensor along one of its axes.

    Attributes
    ----------
    ids : Tensor of int64, shape (units,)
        Number of each; units of the same number only go together.
    constant : Tensor of float64, shape (units,)
        The value of a unit that has the same one for every input, NaN for all others.
    """

    axis: int
    ids: Tensor
    constant: Tensor

    def spread(self, values: Tensor, shape: Sequence[int]) -> Tensor:
        """One value a unit, as a batch of one of a tensor of this shape."""
        sizes = [1] * len(shape)
        sizes[self.axis] = len(values)
        return values.view(sizes).expand(1, *shape[1:]).clone()


@dataclass(frozen=True)
class Layer:
    """A module whose size depends on units.

    Attributes
    ----------
    rule : Rule
        MIX, DEPTHWISE or SCALE.
    links : Tensor of bool, shape (outputs, inputs)
        With MIX whether a weight joins them that is not 0; empty otherwise.
    """

    name: str
    module: nn.Module
    rule: Rule
    inputs: Units
    outputs: Units
    links: Tensor

    @property
    def known(self) -> Tensor:
        """Which inputs are the same for every input of the network."""
        return ~self.inputs.constant.isnan()

    @property
    def stuck(self) -> Tensor:
        """Which of these end at a border of zeros, so that no bias can stand for them."""
        padding = getattr(self.module, "_reversed_padding_repeated_twice", ())
        padded = any(padding) and self.module.padding_mode == "zeros"
        return self.known & (self.inputs.constant != 0) & padded

    @property
    def carrier(self) -> int:
        """The one stuck input that is enough: all others are multiples of it."""
        return int(self.inputs.constant.abs().where(self.stuck, -1).argmax())

    def needed(self, outputs: Tensor) -> Tensor:
        """Which inputs these outputs (boolean) cannot do without."""
        read = self.links[outputs].any(0)
        needed = read & ~self.known
        if bool((read & self.stuck).any()):
            needed[self.carrier] = True
        return needed


class Walk:
    """Goes through a graph once, in order.

    Attributes
    ----------
    layers : list of Layer
    ties : list of (Tensor, Tensor)
        Numbers of units that only go together, pair by pair.
    needed : list of Tensor
        Numbers of units that stay in any case.
    count : int
        Units have numbers below it.
    whole : list of LeftWhole
        What it could not go through, once each.
    """

    def __init__(self, network: fx.GraphModule, device: torch.device) -> None:
        self.layers: list[Layer] = []
        self.ties: list[tuple[Tensor, Tensor]] = []
        self.needed: list[Tensor] = []
        self.count = 0
        self.whole: list[LeftWhole] = []
        self._network, self._device = network, device
        self._shared = _shared(network)
        self._units: dict[fx.Node, Units | None] = {}
        steps = {
            Rule.MIX: self._mix, Rule.DEPTHWISE: self._own_way, Rule.SCALE: self._own_way, Rule.POOL: self._own_way,
            Rule.ELEMENTWISE: self._elementwise, Rule.ROW: self._row, Rule.MEAN: self._mean, Rule.CONCATENATE: self._concatenate,
        }  # fmt: skip
        for node in network.graph.nodes:
            rule, why = treatment(node, network)
            step = steps.get(rule)
            if step and node.op == "call_module" and node.target in self._shared and module_of(node, self._network).state_dict():
                step, why = None, self._shared[str(node.target)]
            units = step(node) if step and shape_of(node) else None
            if units is None:
                self._keep(node.all_input_nodes)
                self._note(node, why)
            self._units[node] = units

    def _mix(self, node: fx.Node) -> Units | None:
        module, shape, source = module_of(node, self._network), _shape(node), node.all_input_nodes[0]
        axis = len(shape) - 1 if isinstance(module, nn.Linear) else 1
        weight = cast(Tensor, module.weight).detach()
        if axis == 0 or len(shape) < weight.dim():  # no batch axis
            return None
        inputs = self._along(source, axis)
        links = (weight != 0).reshape(*weight.shape[:2], -1).any(-1).cpu()
        known = ~links[:, inputs.constant.isnan()].any(1)
        outputs = Units(axis, self._new(shape[axis]), self._constant(node, {source: inputs}, axis, known))
        self.layers.append(Layer(str(node.target), module, Rule.MIX, inputs, outputs, links))
        return outputs

    def _own_way(self, node: fx.Node) -> Units:
        source, rule = node.all_input_nodes[0], treatment(node, self._network).rule
        inputs = self._along(source, 1)
        times = _shape(node)[1] // len(inputs.ids)
        known = ~inputs.constant.isnan().repeat_interleave(times)
        if rule is Rule.DEPTHWISE:
            known |= (cast(Tensor, module_of(node, self._network).weight).detach() == 0).flatten(1).all(1).cpu()
        outputs = Units(1, inputs.ids.repeat_interleave(times), self._constant(node, {source: inputs}, 1, known))
        if rule is not Rule.POOL:
            none = torch.empty(0, 0, dtype=torch.bool)
            self.layers.append(Layer(str(node.target), module_of(node, self._network), rule, inputs, outputs, none))
        return outputs

    def _elementwise(self, node: fx.Node) -> Units | None:
        found = {source: self._units[source] for source in node.all_input_nodes}
        if any(u is None for u in found.values()) or len({(u.axis, len(u.ids), len(_shape(s))) for s, u in found.items() if u}) > 1:
            return None
        units = cast(dict[fx.Node, Units], found)
        first, *others = units.values()
        self.ties += [(first.ids, other.ids) for other in others]
        known = torch.stack([~u.constant.isnan() for u in units.values()]).all(0)
        return replace(first, constant=self._constant(node, units, first.axis, known))

    def _row(self, node: fx.Node) -> Units | None:
        source = node.all_input_nodes[0]
        units, shape = self._units[source], _shape(source)
        if units is None or len(_shape(node)) != 2 or _shape(node)[0] != shape[0]:
            return None
        return Units(1, units.spread(units.ids, shape).flatten(), units.spread(units.constant, shape).flatten())

    def _mean(self, node: fx.Node) -> Units | None:
        source = node.all_input_nodes[0]
        units, shape = self._units[source], _shape(source)
        over: Any = node.args[1] if len(node.args) > 1 else node.kwargs.get("dim")
        axes = {d % len(shape) for d in ([over] if isinstance(over, int) else over or range(len(shape)))}
        if units is None or axes & {0, units.axis}:
            return None
        axis = units.axis - (len(shape) - len(_shape(node))) * sum(d < units.axis for d in axes) // len(axes)
        return Units(axis, units.ids, self._constant(node, {source: units}, axis, ~units.constant.isnan()))

    def _concatenate(self, node: fx.Node) -> Units | None:
        parts: Any = node.args[0] if node.args else node.kwargs["tensors"]
        over: Any = node.args[1] if len(node.args) > 1 else node.kwargs.get("dim", 0)
        axis = over % len(_shape(node))
        if axis == 0:
            return None
        units = [self._along(part, axis) for part in parts]
        return Units(axis, torch.cat([u.ids for u in units]), torch.cat([u.constant for u in units]))

    def _along(self, source: fx.Node, axis: int) -> Units:
        """Units of a tensor along an axis; if they are not known there, all of them are needed."""
        units = self._units[source]
        if units is not None and units.axis == axis:
            return units
        self._keep([source])
        ids = self._new(_shape(source)[axis])
        self.needed.append(ids)
        return Units(axis, ids, torch.full(ids.shape, torch.nan, dtype=torch.float64))

    def _constant(self, node: fx.Node, sources: dict[fx.Node, Units], axis: int, known: Tensor) -> Tensor:
        """What the units of a node are where they are known to depend on no input: tried out, NaN where places differ."""
        filled = {}
        for source, units in sources.items():
            dtype = source.meta["tensor_meta"].dtype
            filled[source] = units.spread(units.constant.nan_to_num(), _shape(source)).to(self._device, dtype)
        values: Tensor = carry_out(node, self._network, filled).cpu().double().movedim(axis, 0).flatten(1)
        low, high = values.amin(1), values.amax(1)
        return low.where(known & low.isfinite() & (high - low <= _ROUNDING * high.abs()), torch.nan)

    def _keep(self, sources: Iterable[fx.Node]) -> None:
        self.needed += [units.ids for units in map(self._units.get, sources) if units is not None]

    def _note(self, node: fx.Node, why: str) -> None:
        found, reads = LeftWhole(*name_and_kind(node, self._network), why), any(map(shape_of, node.all_input_nodes))
        if why and found not in self.whole and (reads or node.op == "call_module"):
            self.whole.append(found)

    def _new(self, n: int) -> Tensor:
        self.count += n
        return torch.arange(self.count - n, self.count)


def _shared(network: fx.GraphModule) -> dict[str, str]:
    """Modules that something else uses too, which must find them as they are; by name, with the reason."""
    found: dict[str, str] = {}
    called: set[str] = set()
    for node in network.graph.nodes:
        name = str(node.target)
        if node.op == "get_attr":
            found[name.rpartition(".")[0]] = "its weights are read elsewhere too"
        if node.op == "call_module":
            if name in called:
                found.setdefault(name, "it is called more than once")
            called.add(name)
    for name in called:
        outer = next((other for other in called if name.startswith(f"{other}.")), None)
        if outer is not None:
            found.setdefault(name, f"'{outer}' uses it too")
    return found


def _shape(node: fx.Node) -> tuple[int, ...]:
    return cast(tuple[int, ...], shape_of(node))
