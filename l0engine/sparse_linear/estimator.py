"""SparseL0Linear: linear regression on few features."""

from __future__ import annotations

import inspect
import logging
import sys
import warnings
from typing import Any, Self

import numpy as np
import pandas as pd
import torch
from scipy import sparse as sp
from torch import Tensor, nn

from l0engine.arrays.indexing import count
from l0engine.arrays.inputs import plain
from l0engine.errors import ConfigError, ProblemError
from l0engine.gates.estimators import ESTIMATORS
from l0engine.hard_concrete import HardConcreteDistribution
from l0engine.sparse_linear.columns import checked_features, checked_response
from l0engine.sparse_linear.fit import Descent, fit_gated

logger = logging.getLogger(__name__)

_JITTER = 0.01  # standard deviation of the noise on log_alpha at the start, so that two equal columns need not end alike


class SparseL0Linear(nn.Module):
    """Linear regression on few features: a torch module and a scikit-learn regressor.

    `fit` minimises ``E mean((y - X (w z) - b)^2) + lambda_reg * E(number of open gates)`` over w, b and the gates of z, with the
    expectation exact. A local search then adds, drops and exchanges features while ``mean((y - X w - b)^2) + lambda_reg * features``,
    least squares on the features, falls: every gate ends open or shut.

    Parameters
    ----------
    n_features : int, optional
        Number of features; `fit` learns it by default.
    fit_intercept : bool
    beta, gamma, zeta : float
        Temperature and stretch of the gates, see `HardConcreteDistribution`.
    init_keep_prob : float
        Probability that a gate is open at the start, in the open interval (0, 1).
    device : str or torch.device
    seed : int, optional
        Seed of the gates' starting noise and of sampled gates; from the system's entropy by default.
    lambda_reg : float
        Price of an open gate, in squared units of y: a feature stays if it lowers the mean squared error by more.
    lr : float
        Learning rate of Adam, which sees columns and y scaled to unit standard deviation.
    epochs : int
        Steps of Adam.

    Attributes
    ----------
    weight, log_alpha : Parameter, shape (n_features,)
    bias : Parameter, shape (1,), or None
    coef_ : ndarray, shape (n_features,)
        `weight` times its test-time gate; exactly 0 for features left out.
    intercept_ : float
    converged_ : bool
        Whether the fit ended where no addition, drop or exchange of one feature lowers the objective; it warns where not.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Names of the columns, after a fit to a frame.
    """

    def __init__(
        self,
        n_features: int | None = None,
        fit_intercept: bool = True,
        beta: float = 2 / 3,
        gamma: float = -0.1,
        zeta: float = 1.1,
        init_keep_prob: float = 0.5,
        device: str | torch.device = "cpu",
        seed: int | None = None,
        lambda_reg: float = 0.01,
        lr: float = 0.01,
        epochs: int = 1000,
    ) -> None:
        super().__init__()
        self.n_features, self.fit_intercept, self.init_keep_prob = n_features, fit_intercept, init_keep_prob
        self.beta, self.gamma, self.zeta = beta, gamma, zeta
        self.device, self.seed = device, seed
        self.lambda_reg, self.lr, self.epochs = lambda_reg, lr, epochs
        self._reset(0 if n_features is None else count("n_features", n_features, 1))

    @property
    def distribution(self) -> HardConcreteDistribution:
        """The distribution of the gates."""
        return HardConcreteDistribution(self.beta, self.gamma, self.zeta)

    def fit(
        self,
        X: Any,
        y: Any,
        lambda_reg: float | None = None,
        lr: float | None = None,
        epochs: int | None = None,
        verbose: bool = False,
        verbose_freq: int = 100,
    ) -> Self:
        """Train from the start.

        Parameters
        ----------
        X : ndarray, DataFrame, SciPy sparse matrix, or dense or sparse Tensor; shape (n_samples, n_features)
            Sparse ones stay sparse. A column that is constant (zero, without an intercept) is left out.
        y : ndarray, Series or Tensor, shape (n_samples,)
        lambda_reg, lr, epochs : optional
            In place of the ones given at construction, for this call.
        verbose : bool
            Log progress to the logger 'l0engine.sparse_linear.estimator' at level INFO every `verbose_freq` steps.
        verbose_freq : int

        Raises
        ------
        ProblemError
            X or y is empty, of the wrong shape, not numeric or not finite.
        ConfigError
            A setting is out of its bounds.

        Warns
        -----
        ConvergenceWarning
            scikit-learn's, where `converged_` is False.
        """
        price = _number("lambda_reg", self.lambda_reg if lambda_reg is None else lambda_reg)
        rate = _number("lr", self.lr if lr is None else lr, high=10.0)
        steps = count("epochs", self.epochs if epochs is None else epochs, 0)
        every = count("verbose_freq", verbose_freq, 1)
        x = checked_features(X)
        goal = checked_response(y, x.shape[0])
        if self.n_features is not None and self.n_features != x.shape[1]:
            raise ProblemError(f"X has {x.shape[1]:,} columns but n_features is {self.n_features:,}: give one column a feature.")
        self._reset(x.shape[1])

        def log(step: int, objective: float) -> None:
            if step % every == 0:
                logger.info("Step %d of %d: objective %.4g.", step, steps, objective)

        how = Descent(self.distribution, price, rate, steps, log if verbose else None)
        found = fit_gated(x, goal, self.log_alpha.detach(), how, intercept=self.fit_intercept)
        with torch.no_grad():
            self.weight.copy_(torch.from_numpy(found.weight))
            self.log_alpha.copy_(found.log_alpha)
            if self.bias is not None:
                self.bias.fill_(found.intercept)
        self.converged_ = found.settled
        if not found.settled:
            _warn()
        self.__dict__.pop("feature_names_in_", None)
        if isinstance(X, pd.DataFrame) and all(isinstance(c, str) for c in X.columns):
            self.feature_names_in_ = np.asarray(X.columns, dtype=object)
        return self

    def predict(self, X: Any) -> Any:
        """Predictions in units of y, shape (n_samples,): a Tensor for a Tensor, else an ndarray."""
        names = self.__dict__.get("feature_names_in_")
        if names is not None and isinstance(X, pd.DataFrame) and list(X.columns) != list(names):
            raise ProblemError("X has other columns than the frame of the fit, or in another order: give the same.")
        x = checked_features(X)
        self._check_width(x)
        predictions = x @ self.coef_ + self.intercept_
        return torch.from_numpy(predictions).to(X.device) if isinstance(X, Tensor) else predictions

    def score(self, X: Any, y: Any) -> float:
        """Share of the variance of y that `predict` explains (R squared); 0 for constant y."""
        predictions = np.asarray(plain(self.predict(X)))
        goal = checked_response(y, len(predictions))
        total = float(((goal - goal.mean()) ** 2).sum())
        return 1.0 - float(((goal - predictions) ** 2).sum()) / total if total else 0.0

    def forward(self, X: Any, deterministic: bool = False) -> Tensor:
        """Predictions, differentiable in the parameters; gates are drawn anew in each call unless `deterministic`."""
        if not isinstance(X, Tensor):
            X = checked_features(X)
            X = torch.from_numpy(X) if isinstance(X, np.ndarray) else _coo(X)
        self._check_width(X)
        if deterministic:
            gates = self.get_deterministic_gates()
        else:
            self._draws += 1
            gates = ESTIMATORS["sampled"].gates(self.log_alpha, self.distribution, self._gate_seed, self._draws).mean
        weight = self.weight * gates
        X = X.to(weight.device, weight.dtype)
        out: Tensor = X @ weight if X.layout is torch.strided else torch.sparse.mm(X, weight[:, None]).squeeze(1)
        return out if self.bias is None else out + self.bias

    @property
    def n_features_in_(self) -> int:
        if not len(self.weight):
            raise AttributeError("The number of features is not known before a fit.")
        return len(self.weight)

    @property
    @torch.no_grad()
    def coef_(self) -> np.ndarray:
        if not len(self.weight):
            raise AttributeError("The coefficients are not known before a fit.")
        return (self.weight * self.get_deterministic_gates()).cpu().double().numpy()

    @property
    def intercept_(self) -> float:
        return 0.0 if self.bias is None else float(self.bias.detach())

    def get_deterministic_gates(self) -> Tensor:
        """Gates at test time, shape (n_features,)."""
        return self.distribution.gate(self.log_alpha)

    def get_l0_penalty(self) -> Tensor:
        """Expected number of open gates, a differentiable scalar."""
        return self.distribution.p_active(self.log_alpha).sum()

    def get_l2_penalty(self) -> Tensor:
        """Sum of squared weights, each times the probability that its gate is open; a differentiable scalar."""
        return (self.distribution.p_active(self.log_alpha) * self.weight**2).sum()

    def get_sparsity(self) -> float:
        """Share of gates that are exactly 0 at test time."""
        return 1.0 - len(self.get_selected_features()) / len(self.weight)

    @torch.no_grad()
    def get_selected_features(self, threshold: float = 0.0) -> Tensor:
        """Features whose test-time gate is above `threshold`, ascending."""
        return (self.get_deterministic_gates() > threshold).nonzero().squeeze(1)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Arguments of the constructor by name, as scikit-learn wants them."""
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    def set_params(self, **params: Any) -> Self:
        """Change arguments of the constructor; the next fit heeds them."""
        unknown = set(params) - set(self.get_params())
        if unknown:
            raise ConfigError(f"There is no parameter '{min(unknown)}': choose from {', '.join(self.get_params())}.")
        for name, value in params.items():
            setattr(self, name, value)
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return len(self.weight) > 0

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import InputTags, RegressorTags, Tags, TargetTags

        return Tags("regressor", TargetTags(required=True), regressor_tags=RegressorTags(), input_tags=InputTags(sparse=True))

    def extra_repr(self) -> str:
        return ", ".join(f"{name}={value!r}" for name, value in self.get_params().items())

    def _reset(self, n: int) -> None:
        """Parameters for `n` features as they are before any training."""
        jitter_seed, gate_seed = np.random.SeedSequence(self.seed).generate_state(2)
        self._gate_seed, self._draws = int(gate_seed), 0
        start = float(self.distribution.log_alpha_for(self.init_keep_prob))
        log_alpha = torch.from_numpy(np.random.default_rng(jitter_seed).normal(start, _JITTER, n))
        self.weight = nn.Parameter(torch.zeros(n, dtype=torch.float64, device=self.device))
        self.log_alpha = nn.Parameter(log_alpha.to(self.device))
        self.bias = nn.Parameter(torch.zeros(1, dtype=torch.float64, device=self.device)) if self.fit_intercept else None

    def _check_width(self, X: Any) -> None:
        if not len(self.weight):
            raise ProblemError("The model is not fitted yet: call fit first.")
        if X.ndim != 2 or X.shape[1] != len(self.weight):
            raise ProblemError(f"X has shape {tuple(X.shape)} but the model has {len(self.weight):,} features: give one column each.")


def _number(name: str, value: float, high: float = sys.float_info.max) -> float:
    if not 0 <= value <= high:
        raise ConfigError(f"{name} is {value}: set it to a number from 0 to {high:g}.")
    return float(value)


def _warn() -> None:
    from sklearn.exceptions import ConvergenceWarning

    words = "The fit ended before no exchange of features would lower its objective: raise lambda_reg, or give fewer columns."
    warnings.warn(words, ConvergenceWarning, stacklevel=3)


def _coo(m: sp.csr_array) -> Tensor:
    coo = m.tocoo()
    return torch.sparse_coo_tensor(torch.from_numpy(np.stack(coo.coords)), torch.from_numpy(coo.data), coo.shape, check_invariants=False)
