"""Gates that choose items by themselves: samples or features; `hybrid` has samples beside a random part.

Learning draws gates in training mode; choosing never does: the same gates give the same choice in every mode. Where a count is
asked, items are ranked by their probability to be open (by log_alpha, which ranks alike and never saturates), of equal ones the
first. Chosen data is of the kind that was given; indices are a Tensor for a Tensor and a NumPy array otherwise, ascending.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from l0engine.arrays.indexing import checked_axis, count, like, scale, take, top
from l0engine.arrays.inputs import numbers
from l0engine.errors import ConfigError, ProblemError
from l0engine.hard_concrete import HardConcrete

#: Where a count asks for fewer or more, gates start at these probabilities, which have a log_alpha and can still learn.
START_BOUNDS = (1e-6, 0.99)


class L0Gate(nn.Module):
    """A learnable gate for each of `size` items.

    Parameters
    ----------
    size : int
        Number of items.
    temperature : float
        Beta of the Hard Concrete distribution.
    init_mean : float
        Probability that a gate is open at the start, in the open interval (0, 1).
    seed : int, optional
        Seed of the gates' own noise; from the system's entropy by default.

    Attributes
    ----------
    gates : HardConcrete

    Raises
    ------
    ConfigError
        A parameter is out of its bounds.
    """

    def __init__(self, size: int, temperature: float = 0.5, init_mean: float = 0.5, *, seed: int | None = None) -> None:
        super().__init__()
        self.size, self.init_mean = count("size", size, 1), init_mean
        self.gates = HardConcrete(self.size, temperature=temperature, init_mean=init_mean, seed=seed)

    @property
    def temperature(self) -> float:
        """Present temperature of the gates."""
        return self.gates.temperature

    def get_gates(self) -> Tensor:
        """Gates, shape (size,), differentiable: drawn anew in training mode, deterministic in eval mode."""
        return self.gates()  # type: ignore[no-any-return]

    def apply_gates(self, x: Any, dim: int = 0) -> Any:
        """`x`, numeric and of length `size` along axis `dim`, times `get_gates` along that axis; of the kind of `x`."""
        return scale(x, self.get_gates(), checked_axis(x, dim, self.size))

    def get_penalty(self) -> Tensor:
        """Expected number of open gates, a differentiable scalar."""
        return self.gates.get_penalty()

    def get_sparsity(self) -> float:
        """Share of gates that are exactly 0 at test time."""
        return self.gates.get_sparsity()

    @torch.no_grad()
    def get_active_indices(self, threshold: float = 0.5) -> Tensor:
        """Items whose test-time gate is above `threshold`, ascending; the same in training and eval mode."""
        if not 0 <= threshold < 1:
            raise ConfigError(f"threshold is {threshold}: set it to a number from 0 to below 1.")
        gates = self.gates.distribution.gate(self._log_alpha())
        return torch.from_numpy(np.flatnonzero((gates > threshold).cpu().numpy())).to(gates.device)

    def most_probable(self, k: int) -> Tensor:
        """The `k` items whose gates are most probably open, ascending; of equal ones the first."""
        log_alpha = self._log_alpha()
        return top(log_alpha.cpu().numpy(), count("k", k, 0, self.size)).to(log_alpha.device)

    def _log_alpha(self) -> Tensor:
        log_alpha = self.gates.qz_logits.detach().float()
        if log_alpha.isnan().any():
            raise ProblemError("The gates hold values that are not numbers: train again with a smaller learning rate.")
        return log_alpha


class SampleGate(L0Gate):
    """Gates that choose samples, the rows of a table.

    Parameters
    ----------
    n_samples : int
    target_samples : int
        Number of samples to choose, from 0 to n_samples; gates start with this expected number open.
    temperature, seed
        As in `L0Gate`.
    """

    def __init__(self, n_samples: int, target_samples: int, temperature: float = 0.25, *, seed: int | None = None) -> None:
        self.n_samples = count("n_samples", n_samples, 1)
        self.target_samples = count("target_samples", target_samples, 0, self.n_samples)
        super().__init__(self.n_samples, temperature, _start(self.target_samples, self.n_samples), seed=seed)

    def select_samples(self, data: Any, exact: bool = True) -> tuple[Any, Any]:
        """The chosen rows.

        Parameters
        ----------
        data : Tensor, ndarray, DataFrame, Series or SciPy sparse matrix, shape (n_samples, ...)
        exact : bool
            True chooses exactly `target_samples` rows, the most probable ones; False those whose test-time gate is above 1/2,
            however many they are.

        Returns
        -------
        selected, indices
        """
        checked_axis(data, 0, self.size)
        indices = self.most_probable(self.target_samples) if exact else self.get_active_indices()
        return take(data, indices, 0), like(indices, data)

    def select_weighted_samples(self, data: Any, weights: Any, exact: bool = True) -> tuple[Any, Any, Any]:
        """The chosen rows with their weights.

        Parameters
        ----------
        data : as in `select_samples`
        weights : Tensor, ndarray or Series, shape (n_samples,)
            Finite, 0 or more.
        exact : bool
            True chooses exactly `target_samples` rows and leaves their weights whole. False multiplies the weights by the
            test-time gates, differentiably for a Tensor, and chooses the rows where the product is above 0.

        Returns
        -------
        selected, weights, indices
        """
        checked_axis(data, 0, self.size)
        checked_axis(weights, 0, self.size)
        usable = torch.from_numpy(numbers("weights", weights, self.size))
        if exact:
            indices = self.most_probable(self.target_samples)
        else:
            indices = self.get_active_indices(threshold=0.0).cpu()
            indices = indices[usable[indices] > 0]
            weights = scale(weights, self.gates.distribution.gate(self.gates.qz_logits), 0)
        return take(data, indices, 0), take(weights, indices, 0), like(indices, data)


class FeatureGate(L0Gate):
    """Gates that choose features, the columns of a table.

    Parameters
    ----------
    n_features : int
    max_features : int
        Number of features to choose, from 0 to n_features; gates start with this expected number open.
    temperature, seed
        As in `L0Gate`.
    """

    def __init__(self, n_features: int, max_features: int, temperature: float = 0.1, *, seed: int | None = None) -> None:
        self.n_features = count("n_features", n_features, 1)
        self.max_features = count("max_features", max_features, 0, self.n_features)
        super().__init__(self.n_features, temperature, _start(self.max_features, self.n_features), seed=seed)

    def select_features(self, data: Any, exact: bool = True) -> tuple[Any, Any]:
        """The chosen columns.

        Parameters
        ----------
        data : Tensor, ndarray, DataFrame or SciPy sparse matrix, shape (..., n_features)
        exact : bool
            True chooses exactly `max_features` columns, the most probable ones; False those of them whose test-time gate is
            above 1/2.

        Returns
        -------
        selected, indices
        """
        axis = checked_axis(data, -1, self.size)
        indices = self.most_probable(self.max_features if exact else min(self.max_features, len(self.get_active_indices())))
        return take(data, indices, axis), like(indices, data)

    def select_features_with_names(self, data: Any, feature_names: Any, exact: bool = True) -> tuple[Any, list[Any]]:
        """The chosen columns and their names; parameters as in `select_features`, and one name a feature."""
        if len(feature_names) != self.size:
            raise ProblemError(f"There are {len(feature_names):,} names for {self.size:,} features: give one name each.")
        selected, indices = self.select_features(data, exact)
        return selected, [feature_names[i] for i in indices.tolist()]

    @torch.no_grad()
    def get_feature_importance(self) -> Tensor:
        """Probability that each feature's gate is open, shape (n_features,)."""
        return self.gates.get_active_prob()


def _start(k: int, n: int) -> float:
    return min(max(k / n, START_BOUNDS[0]), START_BOUNDS[1])
