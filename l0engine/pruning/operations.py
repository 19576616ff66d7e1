"""The operations that compaction knows how to go through, by the way in which they treat units."""

from __future__ import annotations

from enum import Enum, auto

from torch import fx, nn

from l0engine.errors import ConfigError


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
    **dict.fromkeys((nn.Softmax, nn.LogSoftmax, nn.LayerNorm, nn.GroupNorm, nn.Embedding, nn.Unflatten), Rule.WHOLE),
}
_ELEMENTWISE = (
    "relu relu_ relu6 leaky_relu leaky_relu_ elu elu_ celu selu gelu silu mish hardswish hardsigmoid hardtanh sigmoid sigmoid_ logsigmoid "
    "tanh tanh_ tanhshrink hardshrink softshrink softplus softsign abs neg square sqrt exp clamp clamp_ "
    "add add_ iadd sub sub_ isub mul mul_ imul truediv div itruediv maximum minimum dropout contiguous float"
)
_WHOLE = "softmax log_softmax view reshape flatten unsqueeze squeeze permute transpose chunk split getitem getattr size"
_FUNCTIONS: dict[str, Rule] = {
    **dict.fromkeys(_ELEMENTWISE.split(), Rule.ELEMENTWISE),
    **{f"{kind}_pool{d}d": Rule.POOL for kind in ("max", "avg", "adaptive_max", "adaptive_avg") for d in (1, 2, 3)},
    **dict.fromkeys(_WHOLE.split(), Rule.WHOLE),
    "mean": Rule.MEAN,
    "cat": Rule.CONCATENATE,
}
_FUNCTIONS["flatten"] = Rule.ROW


def rule_of(node: fx.Node, network: fx.GraphModule) -> Rule:
    """The rule of a node's operation.

    Raises
    ------
    ConfigError
        It has none.
    """
    if node.op in ("placeholder", "get_attr", "output"):
        return Rule.WHOLE
    if node.op != "call_module":
        return _rule_of_function(node)
    module, name = network.get_submodule(str(node.target)), node.target
    rule = _MODULES.get(type(module))
    if rule is None:
        known = "Linear, Conv, BatchNorm, activations, pooling, Flatten and sums"
        raise ConfigError(f"Module '{name}' is a {type(module).__name__}, which compact cannot go through: it goes through {known}.")
    if isinstance(module, _CONVOLUTIONS) and module.groups > 1:
        return Rule.DEPTHWISE if module.groups == module.in_channels else Rule.WHOLE
    if getattr(module, "track_running_stats", True) is False:
        return Rule.WHOLE
    if isinstance(module, nn.PReLU) and module.num_parameters == 1:
        return Rule.ELEMENTWISE
    return rule


def _rule_of_function(node: fx.Node) -> Rule:
    name = str(getattr(node.target, "__name__", node.target))
    random = name == "dropout" and node.kwargs.get("training", True)
    if name not in _FUNCTIONS or random:
        inside = [module for module, _ in (node.meta.get("nn_module_stack") or {}).values()]
        where = f"in module '{inside[-1]}'" if inside and inside[-1] else "in its forward pass"
        what = "dropout at test time" if random else f"'{name}'"
        raise ConfigError(f"The model calls {what} {where}, which compact cannot go through: use a layer of torch.nn that it knows.")
    return _FUNCTIONS[name]
