"""A toy survey as its gates close; two households, and where penalties of the same price end."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np

from l0engine.calibration.config import Config
from l0engine.calibration.metrics import active, effective_sample_size, relative_errors
from l0engine.calibration.problem.problem import Problem
from l0engine.lessons.made.toy import BASE, Steps, fit, survey
from l0engine.lessons.shown.households import VIEWS, End, HouseholdsAsk, HouseholdsPicture, SurveyPicture, TwoPicture

#: Steps of the fit, and its rate: enough to settle a toy.
EPOCHS, RATE = 120, 0.15
#: Weights on a side of the surface, up to so many base weights.
SIDE, MOST = 61, 3.0


def show(ask: HouseholdsAsk) -> HouseholdsPicture:
    """The survey that is asked for."""
    if ask.view == VIEWS[0]:
        return HouseholdsPicture(sixty(ask.price, ask.seed), None)
    return HouseholdsPicture(None, two(ask.price, ask.seed))


def config(price: float) -> Config:
    """Settings of a fit of a toy."""
    return Config(price_l0=price, epochs=EPOCHS, learning_rate=RATE, stop_when_settled=False, jitter=0.02, device="cpu")


@lru_cache(maxsize=128)
def fitted(price: float, seed: int) -> Steps:
    """The fit of the toy survey."""
    return fit(survey(seed).problem, config(price))


def sixty(price: float, seed: int) -> SurveyPicture:
    """The toy survey step by step; then with gates as they are at test time, and refitted."""
    toy, steps = survey(seed), fitted(price, seed)
    problem, last = toy.problem, steps.steps[-1]
    weights = np.vstack([steps.weights, steps.gated, steps.refitted])
    return SurveyPicture(
        names=tuple(problem.names.tolist()),
        persons=toy.persons,
        income=toy.income,
        base=BASE,
        steps=np.append(steps.steps, [last, last]),
        gates=np.vstack([steps.gates, active(steps.gated), active(steps.refitted)]),
        weights=weights,
        estimates=np.stack([problem.estimates(w) / problem.values for w in weights]),
        kept=active(weights).sum(1),
        errors=np.array([np.median(np.abs(relative_errors(problem, w))) for w in weights]),
        ess=np.array([effective_sample_size(w) for w in weights]),
    )


def pair(seed: int) -> Problem:
    """Two households of two totals: both together meet them exactly, the first alone nearly."""
    rng = np.random.default_rng(seed)
    matrix = np.array([[1.0, 1.0], [3.0, rng.uniform(1.0, 1.6)]])
    exact = BASE * np.array([rng.uniform(1.1, 1.5), rng.uniform(0.4, 0.7)])
    return Problem.create(matrix, matrix @ exact, names=("households", "persons"), base_weights=np.full(2, BASE))


def two(price: float, seed: int) -> TwoPicture:
    """Two households: the loss at all weights, the fit's path, and where penalties end."""
    problem = pair(seed)
    a, b = problem.matrix.toarray() * BASE / problem.magnitudes[:, None], problem.values / problem.magnitudes
    steps = fit(problem, replace(config(price), share=price * float(b @ b)))
    side = np.linspace(0, MOST, SIDE)
    first, second = np.meshgrid(side, side)
    loss = ((np.stack([first, second], -1) @ a.T - b) ** 2).sum(-1)
    path = np.vstack([steps.weights, steps.gated]) / BASE
    return TwoPicture(side, loss, np.append(steps.steps, steps.steps[-1]), path, ends(a, b, price))


def ends(a: np.ndarray, b: np.ndarray, price: float) -> tuple[End, ...]:
    """Least ``|a w - b|^2 + penalty`` over w >= 0, of two weights: solved on each of the four sets that may be positive.

    Parameters
    ----------
    a : ndarray, shape (n_targets, 2)
    b : ndarray, shape (n_targets,)
    price : float
        Of both households together, in units of the loss of keeping none.
    """
    unit = price * float(b @ b) / 2
    penalties = {"no penalty": (0.0, 0.0, 0.0), "L2": (0.0, 0.0, unit), "L1": (0.0, unit, 0.0), "L0": (unit, 0.0, 0.0)}
    found = []
    for name, (l0, l1, l2) in penalties.items():
        options = [(float(b @ b), np.zeros(2))]
        for kept in ([0], [1], [0, 1]):
            part = a[:, kept]
            w = np.linalg.solve(part.T @ part + l2 * np.eye(len(kept)), part.T @ b - l1 / 2)
            if (w >= 0).all():
                whole = np.zeros(2)
                whole[kept] = w
                options.append((float(((a @ whole - b) ** 2).sum()) + l0 * len(kept) + l1 * w.sum() + l2 * float(w @ w), whole))
        _, best = min(options, key=lambda option: option[0])
        found.append(End(name, float(best[0]), float(best[1]), float(((a @ best - b) ** 2).sum())))
    return tuple(found)
