"""HybridGate: samples chosen by gates, beside a random part."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from l0engine.arrays.indexing import checked_axis, count, like, take, top
from l0engine.errors import ConfigError
from l0engine.gates.gate import SampleGate


class HybridGate(nn.Module):
    """Samples chosen in part by gates, in part at random from those that the gates left.

    Parameters
    ----------
    n_items : int
    l0_fraction, random_fraction : float
        Shares of `target_items` for the two parts; 0 or more, together at most 1. If they are 1 together, `target_items` is
        met exactly.
    target_items : int, optional
        Number of items to choose, from 0 to n_items; a fifth of them by default.
    temperature : float
    seed : int, optional
        Seed of the random part and of the gates' noise; from the system's entropy by default. A gate's random part is the same
        in every call: the items with the largest of random keys, which depend on the seed alone.
    """

    def __init__(
        self,
        n_items: int,
        l0_fraction: float = 0.25,
        random_fraction: float = 0.75,
        target_items: int | None = None,
        temperature: float = 0.25,
        *,
        seed: int | None = None,
    ) -> None:
        super().__init__()
        both = l0_fraction + random_fraction
        if not (l0_fraction >= 0 and random_fraction >= 0 and both <= 1 + 1e-9):
            raise ConfigError(f"The fractions are {l0_fraction} and {random_fraction}: set both to 0 or more, and together to at most 1.")
        self.n_items, self.l0_fraction, self.random_fraction = count("n_items", n_items, 1), l0_fraction, random_fraction
        self.target_items = count("target_items", self.n_items // 5 if target_items is None else target_items, 0, self.n_items)
        self.n_l0 = math.floor(self.target_items * l0_fraction + 1e-6)
        self.n_random = math.floor(self.target_items * both + 1e-6) - self.n_l0
        self.seed = np.random.SeedSequence().entropy if seed is None else count("seed", seed, 0)
        self.l0_gate = SampleGate(self.n_items, self.n_l0, temperature, seed=seed)

    def select(self, data: Any, random_seed: int | None = None) -> tuple[Any, Any, np.ndarray]:
        """The chosen rows.

        Parameters
        ----------
        data : Tensor, ndarray, DataFrame, Series or SciPy sparse matrix, shape (n_items, ...)
        random_seed : int, optional
            Another seed of the random part, for this call.

        Returns
        -------
        selected, indices
        types : ndarray of str
            'l0' or 'random' for each index.
        """
        checked_axis(data, 0, self.n_items)
        by_gates = self.l0_gate.most_probable(self.n_l0).cpu()
        keys = np.random.default_rng(self.seed if random_seed is None else count("random_seed", random_seed, 0)).random(self.n_items)
        keys[by_gates.numpy()] = -1.0
        at_random = top(keys, self.n_random)
        indices, order = torch.cat([by_gates, at_random]).sort()
        types = np.where(order.numpy() < len(by_gates), "l0", "random")
        return take(data, indices, 0), like(indices, data), types

    def get_penalty(self) -> Tensor:
        """Expected number of open gates, a differentiable scalar."""
        return self.l0_gate.get_penalty()

    def get_sparsity(self) -> float:
        """Share of gates that are exactly 0 at test time."""
        return self.l0_gate.get_sparsity()
