"""Penalties and sparsity of any torch module that has gates somewhere inside, and their record over training.

A gated module is one with `get_l0_penalty` (layers, calibration weights) or `get_penalty` (gates). The outermost one speaks for
everything inside it, so nothing counts twice.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from l0engine.hard_concrete import HardConcrete, HardConcreteDistribution
from l0engine.schedules import TemperatureScheduler as TemperatureScheduler  # users of l0-python look for it here


def compute_l0_penalty(model: nn.Module) -> Tensor:
    """Expected number of open gates in a model, a differentiable scalar on the model's device; 0 without gates.

    A layer's gate of a unit or channel counts as the weights it multiplies.
    """
    return _total((_l0(module)() for _, module in _outermost(model, _l0)), model)


def compute_l2_penalty(model: nn.Module) -> Tensor:
    """Sum of squared weights in a model, a differentiable scalar on its device.

    A gated module says its own, where shut gates take their weights out: `expected_square` of a layer, whether or not it was
    made with `use_l2`, or `get_l2_penalty`. Of other modules every trainable parameter with 'weight' in its own name counts.
    Logits of gates never do.
    """
    owners = [module for _, module in _outermost(model, _l2)]
    terms = [_l2(owner)() for owner in owners]
    inside = {module for owner in owners for module in owner.modules()}
    for module in model.modules():
        if module not in inside and not isinstance(module, HardConcrete):
            own = module.named_parameters(recurse=False)
            terms += [p.square().sum() for name, p in own if "weight" in name and p.requires_grad]
    return _total(terms, model)


def compute_l0l2_penalty(model: nn.Module, l0_lambda: float = 1e-3, l2_lambda: float = 1e-4) -> Tensor:
    """``l0_lambda * compute_l0_penalty(model) + l2_lambda * compute_l2_penalty(model)``."""
    return l0_lambda * compute_l0_penalty(model) + l2_lambda * compute_l2_penalty(model)


def get_sparsity_stats(model: nn.Module) -> dict[str, dict[str, float]]:
    """How much of each gated module is left, by the module's name in the model ('' for the model itself).

    Returns
    -------
    dict
        For each module 'sparsity' (share of its parameters whose gate is exactly 0 at test time), 'active_params' (number of the
        others), 'total_params' (its weights, or gates where it has none) and 'expected_active' (its L0 penalty).
    """
    stats = {}
    with torch.no_grad():
        for name, module in _outermost(model, lambda m: _l0(m) is not None and hasattr(m, "get_sparsity")):
            sparsity, total = float(module.get_sparsity()), _parameters(module)  # type: ignore[operator]
            expected = float(_l0(module)())
            stats[name] = {
                "sparsity": sparsity, "active_params": round(total * (1 - sparsity)), "total_params": total, "expected_active": expected,
            }  # fmt: skip
    return stats


def get_active_parameter_count(model: nn.Module) -> int:
    """Number of gated parameters that are left: the sum of 'active_params' in `get_sparsity_stats`.

    A gate over a channel counts as the parameters of the channel. Parameters without a gate do not count.
    """
    return int(sum(s["active_params"] for s in get_sparsity_stats(model).values()))


def update_temperatures(model: nn.Module, temperature: float) -> None:
    """Set the temperature of every `HardConcrete` in a model.

    Raises
    ------
    ConfigError
        The temperature is not a positive number; nothing is changed then.
    """
    HardConcreteDistribution(temperature)
    for module in model.modules():
        if isinstance(module, HardConcrete):
            module.temperature = temperature


class PenaltyTracker:
    """Record of named values over training.

    Attributes
    ----------
    history : dict of str to list of float
    """

    def __init__(self) -> None:
        self.history: dict[str, list[float]] = {}

    def log(self, name: str, value: float | Tensor) -> None:
        """Append a value, or a scalar Tensor, to the record of `name`."""
        self.history.setdefault(name, []).append(float(value.detach() if isinstance(value, Tensor) else value))

    def get_history(self, name: str) -> list[float]:
        """All values of `name` in order; none if it was never logged."""
        return list(self.history.get(name, []))

    def get_stats(self, name: str) -> dict[str, float]:
        """'mean', 'std' (of the population), 'min', 'max' and 'last' of `name`; empty if it was never logged."""
        values = self.get_history(name)
        if not values:
            return {}
        a = np.array(values)
        return {"mean": float(a.mean()), "std": float(a.std()), "min": float(a.min()), "max": float(a.max()), "last": values[-1]}

    def table(self) -> pd.DataFrame:
        """One column a name, one row a call; names with fewer values end in missing ones."""
        return pd.DataFrame({name: pd.Series(values, dtype=float) for name, values in self.history.items()})

    def save_to_csv(self, filepath: str | os.PathLike[str]) -> None:
        """Write `table` to a file."""
        self.table().to_csv(filepath, index=False)

    def clear(self) -> None:
        """Forget everything."""
        self.history.clear()


def _l0(module: nn.Module) -> Any:
    return getattr(module, "get_l0_penalty", None) or getattr(module, "get_penalty", None)


def _l2(module: nn.Module) -> Any:
    return getattr(module, "expected_square", None) or getattr(module, "get_l2_penalty", None)


def _outermost(model: nn.Module, asked: Callable[[nn.Module], Any]) -> Iterator[tuple[str, nn.Module]]:
    """Modules that have what is asked and stand in no other one that has; each once, with its name."""
    covered: set[nn.Module] = set()
    for name, module in model.named_modules():  # parents come first
        if module not in covered and asked(module):
            covered.update(module.modules())
            yield name, module


def _parameters(module: nn.Module) -> int:
    """Weights of a gated module, or its gates where it has no weights of its own."""
    weight = getattr(module, "weight", None)
    if isinstance(weight, Tensor):
        return weight.numel()
    return sum(p.numel() for name, p in module.named_parameters() if name.split(".")[-1] in ("qz_logits", "log_alpha"))


def _total(terms: Any, model: nn.Module) -> Tensor:
    first = next(model.parameters(), None)
    zero = torch.zeros(()) if first is None else first.new_zeros(())
    return sum((term.to(zero.device) for term in terms), zero)
