"""The frontier in words: how many households it takes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from dashboard.frontier.figures.frontier import Other, cap_title, info
from dashboard.frontier.figures.point import OURS, error, held_out, title
from dashboard.kit import theme, wording
from dashboard.kit.figures import axes
from l0engine.calibration.config import Config
from l0engine.jobs.records import PointRecord

#: Bends: the rise below is at least `_STEEP` (the error grows faster than the households fall), and twice the rise above;
#: slopes are taken over a change in households of at least `_SPAN`, so that two close points do not make one.
_STEEP, _SPAN = 1.0, 1.5
#: Sizes within this factor are alike.
_NEAR = 1.1


def answer(points: Sequence[PointRecord], n_targets: int) -> str:
    """How many households it takes, in one or two sentences.

    Notes
    -----
    The error asked for is a class bound of `theme.ERROR_STEPS` near twice the lowest error, or else a round number (1, 2 or 5 times a
    power of ten) near it; never below 0.1 %. Where the curve first comes down to it is interpolated between logarithms.
    """
    curve = _curve(points)
    if not curve:
        return "The first points are being computed."
    k, e = np.array(curve).T
    if len(curve) < 3:
        parts = [f"{wording.plural(n, 'household')} give{'s' if n == 1 else ''} a median error of {wording.percent(v)}" for n, v in curve]
        return f"So far: {', '.join(parts)}."
    best, goal = int(e.argmin()), _goal(float(e.min()))
    lowest = f"{wording.percent(e[best])} with {wording.plural(k[best], 'household')}"
    knee = _knee(np.log(k), np.log(axes.at_least(e)))
    bend = "" if knee is None else _rounded(k[knee])
    if e.max() <= axes.ERROR_FLOOR:
        least = wording.plural(k.min(), "household")
        return f"All sizes tried, from {least} on, have a median error of {wording.percent(axes.ERROR_FLOOR)} at most."
    if e[best] > theme.ERROR_STEPS[-1]:
        first = f"The median error stays above {wording.percent(theme.ERROR_STEPS[-1])}: at best it is {lowest}."
    elif e[0] <= goal:
        first = f"Already {wording.plural(k[0], 'household')}, the fewest tried, give a median error of {wording.percent(e[0])}"
        return f"{first}; the lowest is {lowest}." if e[best] < e[0] else f"{first}; more do not lower it."
    else:
        least = _first_at(k, axes.at_least(e), goal)
        need = _rounded(least)
        first = f"You need about {need} households for a median error of {wording.percent(goal)}"
        if need == bend:
            return f"{first}; below that the error rises steeply."
        first += "."
    if knee is None:
        return first
    about = ", about the number of targets," if n_targets and 0.85 <= k[knee] / n_targets <= 1.15 else ""
    if e[best] <= theme.ERROR_STEPS[-1] and k[knee] > least:
        return f"{first} More than {bend}{about} gain little."
    return f"{first} Below {bend}{about} the error rises steeply."


def bend(points: Sequence[PointRecord]) -> PointRecord | None:
    """The point of this fit where log error against log households bends most, going down in households; None without a bend."""
    curve = _curve(points)
    if len(curve) < 3:
        return None
    k, e = np.array(curve).T
    at = _knee(np.log(k), np.log(axes.at_least(e)))
    return None if at is None else next(p for p in info(points, 0, 0).ours if (p.measures.kept, error(p)) == curve[at])


def held_out_words(own: PointRecord, points: Sequence[PointRecord]) -> str:
    """Whether a point meets the targets held out better than other methods at its size; empty where nothing was held out.

    Parameters
    ----------
    own : PointRecord
        A point of this fit.
    points : sequence of PointRecord
        Points at its size; those of no reference method, or of all households, are passed over.
    """
    mine = held_out(own)
    others = sorted((p for p in points if p.method not in (OURS, "dense") and math.isfinite(held_out(p))), key=held_out)
    if not math.isfinite(mine):
        return ""
    size = wording.plural(own.measures.kept, "household")
    said = f"On the targets held out, {size} of this fit have a median error of {wording.percent(mine)}"
    if not others:
        return f"{said}."
    ahead = [p for p in others if held_out(p) <= mine]
    listed = ", ".join(f"{title(p.method)} ({wording.percent(held_out(p))})" for p in ahead or others[:1])
    if not ahead:
        return f"{said}: better than every other method tried, the next being {listed}."
    return f"{said}: no better than {listed}."


def cap_words(own: PointRecord, config: Config, others: Sequence[Other]) -> list[str]:
    """What another cap on weights makes of the same number of households, a sentence for each frontier that has a like size."""
    out = []
    for other in others:
        near = min(other.points, key=lambda p: abs(math.log(p.measures.kept / own.measures.kept)))
        if abs(math.log(near.measures.kept / own.measures.kept)) > math.log(_NEAR):
            continue
        size = wording.plural(near.measures.kept, "household")
        out.append(f"With {other.title}, {size} have {_measured(near)}; with {cap_title(config)}, {_measured(own)}.")
    return out


def _measured(p: PointRecord) -> str:
    few = wording.percent(error(p)).replace("<", "below")
    return f"a median error of {few} and an effective sample size of {wording.count(p.measures.ess)}"


def _curve(points: Sequence[PointRecord]) -> list[tuple[int, float]]:
    """(households, error) of this fit's points, by households, the better one where two keep as many."""
    found: dict[int, float] = {}
    for p in info(points, 0, 0).ours:
        found[p.measures.kept] = min(error(p), found.get(p.measures.kept, math.inf))
    return sorted(found.items())


def _goal(best: float) -> float:
    """A round error near twice the best, at least 1.2 times it: at the best itself a flat curve is reached nowhere in particular."""
    about = max(2 * best, theme.ERROR_STEPS[0])
    steps = [s for s in theme.ERROR_STEPS if 1.2 * best <= s and 0.5 <= s / about <= 2]
    unit = 10.0 ** math.floor(math.log10(about))
    rounds = [m * unit for m in (1, 2, 5, 10) if m * unit >= 1.2 * best]
    return min(steps or rounds, key=lambda s: abs(math.log(s / about)))


def _first_at(k: np.ndarray, e: np.ndarray, goal: float) -> float:
    """The fewest households with an error of `goal`; `e` starts above it and is positive."""
    i = int(np.argmax(e <= goal))
    share = math.log(e[i - 1] / goal) / math.log(e[i - 1] / e[i])
    return float(k[i - 1] * (k[i] / k[i - 1]) ** share)


def _knee(k: np.ndarray, e: np.ndarray) -> int | None:
    """Where the error, going down in households, begins to rise: the largest change of slope; logarithms in, None without a bend."""
    found, most = None, 0.0
    for j in range(1, len(k) - 1):
        below, above = np.flatnonzero(k <= k[j] - math.log(_SPAN)), np.flatnonzero(k >= k[j] + math.log(_SPAN))
        if not (len(below) and len(above)) or e[0] - e[j] < math.log(2):
            continue
        i, n = below[-1], above[0]
        rise, before = (e[i] - e[j]) / (k[j] - k[i]), max((e[j] - e[n]) / (k[n] - k[j]), 0.0)
        if rise >= max(_STEEP, 2 * before) and rise - before > most:
            found, most = j, float(rise - before)
    return found


def _rounded(number: float) -> str:
    """Two digits, for 'about'."""
    return wording.count(float(f"{number:.1e}"))
