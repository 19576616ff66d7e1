"""Samples: exactly n of N rows whose plain means are those of all rows.

Every row has a Hard Concrete gate. The sample means are linear in the gates, so their expected squared differences from the full
data are exact in the gates' first two moments,

    E |d|^2 = |d(m)|^2 + sum_i |x_i|^2 v_i / n^2,    d(m) = sum_i m_i x_i / n,

x_i being standardised rows, m and v mean and variance of their gates. log_alpha starts at a random draw. A step tilts it along the
columns of x, by Gauss-Newton on d, no further than the moments ask: all else stays a random sample. It then sharpens the draw, so
that the second term, what rounding the gates to 0 or 1 may cost, falls of itself. (Descending on that term too would prefer rows
close to the mean.) n is met in expectation by a common shift, exactly at the end by rank, and swaps clear what rounding left.

Sources: Louizos, Welling & Kingma (2017) for the gates; Deville & Tille (2004) for samples balanced on known totals.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence

import numpy as np
import torch
from scipy import linalg
from scipy import sparse as sp

from l0engine.arrays.linear_map import LinearMap, linear_map
from l0engine.draining import drain
from l0engine.errors import ConfigError
from l0engine.gates.counts import gate_counts, held
from l0engine.hard_concrete import HardConcreteDistribution
from l0engine.selection.designs import checked_size
from l0engine.selection.selected import SampleSnapshot, Selected
from l0engine.selection.standardised import Standardised
from l0engine.selection.swaps import swapped

#: Spread of the random draw in log_alpha, in units of the logistic distribution, at the first and at the last step.
SPREAD = (2.0, 15.0)
#: Share of a Gauss-Newton step that is taken; a row's log_alpha moves by no more than `MOVE`.
DAMPING, MOVE = 0.5, 3.0
#: A column whose difference came out with the other sign and more than `OVERSHOT` of its size has its share of the step cut,
#: others win theirs back: where a few rows hold most of the variance, the covariance says little about the next step.
OVERSHOT, CUT, REGAIN = 0.5, 0.5, 1.2
#: Rows for the covariance of the columns, and the ridge on it.
COVARIANCE_ROWS, RIDGE = 20_000, 1e-2
#: A row is dropped when its gate is open with less than this share of n / N; looked for every so many steps.
DEAD, COMPACT_EVERY = 0.1, 10


def choose_samples(
    features: Standardised,
    n: int,
    *,
    seed: int = 0,
    epochs: int = 60,
    keep: Sequence[int] | np.ndarray = (),
    watch: Callable[[SampleSnapshot], None] = lambda _: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Selected:
    """Exactly `n` rows whose plain means of all columns are those of all rows.

    Parameters
    ----------
    features : Standardised, shape (N, p)
        See `moments`.
    n : int
        From 1 to N.
    seed : int
        Another seed is another sample.
    epochs : int
        Steps of the gates; 0 leaves a random sample to the swaps.
    keep : sequence of int
        Rows that are in the sample whatever happens, counted in `n`: drawn before (`random_part`), they make it a hybrid sample.
    watch : callable
        Gets a snapshot after every step.
    should_stop : callable
        Polled before every step; once True, the sample is drawn from the gates as they are.

    Raises
    ------
    ConfigError
        `n`, `epochs` or `keep` is out of bounds.
    """
    run = iterate_samples(features, n, seed=seed, epochs=epochs, keep=keep, should_stop=should_stop)
    return drain(run, watch)


def iterate_samples(
    features: Standardised,
    n: int,
    *,
    seed: int = 0,
    epochs: int = 60,
    keep: Sequence[int] | np.ndarray = (),
    should_stop: Callable[[], bool] = lambda: False,
) -> Generator[SampleSnapshot, None, Selected]:
    """As `choose_samples`, one snapshot a step; the generator's value is the sample."""
    rows = features.shape[0]
    checked_size(n, rows)
    fixed = np.unique(np.asarray(keep, np.int64))
    if len(fixed) > n or len(fixed) != len(keep) or (len(fixed) and not 0 <= fixed[0] <= fixed[-1] < rows):
        raise ConfigError(f"The {len(keep):,} rows to keep are not at most {n:,} different rows of the table: choose fewer, each once.")
    if epochs < 0:
        raise ConfigError(f"epochs is {epochs}: set it to 0 or more.")
    rng = np.random.default_rng(seed)
    movable = np.ones(rows, bool)
    movable[fixed] = False
    free = n - len(fixed)
    gates = _Gates(features, n, fixed, np.flatnonzero(movable), rng)
    history: list[SampleSnapshot] = []
    started, stopped = time.perf_counter(), False
    for step in range(1, epochs + 1 if 0 < free < movable.sum() else 1):
        stopped = should_stop()
        if stopped:
            break
        history.append(gates.advance(step, epochs, started))
        yield history[-1]
    probabilities = gates.probabilities()
    chosen = np.sort(np.concatenate([fixed, gates.top(free)]))
    rounded = np.abs(features.differences(chosen)).max()
    indices, swaps = swapped(features, chosen, movable, rng)
    return Selected(indices, probabilities, features.differences(indices), float(rounded), swaps, tuple(history), stopped)


class _Gates:
    """The mutable part: log_alpha of the rows that may still come in."""

    def __init__(self, features: Standardised, n: int, fixed: np.ndarray, free: np.ndarray, rng: np.random.Generator) -> None:
        self._features, self._n, self._dist = features, n, HardConcreteDistribution()
        self._count, self._fixed = n - len(fixed), len(fixed)
        self._base = np.asarray(features.matrix[fixed].sum(axis=0), np.float64)
        self._last = np.full(features.shape[0], 0.0, np.float32)
        self._last[fixed] = 1.0
        some = features.dense(np.sort(rng.permutation(features.shape[0])[:COVARIANCE_ROWS]))
        covariance = some.T @ some / len(some)
        self._factor = linalg.cho_factor(covariance + RIDGE * np.eye(len(covariance)))
        self._trust, self._before = np.ones(len(covariance)), np.zeros(len(covariance))
        draw = SPREAD[0] * torch.from_numpy(rng.logistic(size=len(free)).astype(np.float32))
        self._alive, self._log_alpha = free, held(draw, self._count, self._dist) if len(free) else draw
        self._map, self._square = self._rows(free)
        self._compact()

    def advance(self, step: int, epochs: int, started: float) -> SampleSnapshot:
        """Tilt towards the moments, sharpen, hold the count."""
        gates = self._dist.moments(self._log_alpha)
        d = self._differences(gates.mean)
        response = max(float(gates.mean_slope.sum()), 1.0) / self._n
        overshot = (d * self._before < 0) & (np.abs(d) > OVERSHOT * np.abs(self._before))
        self._trust = np.where(overshot, CUT * self._trust, np.minimum(REGAIN * self._trust, 1.0))
        self._before = d
        theta = torch.from_numpy(linalg.cho_solve(self._factor, self._trust * d).astype(np.float32))
        tilt = self._map.rmatvec(theta).mul_(-DAMPING / response)
        tilt -= tilt.mean()
        x = self._log_alpha * (SPREAD[1] / SPREAD[0]) ** (1 / epochs) + tilt.clamp_(-MOVE, MOVE)
        self._log_alpha = held(x, self._count, self._dist)
        if step % COMPACT_EVERY == 0:
            self._compact()
        gates = self._dist.moments(self._log_alpha)
        zero, *counts, one = gate_counts(self._dist.gate(self._log_alpha)).tolist()
        rounding = float((gates.variance * self._square).sum()) / self._features.shape[1]
        return SampleSnapshot(
            step=step,
            epochs=epochs,
            seconds=time.perf_counter() - started,
            largest=float(np.abs(self._differences(gates.mean)).max()),
            rounding=float(np.sqrt(rounding)) / self._n,
            expected_count=float(self._dist.p_active(self._log_alpha).sum()) + self._fixed,
            gate_zero=zero + self._features.shape[0] - len(self._alive) - self._fixed,
            gate_one=one + self._fixed,
            gate_counts=tuple(counts),
        )

    def probabilities(self) -> np.ndarray:
        """Keep probabilities of all rows; of a dropped one, when it was."""
        out = self._last.copy()
        out[self._alive] = self._dist.p_active(self._log_alpha).numpy()
        return out

    def top(self, count: int) -> np.ndarray:
        """The `count` rows whose gates are open with the largest probability."""
        return self._alive[np.argsort(-self._log_alpha.numpy(), kind="stable")[:count]]

    def _differences(self, mean: torch.Tensor) -> np.ndarray:
        total = self._map.matvec(mean).numpy() + self._base
        return np.asarray(total - self._features.offset * (float(mean.sum()) + self._fixed)) / self._n

    def _rows(self, alive: np.ndarray) -> tuple[LinearMap, torch.Tensor]:
        """Products with these rows, and their squared norms."""
        rows, offset = self._features.matrix[alive], self._features.offset
        square = np.asarray(rows.power(2).sum(axis=1)) - 2 * (rows @ offset) + offset @ offset
        return linear_map(sp.csc_array(rows.T), torch.device("cpu")), torch.from_numpy(square.astype(np.float32))

    def _compact(self) -> None:
        """Drop the dead, where a fifth would go and enough to choose from would stay."""
        p = self._dist.p_active(self._log_alpha)
        live = (p >= DEAD * self._count / self._features.shape[0]).numpy()
        if max(2 * self._count, 1) <= live.sum() <= 0.8 * len(live):
            self._last[self._alive] = p.numpy()
            self._alive, self._log_alpha = self._alive[live], self._log_alpha[torch.from_numpy(live)]
            self._map, self._square = self._rows(self._alive)
