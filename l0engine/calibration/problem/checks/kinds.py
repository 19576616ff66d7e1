"""Each kind of oddity of a problem: how its targets are found, and what is to be said of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from l0engine.calibration.problem.checks.missing import missing
from l0engine.calibration.problem.margins import equal_margins, plain_number
from l0engine.calibration.problem.problem import Problem
from l0engine.calibration.problem.rows import summed_parts

#: Row numbers of targets, and what is to be said of each.
Found = tuple[np.ndarray, Iterable[str]]

#: Fewer supporting households than this make a target thin.
THIN = 5
#: One household carries a target of which it brings more than this share.
CARRIED = 0.5
#: A target is far off where value and survey differ by more than this factor.
FAR = 100.0
#: Margins disagree where their sums differ by more than this share: published figures are rounded.
APART = 1e-3
#: Sums of weights at their limits are at a target within this share of it.
SAME = 1e-9


def _unreachable(p: Problem) -> Found:
    rows = np.flatnonzero(p.support == 0)
    return rows, missing(p, rows)


def _wrong_sign(p: Problem) -> Found:
    rows = np.flatnonzero(~p.reachable & (p.support > 0))
    sign = np.where(p.values > 0, "positively", "negatively")
    return rows, (f"Of the households that count in it ({p.support[i]:,}) none does so {sign[i]}." for i in rows)


def _disagreeing(p: Problem) -> Found:
    """Of all margins that count the same, but for the one of most targets: the targets of those with another sum, worst first."""
    said: dict[int, tuple[float, str]] = {}
    for margins in equal_margins(p, p.reachable & (p.target_weights > 0)):
        finest = max(margins, key=lambda m: len(m.targets))
        for m in margins:
            apart = abs(m.published - finest.published) / (max(abs(m.published), abs(finest.published)) or 1.0)
            if m is not finest and apart > APART:
                words = f"{m.adds_up}; {finest.adds_up} ({100 * apart:.2g} % apart)."
                said |= {i: (apart, words[0].upper() + words[1:]) for i in m.targets.tolist() if i not in said}
    worst = sorted(said, key=lambda i: (-said[i][0], i))
    return np.array(worst, int), (said[i][1] for i in worst)


def _far_off(p: Problem) -> Found:
    estimates = p.estimates(p.start_weights)
    size, seen = np.abs(p.values), np.abs(estimates)
    rows = np.flatnonzero(p.reachable & (p.values * estimates > 0) & ((size > FAR * seen) | (seen > FAR * size)))
    return rows, (f"The survey says {plain_number(estimates[i])} at its base weights." for i in rows)


def _carried(p: Problem) -> Found:
    whole = summed_parts(p.matrix, p.start_weights)
    rows = np.flatnonzero(p.reachable & (p.support >= THIN) & (p.floors > CARRIED * whole))

    def words(i: int) -> str:
        mine = slice(p.matrix.indptr[i], p.matrix.indptr[i + 1])
        households = p.matrix.indices[mine]
        top = households[np.argmax(np.abs(p.matrix.data[mine]) * p.start_weights[households])]
        return f"Household '{p.household_ids[top]}' brings {p.floors[i] / whole[i]:.0%} of it."

    return rows, (words(i) for i in rows.tolist())


def _beyond_limits(p: Problem) -> np.ndarray:
    """True where no weights within the rules of households come to the target, shape (n_targets,)."""
    if not p.rules.given:
        return np.zeros(p.n_targets, bool)
    low, high = np.where(p.rules.protected, p.rules.smallest, 0.0), p.rules.largest
    up, down = p.matrix.maximum(0), p.matrix.minimum(0)
    least, most = up @ low + down @ high, up @ high + down @ low
    return np.asarray((least - p.values > SAME * p.sizes) | (p.values - most > SAME * p.sizes))


#: By kind, the most telling first.
CHECKS: dict[str, Callable[[Problem], Found]] = {
    "unreachable": _unreachable,
    "wrong_sign": _wrong_sign,
    "disagreeing": _disagreeing,
    "far_off": _far_off,
    "zero": lambda p: (np.flatnonzero(p.reachable & (p.values == 0) & (p.sizes == 0)), ()),
    "below_floor": lambda p: (np.flatnonzero(p.reachable & p.below_floor), ()),
    "thin": lambda p: (np.flatnonzero(p.reachable & (p.support < THIN)), ()),
    "carried": _carried,
    "limits": lambda p: (np.flatnonzero(p.reachable & _beyond_limits(p)), ()),
    "negative": lambda p: (np.flatnonzero(p.reachable & (p.values < 0)), ()),
    "duplicate": lambda p: (np.flatnonzero(p.reachable & p.repeats), ()),
}
