"""What limits an answer, decided from facts that do not depend on how it was found.

Each limit is a sentence for a person (what, where, remedy) and the targets it concerns. None of them is a proof: a target that is missed
although nothing forbids it may contradict others, or cost more evenness than the refit pays for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from l0engine.calibration.config import SOFT, Config
from l0engine.calibration.metrics import active, relative_errors
from l0engine.calibration.problem.bounds import Bounds
from l0engine.calibration.problem.margins import equal_margins, plain_number
from l0engine.calibration.problem.preflight import softened, targets_in_use
from l0engine.calibration.problem.problem import Problem
from l0engine.calibration.results import Certificate

#: A target is missed above the first of these errors, grossly missed above the second; below its floor, above the third.
MISSED, GROSS, FLOOR = 1e-3, 1e-2, 0.1
#: A weight is at a bound within this share of it.
AT_BOUND = 1e-6
#: A household stands for very many at this ratio to its base weight; or where it carries this share of a target with so much support.
RATIO, CARRIED, SUPPORT = 100.0, 0.2, 20
#: Targets named in a sentence.
NAMED = 3


@dataclass(frozen=True, eq=False)
class Limit:
    """One thing that keeps an answer from being better.

    Attributes
    ----------
    kind : str
        'cap', 'few', 'contradiction', 'concentration' or 'floor'.
    sentence : str
    targets : ndarray of int
        Row numbers of the targets concerned.
    """

    kind: str
    sentence: str
    targets: np.ndarray


@dataclass(frozen=True, eq=False)
class _Answer:
    """Weights with what is to be known of them; errors are absolute and 0 for targets that are not in use."""

    problem: Problem
    config: Config
    weights: np.ndarray
    kept: np.ndarray
    use: np.ndarray
    errors: np.ndarray
    at_bound: int

    @property
    def few(self) -> bool:
        return len(self.kept) < int(self.use.sum())

    @property
    def relaxed(self) -> np.ndarray:
        """Targets that may be missed, as they count for little by a setting or by their own weight; True, shape (n_targets,)."""
        weights = self.problem.target_weights
        usual = float(np.median(weights[self.use])) if self.use.any() else 0.0
        return softened(self.problem, self.config) | (weights <= SOFT * usual)

    def missed(self, by: float) -> np.ndarray:
        """Targets in use with a larger error, worst first."""
        rows = np.flatnonzero(self.errors > by)
        return rows[np.argsort(-self.errors[rows], kind="stable")]

    def named(self, rows: np.ndarray) -> str:
        """The first of some targets with their errors."""
        return ", ".join(f"'{self.problem.names[i]}' ({share(self.errors[i])})" for i in rows[:NAMED])


def limits(problem: Problem, config: Config, weights: np.ndarray) -> tuple[Limit, ...]:
    """What limits an answer; empty where nothing does, or nothing is kept.

    Parameters
    ----------
    weights : ndarray, shape (n_households,)
    """
    kept = np.flatnonzero(active(weights))
    if not len(kept):
        return ()
    use = targets_in_use(problem, config)
    errors = np.where(use, np.abs(relative_errors(problem, weights)), 0.0)
    answer = _Answer(problem, config, np.asarray(weights, float), kept, use, errors, _at_bound(problem, config, kept, weights[kept]))
    return tuple(limit for rule in (_cap, _few, _contradiction, _concentration, _floor) for limit in rule(answer))


def _at_bound(problem: Problem, config: Config, kept: np.ndarray, weights: np.ndarray) -> int:
    """Kept households whose weight a setting or a rule holds."""
    rules = problem.rules.at(kept)
    low, high = Bounds.of(config, problem.start_weights[kept], rules)
    at = weights >= high * (1 - AT_BOUND)
    if config.min_weight or rules.smallest.any():
        at |= weights <= low * (1 + AT_BOUND)
    return int(at.sum())


def _cap(a: _Answer) -> Iterator[Limit]:
    rows = a.missed(MISSED)
    if a.at_bound and len(rows):
        caps = {
            "max_ratio": f"{a.config.max_ratio or 0:g} times the base weight",
            "max_weight": f"at most {a.config.max_weight or 0:,.6g}",
            "min_weight": f"at least {a.config.min_weight or 0:,.6g}",
        }
        allowed = [words for name, words in caps.items() if getattr(a.config, name) is not None]
        what = ", ".join([*allowed, *(["limits of their own"] if a.problem.rules.given else [])])
        yield Limit(
            "cap",
            f"{a.at_bound:,} of {len(a.kept):,} households stand at the weight allowed ({what}), and {_targets(len(rows))} missed by more "
            f"than {share(MISSED)}: allow larger ratios, or keep more households.",
            rows,
        )


def _few(a: _Answer) -> Iterator[Limit]:
    rows = a.missed(MISSED)
    if a.few and len(rows):
        yield Limit(
            "few",
            f"{len(a.kept):,} households are fewer than the {a.use.sum():,} targets, so not all can be met: keep more, at a lower price "
            "of a household.",
            rows,
        )


def _contradiction(a: _Answer) -> Iterator[Limit]:
    rows = a.missed(GROSS)
    rows = rows[~(a.problem.below_floor | a.relaxed)[rows]]
    if a.few or a.at_bound or not len(rows):
        return
    yield Limit(
        "contradiction",
        f"{_targets(len(rows))} missed by more than {share(GROSS)} although there are more households than targets: they contradict "
        f"others, or meeting them would cost much evenness. Worst: {a.named(rows)}.",
        rows,
    )
    found = list(_unequal(a.problem, a.use))
    if found:
        more = f" There are {len(found) - 1:,} more such pairs." if len(found) > 2 else " There is 1 more such pair." if found[1:] else ""
        concerned = np.concatenate([both for _, both in found])
        yield Limit("contradiction", f"{found[0][0]}{more}", rows[np.isin(rows, concerned)])


def _unequal(problem: Problem, use: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Margins that count the same over households and publish different values: a sentence and the rows, each."""
    for margins in equal_margins(problem, use):
        for one, other in pairwise(margins):
            x, y = one.published, other.published
            if abs(x - y) > GROSS * max(abs(x), abs(y)):
                words = f"{one.title[0].upper()}{one.title[1:]} and {other.title} count the same, but are published as "
                yield f"{words}{plain_number(x, 4)} and {plain_number(y, 4)}.", np.concatenate([one.targets, other.targets])


def _concentration(a: _Answer) -> Iterator[Limit]:
    ratio = a.weights / a.problem.start_weights
    top, none = int(ratio.argmax()), np.zeros(0, int)
    if ratio[top] > RATIO:
        yield Limit(
            "concentration",
            f"One household stands for {a.weights[top]:,.0f}, {ratio[top]:,.0f} times its base weight: cap the ratio.",
            none,
        )
    m = a.problem.matrix
    parts = np.abs(m.data) * a.weights[m.indices]
    of = np.repeat(np.arange(a.problem.n_targets), np.diff(m.indptr))
    largest, whole = np.zeros(a.problem.n_targets), np.bincount(of, parts, a.problem.n_targets)
    np.maximum.at(largest, of, parts)
    carried = np.divide(largest, whole, out=np.zeros_like(whole), where=whole > 0)
    rows = np.flatnonzero(a.use & (carried > CARRIED) & (a.problem.support >= SUPPORT))
    if len(rows):
        rows = rows[np.argsort(-carried[rows], kind="stable")]
        worst = rows[0]
        name, support = a.problem.names[worst], a.problem.support[worst]
        one = f"'{name}' hangs on one household for {share(carried[worst])}, although {support:,} count in it"
        more = f"; {len(rows):,} targets hang on one for more than {share(CARRIED)}" if len(rows) > 1 else ""
        yield Limit("concentration", f"{one}{more}: cap the ratio, or keep more households.", rows)


def _floor(a: _Answer) -> Iterator[Limit]:
    rows = a.missed(FLOOR)
    rows = rows[a.problem.below_floor[rows]]
    if len(rows):
        few = f"{_targets(len(rows))} smaller than what one household adds, and missed by more than {share(FLOOR)}"
        yield Limit("floor", f"{few}: {a.named(rows)}. Leave such targets out, or accept their errors.", rows)


def proof(certificate: Certificate) -> str:
    """What a certificate proves, in a sentence."""
    if not certificate.useful:
        return "The bound says nothing at this size."
    gap = max(certificate.gap, 0.0)
    above = "this reaches it" if gap < 5e-6 else f"this is {share(gap)} above it"
    return f"No {certificate.k:,} households can do better than the proven bound, error and unevenness together; {above}."


def share(x: float) -> str:
    """A share in per cent, with two digits below 10 %; nothing less rounds up to 100 %, or down to 0."""
    value = 100 * x
    if 0 < value < 1e-3:
        return "< 0.001 %"
    if 99.95 <= value < 100:
        return "> 99.9 %"
    return f"{value:,.0f} %" if value >= 9.95 else f"{float(f'{value:.2g}'):.10g} %"


def _targets(n: int) -> str:
    return "1 target is" if n == 1 else f"{n:,} targets are"


def kinds(found: Sequence[Limit], n_targets: int) -> np.ndarray:
    """The kinds of limits that name each target, joined by '; ', shape (n_targets,); empty text where none does."""
    out = np.full(n_targets, "", object)
    for limit in found:
        for row in limit.targets:
            out[row] = limit.kind if not out[row] else out[row] if limit.kind in out[row].split("; ") else f"{out[row]}; {limit.kind}"
    return out
