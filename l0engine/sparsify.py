"""An ordinary network turned into one with gates."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import nn

from l0engine.errors import ConfigError
from l0engine.layers.base import GatedLayer, settings_of
from l0engine.layers.layers import GATED

#: Modules whose own code reads the weights of the layers inside and would pass by their gates.
_CLOSED = (nn.MultiheadAttention, nn.TransformerEncoderLayer)


def sparsify(
    model: nn.Module,
    group: str = "weight",
    *,
    init_sparsity: float = 0.05,
    temperature: float = 0.5,
    use_l2: bool = False,
    keep: Iterable[str] = (),
    kinds: tuple[type[nn.Module], ...] = (nn.Linear, nn.Conv1d, nn.Conv2d),
    seed: int | None = None,
) -> nn.Module:
    """A copy of a network whose layers have gates; their weights are those of the network, which stays as it is.

    With the gates' default start the copy computes in eval mode what the network does: every test-time gate is 1.

    Parameters
    ----------
    model : Module
        A network, or a single layer.
    group : str
        What has a gate of its own: 'weight', 'input' or 'output' units or channels. Name the last layer in `keep` where outputs
        are gated and each one is needed.
    init_sparsity : float
        1 minus about the mean gate at the start, in the open interval (0, 1), as in `L0Linear`.
    temperature, use_l2
        As in `L0Linear`.
    keep : iterable of str
        Names of modules in the model that stay as they are, with everything inside.
    kinds : tuple of types
        Layers to put gates on: any of `torch.nn.Linear`, `Conv1d`, `Conv2d` and `Embedding`. Layers of other types stay, also
        of types derived from these, and so do `MultiheadAttention` and `TransformerEncoderLayer` with what they hold.
    seed : int, optional
        Seed of all gates' noise; from the system's entropy by default.

    Returns
    -------
    Module
        A tied weight stays tied; a layer that stands in several places is one layer there. Hooks on layers that get gates are lost.

    Raises
    ------
    ConfigError
        A name in `keep` is not in the model, no layer is left to put gates on, a weight is not finite, or a setting is out of
        its bounds.
    """
    copied = copy.deepcopy(model)
    modules = dict(copied.named_modules(remove_duplicate=False))
    keep = {keep} if isinstance(keep, str) else set(keep)
    if keep - set(modules):
        raise ConfigError(f"The model has no module '{min(keep - set(modules))}': take the names in keep from its named_modules().")
    staying = {inside for name, m in modules.items() if name in keep or isinstance(m, _CLOSED) for inside in m.modules()}
    gated_type = {cls.plain: cls for cls in GATED if cls.plain in kinds}
    chosen = {m: name for name, m in copied.named_modules() if type(m) in gated_type and m not in staying and _is_ordinary(m)}
    if not chosen:
        names = ", ".join(kind.__name__ for kind in kinds)
        raise ConfigError(f"The model has no layer to put gates on: give one with layers of type {names} that are not kept.")
    options = {"temperature": temperature, "init_sparsity": init_sparsity, "use_l2": use_l2, "group": group}
    seeds = np.random.SeedSequence(seed).generate_state(len(chosen)).tolist()
    gated = {
        m: _with_gates(m, gated_type[type(m)], name, {**options, "seed": s}) for (m, name), s in zip(chosen.items(), seeds, strict=True)
    }
    for parent in modules.values():
        for name, child in list(parent._modules.items()):  # named_children() leaves out a child that stands there twice
            if child in gated:
                parent.add_module(name, gated[child])
    return gated.get(copied, copied)


def _with_gates(layer: nn.Module, cls: type[GatedLayer], name: str, options: dict[str, Any]) -> GatedLayer:
    """A gated layer that takes over the parameters of an ordinary one."""
    weight = layer.get_parameter("weight")
    if not bool(weight.isfinite().all()):
        raise ConfigError(f"The weight of layer '{name}' has values that are not finite: train the model again, or keep the layer.")
    with torch.random.fork_rng(devices=()):  # the weights that are drawn here are thrown away
        gated = cls(**settings_of(layer, cls.settings), **options)
    for parameter, values in layer.named_parameters(recurse=False):
        setattr(gated, parameter, values)
    gated.gates.to(weight.device, weight.dtype)
    return gated.train(layer.training)


def _is_ordinary(layer: nn.Module) -> bool:
    """Whether the weight is a parameter, not derived from one, and nothing else than the layer's forward uses or changes it."""
    special = ("max_norm", "sparse", "scale_grad_by_freq")  # of an Embedding
    return isinstance(layer._parameters.get("weight"), nn.Parameter) and not any(getattr(layer, name, None) for name in special)
