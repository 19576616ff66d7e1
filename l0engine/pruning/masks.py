"""What gates shut, taken out of the weights: masks in place, an ordinary copy, and magnitude pruning to compare with."""

from __future__ import annotations

import copy
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.utils import prune

from l0engine.errors import ConfigError
from l0engine.hard_concrete import LOG_ALPHA_BOUND
from l0engine.layers.base import GatedLayer


@torch.no_grad()
def prune_model(model: nn.Module, threshold: float = 0.05) -> nn.Module:
    """Shut, in place, every gate that is unlikely to be open, and set the weights behind it to 0.

    A pruned output unit or channel emits exactly 0: its bias goes too. Tensors keep their shapes; `compact` makes them smaller.

    Parameters
    ----------
    model : Module
        With gated layers inside, or one itself; it is changed and put in eval mode.
    threshold : float
        Gates that are open with this probability or less are pruned; from 0 to 1.

    Returns
    -------
    Module
        The same model.

    Raises
    ------
    ConfigError
        The threshold is not between 0 and 1.
    """
    if not 0 <= threshold <= 1:
        raise ConfigError(f"The threshold is {threshold}: set it to a probability from 0 to 1.")
    model.eval()
    for layer in model.modules():
        if isinstance(layer, GatedLayer):
            log_alpha = layer.gates.qz_logits
            pruned = layer.gates.get_active_prob() <= threshold
            layer.weight.masked_fill_(layer.spread(pruned), 0)
            if layer.group == "output" and layer.bias is not None:
                layer.bias.masked_fill_(pruned, 0)
            log_alpha.masked_fill_(pruned, -LOG_ALPHA_BOUND)
    return model


def plain(model: nn.Module) -> nn.Module:
    """A copy of a model in which every gated layer is an ordinary torch layer that computes the same at test time.

    Raises
    ------
    ConfigError
        A weight or bias is not a parameter but made anew at every call, as `torch.nn.utils.prune` does before it is made permanent.
    """
    for name, module in model.named_modules():
        for tensor, value in vars(module).items():
            if isinstance(value, Tensor) and not module._parameters.keys().isdisjoint((f"{tensor}_orig", f"{tensor}_g")):
                raise ConfigError(f"The {tensor} of module '{name}' is made anew at every call: make its pruning permanent first.")
    ordinary: dict[int, Any] = {id(m): m.to_plain() for m in model.modules() if isinstance(m, GatedLayer)}
    return copy.deepcopy(model, ordinary)


def magnitude_pruned(model: nn.Module, share: float) -> nn.Module:
    """An ordinary copy of a model whose smallest weights are 0, in all layers together and without training on.

    Parameters
    ----------
    model : Module
        With linear layers or convolutions inside; gates, if there are any, first become part of the weights.
    share : float
        Share of all weights that become 0, from 0 to 1; biases stay.

    Raises
    ------
    ConfigError
        The share is not between 0 and 1, or the model has no weights to prune.
    """
    if not 0 <= share <= 1:
        raise ConfigError(f"The share is {share}: set it to a number from 0 to 1.")
    pruned = plain(model)
    weights = [(m, "weight") for m in pruned.modules() if isinstance(m, nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d)]
    if not weights:
        raise ConfigError("The model has no weights to prune: give one with linear layers or convolutions.")
    untyped = cast(Any, prune)
    untyped.global_unstructured(weights, pruning_method=prune.L1Unstructured, amount=float(share))
    for layer, name in weights:
        untyped.remove(layer, name)
    return pruned
