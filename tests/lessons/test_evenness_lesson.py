"""Four sets of weights against the problem's matrix and SciPy's linear programme; the challenge and its board."""

import json

import numpy as np
import pytest
from scipy.optimize import linprog

from l0engine.errors import L0Error
from l0engine.lessons.board import KEPT, LONGEST, Board, nickname
from l0engine.lessons.made import challenge, evenness
from l0engine.lessons.shown.challenge import Attempt, ChallengeAsk, FrontierAsk
from l0engine.lessons.shown.evenness import EvennessAsk


def test_the_four_sets():
    shown, problem = evenness.show(EvennessAsk()), evenness.survey(0)
    matrix = problem.matrix.toarray()
    errors = (shown.weights @ matrix.T - problem.values) / problem.values
    np.testing.assert_allclose(shown.errors, errors, atol=1e-12)
    np.testing.assert_allclose(shown.medians, np.median(np.abs(errors), 1))
    np.testing.assert_allclose(shown.worst, np.abs(errors).max(1))
    assert shown.kept.tolist() == np.count_nonzero(shown.weights, axis=1).tolist()
    np.testing.assert_allclose(shown.ess, [w.sum() ** 2 / (w @ w) for w in shown.weights])
    np.testing.assert_allclose(shown.largest, shown.weights.max(1) / 100)
    assert shown.medians[2] < 0.001 < shown.medians[1]  # the refit
    assert shown.kept[3] <= 12 and shown.ess[3] < shown.ess[2] / 2  # the corner


def test_the_corner_is_a_solution_of_the_linear_programme():
    problem = evenness.survey(1)
    a = problem.matrix.toarray() / problem.values[:, None]
    n, q = a.shape[1], a.shape[0]
    cost = np.append(np.zeros(n), np.ones(2 * q))
    found = linprog(cost, A_eq=np.hstack([a, np.eye(q), -np.eye(q)]), b_eq=np.ones(q), bounds=(0, None), method="highs-ds")
    corner = evenness.corner(1)
    assert np.abs(a @ corner - 1).sum() == pytest.approx(found.fun, abs=1e-6) and np.count_nonzero(corner) <= q


def test_softness_buys_evenness_with_error():
    tight, soft = (evenness.show(EvennessAsk(price=1.6, soft=s)) for s in ("0.0001", "1"))
    assert tight.medians[2] < soft.medians[2] and tight.ess[2] < soft.ess[2]


def test_an_attempt_is_scored_by_its_weights():
    problem, found = evenness.survey(0), challenge.attempt(ChallengeAsk(price=1.6))
    off = np.abs(problem.matrix @ found.weights / problem.values - 1)
    assert (found.kept, found.median, found.worst) == (
        np.count_nonzero(found.weights),
        pytest.approx(np.median(off)),
        pytest.approx(off.max()),
    )
    assert found.ess == pytest.approx(found.weights.sum() ** 2 / (found.weights**2).sum())
    assert found.counts == (found.median <= 0.05 and found.ess >= found.kept / 2)


def made(kept, median=0.01, ess=None):
    return Attempt(np.zeros(0), np.zeros(0), kept, median, 2 * median, kept if ess is None else ess)


def test_what_counts():
    assert made(10).counts and made(10, 0.05, 5.0).counts
    assert not made(10, 0.051).counts and not made(10, 0.01, 4.99).counts and not made(0).counts


@pytest.mark.slow
def test_the_frontier_is_of_real_weights():
    shown, problem = challenge.frontier_of(FrontierAsk(seed=1)), evenness.survey(1)
    assert [a.kept for a in shown.attempts] == sorted((a.kept for a in shown.attempts), reverse=True)
    for a in shown.attempts:
        assert a.median == pytest.approx(np.median(np.abs(problem.matrix @ a.weights / problem.values - 1)))
    best = shown.best
    assert best is not None and best.counts and best.kept == min(a.kept for a in shown.attempts if a.counts)


def test_the_board_shows_the_best_of_each_name(home):
    board, ask = Board(home), ChallengeAsk(seed=3)
    assert board.best(3) == []
    for name, kept, median in (("Ada", 30, 0.02), ("Bo", 25, 0.03), ("ADA", 24, 0.04), ("Cy", 25, 0.01), ("Ada", 40, 0.001)):
        board.enter(name, ask, made(kept, median))
    board.enter("Ada", ChallengeAsk(seed=4), made(3))
    assert [(e.name, e.kept, e.median) for e in board.best(3)] == [("ADA", 24, 0.04), ("Cy", 25, 0.01), ("Bo", 25, 0.03)]
    assert board.best(3)[0].settings == ask.texts()
    with pytest.raises(L0Error, match="does not count"):
        board.enter("Di", ask, made(10, 0.2))


def test_names_are_data(home):
    board = Board(home)
    for name in ("../../etc/passwd", "<b>Eve</b>", "a\x00b\n\u202ec" * 4, "x" * LONGEST):
        board.enter(name, ChallengeAsk(), made(20))
    assert {e.name for e in board.best(0)} == {"../../etc/passwd", "<b>Eve</b>", "a b ca b ca b ca b c", "x" * LONGEST}
    files = list((home / "challenge").iterdir())
    assert len(files) == 4 and all(f.parent == home / "challenge" and f.stem.isalnum() for f in files)
    for empty in ("", "  ", "\x00\u200b"):
        with pytest.raises(L0Error, match="empty"):
            nickname(empty)
    with pytest.raises(L0Error, match=f"has {LONGEST + 1} letters: {LONGEST} at most"):
        board.enter("x" * (LONGEST + 1), ChallengeAsk(), made(20))


def test_the_board_keeps_its_best_and_survives_damage(home):
    board = Board(home)
    board.enter("Ada", ChallengeAsk(), made(20))
    entry = next((home / "challenge").iterdir()).read_text()
    for i in range(KEPT + 5):
        (home / "challenge" / f"{i:03d}.json").write_text(json.dumps({**json.loads(entry), "name": f"n{i}", "kept": 30 + i}))
    (home / "challenge" / "damaged.json").write_text("{")
    board.enter("Bo", ChallengeAsk(), made(10))
    best = board.best(0)
    assert len(best) == KEPT and [e.name for e in best[:2]] == ["Bo", "Ada"]
