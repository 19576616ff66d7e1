"""The operations that compaction knows how to go through, by the way in which they treat units."""

from __future__ import annotations

from enum import Enum, auto
from typing import NamedTuple

from torch import fx, nn

from l0engine.errors import ConfigError
from l0engine.pruning.graph import module_of, why_opaque


class Rule(Enum):
    """What an operation does to the units of what it is given."""

    MIX = auto()  # every new unit is a weighted sum of all old ones
    DEPTHWISE = auto()  # every unit has weights of its own and goes its own way
    SCALE = auto()  # as before, but one number a unit
    POOL = auto()  # every unit goes its own way, without weights, and the units are on axis 1
    ELEMENTWISE = auto()  # the same for every entry; of several tensors, entry by entry
    ROW = auto()  # all axes but the first become one
    MEAN = auto()  # over some axes
    CONCATENATE = auto()
    WHOLE = auto()  # needs every unit that it is given, and all that it makes are needed


_ELEMENTWISE_MODULES = (
    *(nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.ELU, nn.CELU, nn.SELU, nn.GELU, nn.SiLU, nn.Mish, nn.Hardswish, nn.Hardsigmoid, nn.Hardtanh),
    *(nn.Sigmoid, nn.LogSigmoid, nn.Tanh, nn.Tanhshrink, nn.Hardshrink, nn.Softshrink, nn.Softplus, nn.Softsign, nn.Threshold),
    *(nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout),
)
_POOLS = tuple(getattr(nn, f"{kind}Pool{d}d") for kind in ("Max", "Avg", "AdaptiveMax", "AdaptiveAvg") for d in (1, 2, 3))
_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_MODULES: dict[type[nn.Module], Rule] = {
    nn.Linear: Rule.MIX,
    **dict.fromkeys(_CONVOLUTIONS, Rule.MIX),
    **dict.fromkeys((nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.PReLU), Rule.SCALE),
    **dict.fromkeys(_POOLS, Rule.POOL),
    **dict.fromkeys(_ELEMENTWISE_MODULES, Rule.ELEMENTWISE),
    nn.Flatten: Rule.ROW,
}
_ELEMENTWISE = (
    "relu relu_ relu6 leaky_relu leaky_relu_ elu elu_ celu selu gelu silu mish hardswish hardsigmoid hardtanh sigmoid sigmoid_ logsigmoid "
    "tanh tanh_ tanhshrink hardshrink softshrink softplus softsign abs neg square sqrt exp clamp clamp_ "
    "add add_ iadd sub sub_ isub mul mul_ imul truediv div itruediv maximum minimum dropout contiguous float"
)
#: These move numbers without changing them; they are not worth a word in a report.
_MOVES = "view reshape flatten unsqueeze squeeze permute transpose chunk split getitem getattr size"
_FUNCTIONS: dict[str, Rule] = {
    **dict.fromkeys(_ELEMENTWISE.split(), Rule.ELEMENTWISE),
    **{f"{kind}_pool{d}d": Rule.POOL for kind in ("max", "avg", "adaptive_max", "adaptive_avg") for d in (1, 2, 3)},
    **dict.fromkeys(_MOVES.split(), Rule.WHOLE),
    "mean": Rule.MEAN,
    "cat": Rule.CONCATENATE,
}
_FUNCTIONS["flatten"] = Rule.ROW


class Treatment(NamedTuple):
    """How compaction goes through an operation, and, where it is left whole and that is worth a word, why."""

    rule: Rule
    why: str = ""


def treatment(node: fx.Node, network: fx.GraphModule) -> Treatment:
    """The rule of a node's operation; one that is not known is left whole.

    Raises
    ------
    ConfigError
        It is dropout that also works at test time.
    """
    if node.op in ("placeholder", "get_attr", "output"):
        return Treatment(Rule.WHOLE)
    return _of_module(node, module_of(node, network)) if node.op == "call_module" else _of_function(node)


def name_and_kind(node: fx.Node, network: fx.GraphModule) -> tuple[str, str]:
    """What a node calls: a module and its type, or a function in a module, '' being the network."""
    if node.op == "call_module":
        return str(node.target), type(module_of(node, network)).__name__
    return _home(node), _function(node)


def _of_module(node: fx.Node, module: nn.Module) -> Treatment:
    rule, opaque = _MODULES.get(type(module)), why_opaque(node)
    if opaque:
        return Treatment(Rule.WHOLE, f"its forward pass cannot be traced ({opaque})")
    if rule is None:
        return Treatment(Rule.WHOLE, "what it does to single units is not known")
    if isinstance(module, _CONVOLUTIONS) and module.groups > 1:
        depthwise = module.groups == module.in_channels
        return Treatment(Rule.DEPTHWISE) if depthwise else Treatment(Rule.WHOLE, "its groups hold several channels")
    if getattr(module, "track_running_stats", True) is False:
        return Treatment(Rule.WHOLE, "it normalises with means of the batch")
    if isinstance(module, nn.PReLU) and module.num_parameters == 1:
        return Treatment(Rule.ELEMENTWISE)
    return Treatment(rule)


def _of_function(node: fx.Node) -> Treatment:
    name = _function(node)
    if name == "dropout" and node.kwargs.get("training", True):
        where = f"in module '{_home(node)}'" if _home(node) else "in its forward pass"
        raise ConfigError(f"The model calls dropout at test time {where}, where outputs should not be random: use nn.Dropout.")
    rule = _FUNCTIONS.get(name)
    return Treatment(Rule.WHOLE, "what it does to single units is not known") if rule is None else Treatment(rule)


def _home(node: fx.Node) -> str:
    """The module whose forward pass makes a call; '' for the network's own."""
    inside = [module for module, _ in (node.meta.get("nn_module_stack") or {}).values()]
    return inside[-1] if inside else ""


def _function(node: fx.Node) -> str:
    return str(getattr(node.target, "__name__", node.target))
