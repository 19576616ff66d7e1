"""One gate, and the gates of a linear model while it learns."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from scipy.special import logit

from l0engine.adam import Adam
from l0engine.hard_concrete import HardConcreteDistribution
from l0engine.lessons.shown.gate import GateAsk, GatePicture, TrainedPicture

#: Bins of the distribution, and points of the curves over log_alpha.
BINS, POINTS = 20, 121
#: Of the model that learns: rows, features, features that matter, steps of Adam and its rate, price of an open gate.
ROWS, FEATURES, TRUE, STEPS, RATE, PRICE = 100, 30, 4, 120, 0.05, 0.05


def show(ask: GateAsk) -> GatePicture:
    """The gate of these settings."""
    dist = HardConcreteDistribution(ask.temperature, ask.gamma, ask.zeta)
    forgetful = forgetting(dist)
    at, grid = torch.tensor(ask.log_alpha, dtype=torch.float64), torch.linspace(-6, 6, POINTS, dtype=torch.float64)
    edges, moments, gate = torch.linspace(0, 1, BINS + 1, dtype=torch.float64), dist.moments(at), dist.gate(at)
    below = dist.p_below(edges, at)
    return GatePicture(
        edges=edges.numpy(),
        between=below.diff().numpy(),
        p_zero=float(below[0]),
        p_one=1 - float(below[-1]),
        p_open=float(dist.p_active(at)),
        mean=float(moments.mean),
        variance=float(moments.variance),
        gate=float(gate),
        published=float(forgetful.gate(at)),
        mean_slope=float(moments.mean_slope),
        gate_slope=float(dist.gate_slope(gate)),
        published_slope=float(forgetful.gate_slope(forgetful.gate(at))),
        log_alphas=grid.numpy(),
        gates=dist.gate(grid).numpy(),
        publisheds=forgetful.gate(grid).numpy(),
        means=dist.moments(grid).mean.numpy(),
        closes=_closes(dist),
        closes_published=_closes(forgetful),
        trained=trained(dist, ask.seed),
    )


def forgetting(dist: HardConcreteDistribution) -> HardConcreteDistribution:
    """The distribution whose test-time gate is ``clip(sigmoid(log_alpha) (zeta - gamma) + gamma, 0, 1)``: no division by beta."""
    return HardConcreteDistribution(1.0, dist.gamma, dist.zeta)


def _closes(dist: HardConcreteDistribution) -> float:
    return float(dist.beta * logit(-dist.gamma / (dist.zeta - dist.gamma)))


@lru_cache(maxsize=256)
def trained(dist: HardConcreteDistribution, seed: int) -> TrainedPicture:
    """Gates of a linear model of `FEATURES` features, of which `TRUE` matter, learnt with sampled gates as in the paper."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((ROWS, FEATURES))
    y = torch.from_numpy(x[:, :TRUE] @ rng.choice([-1.0, 1.0], TRUE) + 0.5 * rng.standard_normal(ROWS)).float()
    columns, noise = torch.from_numpy(x).float(), torch.from_numpy(rng.random((STEPS, FEATURES))).float()
    weight, log_alpha = torch.nn.Parameter(torch.zeros(FEATURES)), torch.nn.Parameter(torch.zeros(FEATURES))
    optimiser = Adam([weight, log_alpha])
    path = [log_alpha.detach().clone()]
    with torch.no_grad():
        for step in range(STEPS):
            z, p = dist.sample(log_alpha, noise[step]), dist.p_active(log_alpha)
            pull = columns.T @ (columns @ (weight * z) - y) * (2 / ROWS)
            weight.grad, log_alpha.grad = pull * z, pull * weight * dist.gate_slope(z) + PRICE * p * (1 - p)
            optimiser.step(RATE)
            path.append(log_alpha.detach().clone())
    alphas = torch.stack(path)
    right, published = ((d.gate(alphas) > 0).sum(1).numpy() for d in (dist, forgetting(dist)))
    return TrainedPicture(np.arange(STEPS + 1), alphas.numpy(), right, published, TRUE)
