"""SparseCalibrationWeights: calibration as a torch module, with the calls of the established package l0-python.

Gates come from `hard_concrete`, products from `linear_map`, the training from `training.iterate`; a fit here is the sampled
fit of this library without its refit. For refitted weights, which are much better, use `training.fit`.
"""

from __future__ import annotations

import logging
import math
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Self

import numpy as np
import torch
from scipy import sparse as sp
from torch import Tensor, nn

from l0engine.arrays.inputs import group_name, numbers, plain
from l0engine.arrays.linear_map import linear_map, product
from l0engine.calibration.config import Config
from l0engine.calibration.metrics import sparsity
from l0engine.calibration.problem.inputs import checked_matrix
from l0engine.calibration.problem.problem import Problem
from l0engine.calibration.results import Snapshot
from l0engine.calibration.training.checkpoint import TrainingState
from l0engine.calibration.training.iteration import iterate
from l0engine.calibration.training.start import dead_below
from l0engine.calibration.training.trainer import UNSETTLED
from l0engine.draining import drain
from l0engine.errors import ConfigError, ProblemError
from l0engine.gates.estimators import ESTIMATORS
from l0engine.hard_concrete import HardConcreteDistribution

logger = logging.getLogger(__name__)

#: A starting weight of 0 has no logarithm and starts here.
SMALLEST_WEIGHT = 1e-8
#: Keep probabilities of 0 and 1 have no finite log_alpha and start this far inside.
SMALLEST_PROBABILITY = 1e-6


class SparseCalibrationWeights(nn.Module):
    """Non-negative calibration weights ``exp(log_weight) * gate``, one a household, most of them 0 after a fit.

    Parameters
    ----------
    n_features : int
        Number of households (columns of the matrix).
    beta, gamma, zeta : float
        Temperature and stretch of the gates, see `HardConcreteDistribution`. `fit` takes beta from 0.05 to 5.
    init_keep_prob : float or array_like, shape (n_features,)
        Probability that a gate is open at the start, between 0 and 1; 0 and 1 themselves are moved inside by 1e-6.
        A gate at test time is its median, so gates that start at 0.5 or less start shut in `predict`.
    init_weights : float or array_like of shape (n_features,), optional
        Starting weights, 1 by default; zeros start at 1e-8. They are also the base weights that scale relative errors.
    log_weight_jitter_sd : float
        Standard deviation of the noise on log_weight when the first fit starts.
    log_alpha_jitter_sd : float
        Standard deviation of the noise on log_alpha at construction.
    device : str or torch.device
    use_gates : bool
        False leaves every gate open: no selection, no gate penalty.
    seed : int, optional
        Start of all random numbers of this module: jitter, training and sampled gates. Drawn from the system's entropy by
        default. torch's global generator is neither read nor set.

    Attributes
    ----------
    log_weight, log_alpha : Parameter, shape (n_features,)

    Raises
    ------
    ConfigError, ProblemError
        Both are ValueErrors.
    """

    def __init__(
        self,
        n_features: int,
        beta: float = 2 / 3,
        gamma: float = -0.1,
        zeta: float = 1.1,
        init_keep_prob: Any = 0.5,
        init_weights: Any = None,
        log_weight_jitter_sd: float = 0.0,
        log_alpha_jitter_sd: float = 0.01,
        device: str | torch.device = "cpu",
        use_gates: bool = True,
        seed: int | None = None,
    ) -> None:
        super().__init__()
        if n_features < 1:
            raise ProblemError(f"n_features is {n_features}: give at least one household.")
        if seed is not None and seed < 0:
            raise ConfigError(f"seed is {seed}: set it to a whole number from 0, or to None.")
        for name, sd in (("log_weight_jitter_sd", log_weight_jitter_sd), ("log_alpha_jitter_sd", log_alpha_jitter_sd)):
            if not 0 <= sd < math.inf:
                raise ConfigError(f"{name} is {sd}: set it to 0 or a positive number.")
        self.n_features, self.use_gates, self.seed = n_features, use_gates, seed
        self.beta, self.gamma, self.zeta = beta, gamma, zeta
        self.log_weight_jitter_sd, self.log_alpha_jitter_sd = log_weight_jitter_sd, log_alpha_jitter_sd
        seeds = np.random.SeedSequence(seed).generate_state(3, np.uint64) >> np.uint64(11)
        self._jitter = np.random.default_rng(seeds[0])
        self._training_seed, self._gate_seed, self._draws = int(seeds[1]), int(seeds[2]), 0

        weights = numbers("init_weights", 1.0 if init_weights is None else init_weights, n_features)
        self._base_weights = np.where(weights == 0, SMALLEST_WEIGHT, weights)
        keep = numbers("init_keep_prob", init_keep_prob, n_features, high=1.0).clip(SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)
        self._least_keep_prob = float(keep.min())
        log_alpha = self.distribution.log_alpha_for(torch.from_numpy(keep)).numpy()
        log_alpha = log_alpha + self._jitter.normal(0.0, log_alpha_jitter_sd, n_features)
        self.log_weight = nn.Parameter(torch.from_numpy(np.log(self._base_weights)).float().to(device))
        self.log_alpha = nn.Parameter(torch.from_numpy(log_alpha).float().to(device))
        self._fitted_to, self._steps, self._moments = "", 0, np.zeros((2, 2, n_features), np.float32)
        self.register_load_state_dict_pre_hook(_complete)  # type: ignore[no-untyped-call]

    @property
    def device(self) -> torch.device:
        """Where the parameters are."""
        return self.log_weight.device

    @property
    def distribution(self) -> HardConcreteDistribution:
        """The distribution of the gates."""
        return HardConcreteDistribution(self.beta, self.gamma, self.zeta)

    def fit(
        self,
        M: Any,
        y: Any,
        lambda_l0: float = 0.01,
        lambda_l2: float = 0.0,
        lr: float = 0.01,
        epochs: int = 1000,
        loss_type: str = "mse",
        verbose: bool = False,
        verbose_freq: int = 100,
        target_groups: Any = None,
        normalize_groups: bool = True,
        group_multipliers: Mapping[Any, float] | None = None,
    ) -> Self:
        """Train weights and gates so that ``M @ weights`` comes close to y with few households.

        A further call with the same matrix, targets and loss continues: parameters and the optimiser's moments carry over.

        Parameters
        ----------
        M : SciPy sparse matrix or array of any format, array_like, or dense or sparse Tensor; shape (n_targets, n_features)
        y : array_like or Tensor, shape (n_targets,)
        lambda_l0, lambda_l2 : float
            Price of an open gate, and of the squared gated weights.
        lr : float
            Learning rate of Adam.
        epochs : int
            Steps of this call.
        loss_type : str
            'mse', 'relative' (errors are divided by `Problem.scales`) or 'capped'.
        verbose : bool
            Log progress to the logger 'l0engine.calibration.weights' at level INFO about every `verbose_freq` steps.
        verbose_freq : int
        target_groups : sequence of int or str, shape (n_targets,), optional
        normalize_groups : bool
            Give every group of `target_groups` the same say.
        group_multipliers : mapping, optional
            Factor of the loss of a group, by its name in `target_groups`.

        Raises
        ------
        ProblemError
            Matrix or targets cannot be used, or the training diverged; the module is then as it was.
        ConfigError
            A setting is out of its bounds, unknown, or names no group.
        """
        if group_multipliers is not None and target_groups is None:
            raise ConfigError("group_multipliers needs target_groups: give the group of each target.")
        if verbose_freq < 1:
            raise ConfigError(f"verbose_freq is {verbose_freq}: set it to 1 or more.")
        groups = None if target_groups is None else [group_name(g) for g in plain(target_groups)]
        problem = Problem.create(self._matrix(M), plain(y), groups=groups, base_weights=self._base_weights)
        config = Config(
            lambda_l0=lambda_l0, lambda_l2=lambda_l2, temperature=self.beta, loss=loss_type,
            estimator="sampled" if self.use_gates else "ungated",
            normalize_groups=normalize_groups and groups is not None,
            group_multipliers={group_name(k): v for k, v in (group_multipliers or {}).items()},
            init_keep_prob=self._least_keep_prob, epochs=epochs, stop_when_settled=False,
            learning_rate=lr, refit=False, device=self.device.type, seed=self._training_seed,
        )  # fmt: skip
        if not problem.reachable.all():
            logger.warning("%d targets are out of reach of any weights and left out.", (~problem.reachable).sum())
        self._train(problem, config, verbose_freq if verbose else 0)
        return self

    def get_deterministic_gates(self) -> Tensor:
        """Gates at test time, shape (n_features,); all 1 without gates."""
        return self.distribution.gate(self.log_alpha) if self.use_gates else torch.ones_like(self.log_alpha)

    def get_weights(self, deterministic: bool = False) -> Tensor:
        """Gated weights, shape (n_features,), differentiable; gates are drawn anew in each call unless `deterministic`."""
        if deterministic or not self.use_gates:
            return torch.exp(self.log_weight) * self.get_deterministic_gates()
        self._draws += 1
        gates = ESTIMATORS["sampled"].gates(self.log_alpha, self.distribution, self._gate_seed, self._draws)
        return torch.exp(self.log_weight) * gates.mean

    def forward(self, M: Any, deterministic: bool = False) -> Tensor:
        """Estimates ``M @ weights``, shape (n_targets,), differentiable in the parameters; M as in `fit`."""
        return product(linear_map(self._matrix(M).tocsc(), self.device), self.get_weights(deterministic).float())

    @torch.no_grad()
    def predict(self, M: Any) -> Tensor:
        """Estimates with test-time gates, shape (n_targets,)."""
        return self(M, deterministic=True)  # type: ignore[no-any-return]

    def get_l0_penalty(self) -> Tensor:
        """Expected number of open gates, a differentiable scalar; 0 without gates."""
        return self.distribution.p_active(self.log_alpha).sum() if self.use_gates else self.log_alpha.new_zeros(())

    def get_l2_penalty(self) -> Tensor:
        """Expected sum of squared gated weights, a differentiable scalar: shut households do not count."""
        square = torch.exp(2 * self.log_weight)
        if not self.use_gates:
            return square.sum()
        dist = self.distribution
        return (square * (dist.mean(self.log_alpha) ** 2 + dist.variance(self.log_alpha))).sum()

    @torch.no_grad()
    def get_sparsity(self) -> float:
        """Share of households that are not kept, see `metrics.sparsity`."""
        return sparsity(self.get_weights(deterministic=True).cpu().float().numpy())

    @torch.no_grad()
    def get_active_weights(self) -> dict[str, Any]:
        """The households kept: 'indices' and 'values' as Tensors, and their 'count'."""
        weights = self.get_weights(deterministic=True)
        kept = weights > 0
        return {"indices": torch.where(kept)[0], "values": weights[kept], "count": int(kept.sum())}

    def get_extra_state(self) -> dict[str, Any]:
        """What continuing needs beyond the parameters; part of `state_dict`."""
        arrays = {"base_weights": torch.tensor(self._base_weights), "moments": torch.tensor(self._moments)}
        return {**arrays, "fitted_to": self._fitted_to, "steps": self._steps}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Inverse of `get_extra_state`."""
        self._base_weights, self._moments = (state[k].cpu().numpy().copy() for k in ("base_weights", "moments"))
        self._fitted_to, self._steps = state["fitted_to"], state["steps"]

    def extra_repr(self) -> str:
        return f"n_features={self.n_features}, beta={self.beta}, gamma={self.gamma}, zeta={self.zeta}, use_gates={self.use_gates}"

    def _train(self, problem: Problem, config: Config, log_every: int) -> None:
        """Run `iterate` from the module's state; take its outcome over only if it is finite."""
        fitted_to = f"{problem.fingerprint} {config.loss} {config.normalize_groups} {dict(config.group_multipliers)}"
        same = fitted_to == self._fitted_to  # the moments belong to the gradients of one problem and loss
        steps, moments = (self._steps, self._moments) if same else (0, np.zeros_like(self._moments))
        parameters = torch.stack([self.log_weight, self.log_alpha]).detach().cpu().float().numpy()
        if self._steps == 0:
            parameters[0] += self._jitter.normal(0.0, self.log_weight_jitter_sd, self.n_features)
        whole = np.stack([parameters, *moments])
        start = TrainingState(np.asarray(steps), np.arange(self.n_features), UNSETTLED, *whole.copy())
        config = replace(config, epochs=steps + config.epochs)
        end: deque[Callable[[], TrainingState]] = deque([lambda: start], maxlen=1)  # only the last state is asked for
        run = iterate(problem, config, save=end.append, resume=start, stretch=(self.gamma, self.zeta))
        logged = 0

        def log(s: Snapshot) -> None:
            nonlocal logged
            if log_every and s.step // log_every > logged:
                logged, n = s.step // log_every, self.n_features
                logger.info("Step %d: loss %.4g, median relative error %.3g, %d of %d kept.", s.step, s.loss, s.median_error, s.kept, n)

        result = drain(run, log)
        last = result.history[-1]
        if not np.isfinite([last.loss, *last.error_quantiles]).all():
            raise ProblemError(result.message)
        if last.kept == 0:
            logger.warning(result.message)
        state, dead = end[0](), float(self.distribution.log_alpha_for(dead_below(self._least_keep_prob)))
        whole[0, 1] = np.minimum(whole[0, 1], dead)  # a household that was dropped keeps the weight it came with, and a shut gate
        whole[:, :, state.alive] = (state.parameters, state.exp_avg, state.exp_avg_sq)
        with torch.no_grad():
            self.log_weight.copy_(torch.from_numpy(whole[0, 0]))
            self.log_alpha.copy_(torch.from_numpy(whole[0, 1]))
        self._fitted_to, self._steps, self._moments = fitted_to, config.epochs, whole[1:]

    def _matrix(self, M: Any) -> sp.csr_array:
        m = checked_matrix(plain(M))
        if m.shape[1] != self.n_features:
            raise ProblemError(f"The matrix has {m.shape[1]:,} columns but there are {self.n_features:,} households: give one column each.")
        return m


def _complete(module: nn.Module, state_dict: dict[str, Any], prefix: str, *_: Any) -> None:
    """Let states without the optimiser load, such as those of the established package."""
    state_dict.setdefault(prefix + "_extra_state", module.get_extra_state())
