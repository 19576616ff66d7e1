"""The drift ledger: what the weights did to every column of the households that they were not asked about."""

from __future__ import annotations

import numpy as np
import pandas as pd

from l0engine.calibration.problem.margins import SAME, margins_in
from l0engine.calibration.problem.problem import Problem
from l0engine.explain.households import labelled

#: Quantiles of a number that are followed.
QUANTILES = (0.1, 0.5, 0.9)
#: Numbers of no more distinct values, and texts, are followed value by value, as far as these are no more than the second.
FEW_VALUES, MOST_VALUES = 12, 60
#: By default a figure has moved where it changed by more than this share of itself; a share, by so many hundredths.
BAND = 0.05


def drift(problem: Problem, weights: np.ndarray, use: np.ndarray, band: float = BAND) -> pd.DataFrame:
    """Every attribute before and after.

    Parameters
    ----------
    weights : ndarray, shape (n_households,)
    use : ndarray of bool, shape (n_targets,)
        Targets in use: columns that one of them, or a whole margin of them, adds up are marked as targets.
    band : float
        A change beyond it counts as moved.

    Returns
    -------
    DataFrame
        What moved most first: column, what ('total', 'mean', '10 %' and other quantiles, '= value'), before (at base weights, brought to
        the size of the totals), after, change (relative for totals and means; of quantiles, as a share of the distance between the first
        and the last of them before; in shares of 1 for the share of a value), moved, target (whose total it is; '' where nobody asked).
    """
    asked = _asked(problem, use)
    rows: list[tuple[str, str, float, float, float]] = []
    before, after = problem.start_weights, np.asarray(weights, np.float64)
    for column in problem.attributes.columns:
        values = problem.attributes[column]
        number = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
        if number:
            x = values.to_numpy(float, na_value=np.nan)
            figures = _figures(x, before, after)
            low, high = (dict(figures)[_percent(q)][0] for q in (QUANTILES[0], QUANTILES[-1]))
            for what, pair in figures:
                size = high - low if what.endswith("%") else 0.0
                rows.append((str(column), what, *pair, _relative(*pair, size)))
        if not number or values.nunique() <= FEW_VALUES:
            rows += [(str(column), f"= {value}", *pair, pair[1] - pair[0]) for value, pair in _shares(values, before, after)]
    out = pd.DataFrame(rows, columns=["column", "what", "before", "after", "change"])
    out["moved"] = out["change"].abs() > band
    out["target"] = [asked.get(c, "") if w == "total" else "" for c, w in zip(out["column"], out["what"], strict=True)]
    return out.iloc[np.argsort(-out["change"].abs().fillna(np.inf).to_numpy(), kind="stable")].reset_index(drop=True)


def _at(ordered: np.ndarray, held: np.ndarray, share: float) -> float:
    """The least of rising values at or below which at least so much of the weight lies, which `held` adds up; NaN without weight."""
    if not len(held) or not held[-1] > 0:
        return float("nan")
    return float(ordered[min(int(np.searchsorted(held, share * held[-1] * (1 - 1e-12))), len(ordered) - 1)])


def _figures(x: np.ndarray, before: np.ndarray, after: np.ndarray) -> list[tuple[str, tuple[float, float]]]:
    known = np.isfinite(x)
    x, pair = x[known], (before[known], after[known])
    totals = tuple(float(x @ w) for w in pair)
    sums = tuple(float(w.sum()) for w in pair)
    out = [("total", totals), ("mean", tuple(t / s if s > 0 else np.nan for t, s in zip(totals, sums, strict=True)))]
    order = np.argsort(x, kind="stable")
    ordered, held = x[order], [np.cumsum(w[order]) for w in pair]
    out += [(_percent(q), tuple(_at(ordered, h, q) for h in held)) for q in QUANTILES]
    return [(what, (a, b)) for what, (a, b) in out]


def _shares(values: pd.Series, before: np.ndarray, after: np.ndarray) -> list[tuple[str, tuple[float, float]]]:
    codes, labels = labelled(values)
    if len(labels) > MOST_VALUES:
        return []
    sums = [np.bincount(codes, w, len(labels)) for w in (before, after)]
    shares = [s / s.sum() if s.sum() > 0 else s for s in sums]
    return [(str(label), (float(shares[0][i]), float(shares[1][i]))) for i, label in enumerate(labels)]


def _relative(before: float, after: float, size: float = 0.0) -> float:
    if before == after:
        return 0.0
    size = size or abs(before)
    return (after - before) / size if size else float("nan")


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _asked(problem: Problem, use: np.ndarray) -> dict[str, str]:
    """Columns of numbers that the households of a target, or of a margin of targets, add up: by name, what it is called.

    As in `margins`, sums are the same where they agree on two sets of weights drawn at random.
    """
    drawn = np.random.default_rng(0).uniform(0.5, 1.5, (problem.n_households, 2))
    seen, margins = problem.matrix @ drawn, list(margins_in(problem, np.flatnonzero(use)))
    sums = np.array([seen[m.targets].sum(axis=0) for m in margins]).reshape(-1, 2)
    out = {}
    for column in problem.attributes.select_dtypes("number").columns:
        own = np.nan_to_num(problem.attributes[column].to_numpy(float, na_value=0.0)) @ drawn
        alike = np.flatnonzero((np.abs(sums - own) <= 1e3 * SAME * np.abs(own)).all(axis=1) & (own != 0).all())
        if len(alike):
            out[str(column)] = margins[alike[0]].title
    return out
