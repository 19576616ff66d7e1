"""The Hard Concrete distribution (Louizos, Welling & Kingma 2017): the only home of the gate mathematics.

A gate is ``z = clip(s (zeta - gamma) + gamma, 0, 1)`` with ``s = sigmoid((logit(u) + log_alpha) / beta)`` and ``u`` uniform
on (0, 1): between 0 and 1 with positive probability at both ends, differentiable in ``log_alpha`` in between.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from scipy.special import expit, logit
from torch import Tensor, nn

from l0engine.errors import ConfigError

#: log_alpha is held within this bound, where every sigmoid is saturated in single precision.
LOG_ALPHA_BOUND = 20.0
#: Uniform noise stays this far from 0 and 1, so that its logit is finite, in half precision too.
NOISE_MARGIN = 1e-6

_CELLS = 4096  # between the nodes of the moment table; its parabolas are exact to about 1e-8
_NODES = 32  # Gauss-Legendre nodes a table entry; the integrand is smooth


class Moments(NamedTuple):
    """Mean and variance of gates and their derivatives with respect to log_alpha; each shaped like log_alpha."""

    mean: Tensor
    mean_slope: Tensor
    variance: Tensor
    variance_slope: Tensor


@dataclass(frozen=True)
class HardConcreteDistribution:
    """Gates of temperature `beta`, stretched to the interval (`gamma`, `zeta`) and clipped to [0, 1].

    Parameters
    ----------
    beta : float
        Temperature; positive. Towards 0 gates become Bernoulli variables.
    gamma, zeta : float
        Ends of the stretch; ``gamma < 0`` and ``zeta > 1``.

    Raises
    ------
    ConfigError
        A parameter is out of its bounds.

    Notes
    -----
    Every method takes `log_alpha` of any shape, dtype and device, is differentiable in it, and keeps its shape.
    """

    beta: float = 2 / 3
    gamma: float = -0.1
    zeta: float = 1.1

    def __post_init__(self) -> None:
        if not (math.isfinite(self.beta) and self.beta > 0):
            raise ConfigError(f"The temperature is {self.beta}: set it to a number above 0.")
        if not (-math.inf < self.gamma < 0 and 1 < self.zeta < math.inf):
            raise ConfigError(f"The stretch is ({self.gamma}, {self.zeta}): set gamma below 0 and zeta above 1.")

    @property
    def shift(self) -> float:
        """``-beta log(-gamma / zeta)``: the gate is open with probability sigmoid(log_alpha + shift)."""
        return -self.beta * math.log(-self.gamma / self.zeta)

    def sample(self, log_alpha: Tensor, noise: Tensor) -> Tensor:
        """Gates for uniform `noise` on (0, 1), of the shape of `log_alpha`; equation 11 of the paper."""
        logistic = noise.clamp(NOISE_MARGIN, 1 - NOISE_MARGIN).logit_()
        return self._stretch(logistic.add_(_bounded(log_alpha)).div_(self.beta).sigmoid_())

    def gate(self, log_alpha: Tensor) -> Tensor:
        """The gate at test time, with the temperature; it is the median of `sample` (noise of 1/2), not the mean."""
        return self._stretch(_bounded(log_alpha).div_(self.beta).sigmoid_())

    def gate_slope(self, gate: Tensor) -> Tensor:
        """Derivative of a gate, sampled or not, with respect to log_alpha, from the gate alone; 0 where it is clipped."""
        inside = gate.frac().ceil_()  # 0 at both ends, 1 in between
        return (gate - self.gamma).mul_(self.zeta - gate).mul_(inside).div_(self.beta * (self.zeta - self.gamma))

    def p_active(self, log_alpha: Tensor) -> Tensor:
        """Probability that the gate is not 0; equation 12 of the paper. Its sum is the expected L0 norm."""
        return _bounded(log_alpha).add_(self.shift).sigmoid_()

    def p_below(self, gate: Tensor, log_alpha: Tensor) -> Tensor:
        """Probability that the gate is at most a value in [0, 1); of 1, that it is less than 1."""
        s = (gate - self.gamma) / (self.zeta - self.gamma)
        return torch.sigmoid(torch.logit(s) * self.beta - _bounded(log_alpha))

    def log_alpha_for(self, p: float | Tensor) -> Tensor:
        """Inverse of `p_active`, for probabilities in the open interval (0, 1)."""
        p = torch.as_tensor(p)
        if not bool(((p > 0) & (p < 1)).all()):
            raise ConfigError("A keep probability is not between 0 and 1: set it above 0 and below 1.")
        return torch.logit(p) - self.shift

    def mean(self, log_alpha: Tensor) -> Tensor:
        """Expected gate, ``E z``."""
        return _mean_and_variance(log_alpha, self)[0]

    def variance(self, log_alpha: Tensor) -> Tensor:
        """Variance of the gate, ``E z^2 - (E z)^2``."""
        return _mean_and_variance(log_alpha, self)[1]

    def moments(self, log_alpha: Tensor) -> Moments:
        """Mean and variance with their derivatives, not tracked by autograd; one table look-up for all four."""
        table, middle = _moment_table(self, log_alpha.dtype, log_alpha.device)
        cell = 2 * LOG_ALPHA_BOUND / _CELLS
        offset = torch.add(middle, log_alpha.detach(), alpha=1 / cell).clamp_(0, _CELLS)
        nearest = offset.round()
        offset.sub_(nearest)  # in cells
        node = nearest.int().clamp_(0, _CELLS).flatten()  # NaN turns into any integer
        value, first, second = table.index_select(1, node).view(3, 2, *log_alpha.shape)
        mean_slope, variance_slope = slope = torch.addcmul(first, offset, second, value=cell)
        mean, variance = value.addcmul_(offset, first.add_(slope), value=cell / 2)
        return Moments(mean, mean_slope, variance.clamp_(min=0), variance_slope)

    def _stretch(self, s: Tensor) -> Tensor:
        return (s * (self.zeta - self.gamma)).add_(self.gamma).clamp_(0, 1)


def _bounded(log_alpha: Tensor) -> Tensor:
    return log_alpha.clamp(-LOG_ALPHA_BOUND, LOG_ALPHA_BOUND)


class _MeanAndVariance(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, log_alpha: Tensor, dist: HardConcreteDistribution) -> tuple[Tensor, Tensor]:
        m = dist.moments(log_alpha)
        inside = log_alpha.abs() <= LOG_ALPHA_BOUND
        ctx.save_for_backward(m.mean_slope * inside, m.variance_slope * inside)
        return m.mean, m.variance

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        mean_slope, variance_slope = ctx.saved_tensors
        return grads[0] * mean_slope + grads[1] * variance_slope, None


def _mean_and_variance(log_alpha: Tensor, dist: HardConcreteDistribution) -> tuple[Tensor, Tensor]:
    return cast(tuple[Tensor, Tensor], _MeanAndVariance.apply(log_alpha, dist))  # type: ignore[no-untyped-call]


def moments_by_quadrature(dist: HardConcreteDistribution, log_alpha: np.ndarray) -> tuple[np.ndarray, ...]:
    """Mean, its slope, variance and its slope by Gauss-Legendre quadrature, in double precision.

    With ``t = logit(u)`` of logistic density the gate is 0 below ``lower``, 1 above ``upper`` and smooth in between; it is
    continuous at both, so the derivative of an expectation is the expectation of the derivative.
    """
    x, q = np.polynomial.legendre.leggauss(_NODES)
    width = dist.zeta - dist.gamma
    lower = dist.beta * logit(-dist.gamma / width) - log_alpha
    upper = dist.beta * logit((1 - dist.gamma) / width) - log_alpha
    half = (upper - lower)[:, None] / 2
    t = (upper + lower)[:, None] / 2 + half * x
    density = q * half * expit(t) * expit(-t)
    s = expit((t + log_alpha[:, None]) / dist.beta)
    z, slope = s * width + dist.gamma, width * s * (1 - s) / dist.beta
    mean = (density * z).sum(1) + expit(-upper)
    mean_slope = (density * slope).sum(1)
    second = (density * z * z).sum(1) + expit(-upper)
    return mean, mean_slope, second - mean**2, (density * 2 * z * slope).sum(1) - 2 * mean * mean_slope


@lru_cache(maxsize=64)
def _moment_table(dist: HardConcreteDistribution, dtype: torch.dtype, device: torch.device) -> tuple[Tensor, Tensor]:
    """Mean and variance at evenly spaced nodes, their first and their second derivatives, shape (6, nodes): a parabola around each node.

    And the number of the middle node, as a scalar on the device.
    """
    grid = np.linspace(-LOG_ALPHA_BOUND, LOG_ALPHA_BOUND, _CELLS + 1)
    mean, mean_1, variance, variance_1 = moments_by_quadrature(dist, grid)
    rows = [mean, variance, mean_1, variance_1, np.gradient(mean_1, grid), np.gradient(variance_1, grid)]
    return torch.from_numpy(np.stack(rows)).to(device, dtype), torch.tensor(_CELLS / 2, dtype=dtype, device=device)


class HardConcrete(nn.Module):
    """An array of learnable Hard Concrete gates.

    Parameters
    ----------
    input_dim : int
        Number of gates, or of rows of gates.
    output_dim : int, optional
        Number of columns of gates.
    temperature : float
        Beta of the distribution; a plain attribute, so that a schedule can set it.
    stretch : float
        The gates stretch to (-stretch, 1 + stretch).
    init_mean : float
        Probability that a gate is open at the start, in the open interval (0, 1).
    seed : int, optional
        Seed of the module's own noise generator; drawn from the system's entropy by default. torch's global generator is
        neither read nor set.

    Attributes
    ----------
    qz_logits : Parameter, shape (input_dim,) or (input_dim, output_dim)
        log_alpha of each gate.
    """

    def __init__(
        self,
        input_dim: int,
        output_dim: int | None = None,
        temperature: float = 0.5,
        stretch: float = 0.1,
        init_mean: float = 0.5,
        *,
        seed: int | None = None,
    ) -> None:
        super().__init__()
        self.gate_size = (input_dim,) if output_dim is None else (input_dim, output_dim)
        self.temperature, self.stretch, self.init_mean = temperature, stretch, init_mean
        self.gamma, self.zeta = -stretch, 1.0 + stretch
        self._seed = seed
        self._generators: dict[torch.device, torch.Generator] = {}  # shared by the replicas of data-parallel training
        self.qz_logits = nn.Parameter(torch.zeros(self.gate_size))
        self.reset_parameters()

    @property
    def distribution(self) -> HardConcreteDistribution:
        """The distribution at the present temperature."""
        return HardConcreteDistribution(self.temperature, self.gamma, self.zeta)

    def reset_parameters(self) -> None:
        """Set every gate to be open with probability `init_mean`."""
        with torch.no_grad():
            self.qz_logits.fill_(float(self.distribution.log_alpha_for(self.init_mean)))

    def forward(self, input_shape: tuple[int, ...] | None = None) -> Tensor:
        """Gates: sampled in training mode, deterministic in eval mode.

        Parameters
        ----------
        input_shape : tuple of int, optional
            Shape of what they multiply; gates get trailing axes of length 1 up to its number of axes.
        """
        dist, log_alpha = self.distribution, self.qz_logits
        gates = dist.sample(log_alpha, self._noise()) if self.training else dist.gate(log_alpha)
        missing = 0 if input_shape is None else len(input_shape) - gates.dim()
        return gates.reshape(*gates.shape, *(1,) * max(missing, 0))

    def get_penalty(self) -> Tensor:
        """Expected number of open gates, a scalar."""
        return self.get_active_prob().sum()

    def get_active_prob(self) -> Tensor:
        """Probability that each gate is open, shaped like the gates."""
        return self.distribution.p_active(self.qz_logits)

    @torch.no_grad()
    def get_sparsity(self) -> float:
        """Share of gates that are exactly 0 at test time."""
        return 1.0 - self.get_num_active() / self.qz_logits.numel()

    @torch.no_grad()
    def get_num_active(self) -> int:
        """Number of gates above 0 at test time."""
        return int((self.distribution.gate(self.qz_logits) > 0).sum())

    def extra_repr(self) -> str:
        return f"gate_size={self.gate_size}, temperature={self.temperature}, stretch={self.stretch}, init_mean={self.init_mean}"

    def _noise(self) -> Tensor:
        return self._drawn(self.qz_logits.dtype)

    def _drawn(self, dtype: torch.dtype) -> Tensor:
        device = self.qz_logits.device
        generator = self._generators.get(device)
        if generator is None:
            generator = self._generators[device] = torch.Generator(device)
            if self._seed is None:
                generator.seed()
            else:
                generator.manual_seed(self._seed)
        return torch.rand(self.gate_size, generator=generator, device=device, dtype=dtype)
