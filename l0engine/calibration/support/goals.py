"""Goals: the smallest set of households that does what was asked, found by elimination from the kept ones of a fit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from l0engine.calibration.config import Config
from l0engine.calibration.problem.problem import Problem
from l0engine.calibration.problem.system import ScaledSystem
from l0engine.calibration.results import Measures
from l0engine.calibration.support.calibrated import CURVE, SOFTER, Calibrated, along, calibrated, levels
from l0engine.calibration.support.choosing import Chooser
from l0engine.calibration.support.elimination import LEAVE
from l0engine.calibration.support.relaxing import relaxes
from l0engine.calibration.support.support import Support, foremost

#: A goal for the median allows no error beyond this many times as much, other than those of the largest set.
GROSS = 10.0
#: The search ends when the number of households is known to this share.
FINE = 0.01
#: Numbers that differ are told apart by no more digits than so many.
MOST_DIGITS = 12
#: With no more households than this every size is quick, and the best one for a price is looked for between doubled ones.
TINY = 100


def falls_short(config: Config, m: Measures) -> str:
    """How far measures are from the goals of a config, in words; empty where they meet them."""
    short = []
    if config.budget is not None and m.kept < config.budget:
        short.append(f"{m.kept:,} households are kept, not {config.budget:,}")
    if config.max_median_error is not None and not m.median_abs_rel_error <= config.max_median_error:
        short.append("the median error is {}, not {}".format(*_told_apart(m.median_abs_rel_error, config.max_median_error, "%", 3)))
    if config.max_error is not None and not m.max_abs_rel_error <= config.max_error:
        short.append("the largest error is {}, not {}".format(*_told_apart(m.max_abs_rel_error, config.max_error, "%", 3)))
    if config.min_ess is not None and not m.ess >= config.min_ess:
        short.append("the effective sample size is {}, not {}".format(*_told_apart(m.ess, config.min_ess, "f", 0)))
    return "; ".join(short)


def _told_apart(is_: float, asked: float, kind: str, digits: int) -> list[str]:
    """Two different numbers in words, with as many more digits as it takes to tell them apart."""
    texts: list[str] = []
    for more in range(MOST_DIGITS):
        texts = [f"{value:,.{digits + more}{kind}}" for value in (is_, asked)]
        if texts[0] != texts[1]:
            break
    return texts


def smallest(problem: Problem, system: ScaledSystem, config: Config, gated: np.ndarray) -> Calibrated:
    """The fewest households that meet the goals of a config; as many as were tried where they do not.

    Sizes go down by fifths until a goal is missed, then the last step is halved until it is one household, or a hundredth of them; error
    and effective sample size are taken to worsen with every household that leaves, which holds but for their noise. A number of
    households may be given with a second goal. Where no number is enough, the weights of the largest are made to meet the goal.

    Parameters
    ----------
    gated : ndarray of float64, shape (n_households,)
        Gated weights of a fit; some are positive.
    """
    chooser = Chooser(problem, system, config, gated)
    if config.budget is not None:
        size = config.budget if chooser.relaxes else min(config.budget, int((gated > 0).sum()))
        return _made_to_meet(problem, system, config, chooser, chooser.at(size))
    size, least = max(int((gated > 0).sum()), 1), max(len(system.protected), 1)
    good = chooser.at(size)
    while chooser.relaxes and falls_short(config, good.measures) and size < problem.n_households:
        size = min(2 * size, problem.n_households)
        good = chooser.at(size)
    if falls_short(config, good.measures):
        return _made_to_meet(problem, system, config, chooser, good)
    gross = max(good.measures.max_abs_rel_error, GROSS * (config.max_median_error or np.inf))
    low, high = least - 1, len(good.support.kept)  # `low` misses the goal, or may not be; `high` meets it
    while high - low > max(1, FINE * high):
        size = max(int(high * LEAVE), least) if low < least else (low + high) // 2
        size = min(size, high - 1)
        tried = chooser.at(size)
        if falls_short(config, tried.measures) or tried.measures.max_abs_rel_error > gross:
            low = size
        else:
            good, high = tried, size
    return good


def at_once(problem: Problem, system: ScaledSystem, config: Config, gated: np.ndarray) -> Calibrated:
    """The households that a fit kept, or as many as are asked for of those that carry most: for who does not wait for `smallest`."""
    few = np.count_nonzero(gated > 0) < (config.budget or 1)
    gated = np.maximum(gated, system.base_weights) if few and (relaxes(system, config) or not gated.any()) else gated
    kept = np.flatnonzero(gated > 0)
    if config.budget is not None and len(kept) > config.budget:
        kept = kept[foremost(np.sqrt(system.squares[kept]) * gated[kept], config.budget, system.rules.protected[kept])]
    start = gated[kept] * (gated.sum() / gated[kept].sum())
    return calibrated(problem, system, replace(config, polish=False), Support.at(kept, start))


def _made_to_meet(problem: Problem, system: ScaledSystem, config: Config, chooser: Chooser, found: Calibrated) -> Calibrated:
    """The same households with the most even weights that meet an error, or those that miss least and are even enough.

    Even ones keep their sum, or give it up where that misses less. The answer itself where it meets the goals, nothing does, or a softness
    is given.
    """
    if config.mu is not None or not falls_short(config, found.measures):
        return found
    even = config.max_median_error is None and config.max_error is None
    ways = SOFTER + CURVE if even else tuple(mu for mu in CURVE if mu < found.found.mu)
    answers = []
    for level in levels(system, found.support) if even else (None,):
        best = None
        for other in along(problem, system, config, found.support, level=level, softnesses=ways):
            met = not falls_short(config, other.measures)
            best = other if met else best
            if met != even:  # errors fall on the way, and evenness
                break
        answers += [best] if best is not None else []
    if not answers:
        return found
    best = min(answers, key=lambda answer: answer.loss)
    return replace(best, certificate=chooser.certificate(best.weights, len(found.support.kept)))


def by_price(problem: Problem, system: ScaledSystem, config: Config, gated: np.ndarray, price: float) -> Calibrated | None:
    """The number of households at which loss + price * households is least; None where keeping none is cheaper.

    From two households a target sizes double, then halve; each way until the sum rises twice, or cannot fall any more: larger sizes cost
    their price at least, smaller ones miss as much as the last one. On a tiny problem the best size is then looked for between those.
    """
    chooser, best = Chooser(problem, system, config, gated), None
    least = system.cost(config, price, system.nothing, np.zeros(problem.n_households))

    def tried(size: int) -> float:
        """The loss at a size; the best answer is kept."""
        nonlocal best, least
        found = chooser.at(size)
        cost = system.cost(config, price, found.loss, found.weights)
        if cost < least:
            best, least = found, cost
        return found.loss

    fewest = max(len(system.protected), 1)
    first = min(problem.n_households, max(2 * len(system.target), fewest))
    for factor in (2.0, 0.5):
        size, rises, missed = first if factor > 1 else first // 2, 0, 0.0
        while fewest <= size <= problem.n_households and rises < 2 and (price * size if factor > 1 else missed) < least:
            before, missed = least, tried(size)
            rises = 0 if least < before else rises + 1
            size = int(factor * size)
    step = len(best.support.kept) // 2 if best is not None and problem.n_households <= TINY else 0
    while best is not None and step:
        middle = len(best.support.kept)
        for size in (middle + step, middle - step):
            if fewest <= size <= problem.n_households:
                tried(size)
        step //= 2
    return best
