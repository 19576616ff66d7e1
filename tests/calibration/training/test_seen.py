"""What looks see of single targets and households, held to dense algebra and to the weights of the run."""

import zlib

import numpy as np
from oracles import random_problem

from l0engine.calibration.config import Config
from l0engine.calibration.seen import GatePath, Seen, gate_path
from l0engine.calibration.training.iteration import iterate

CONFIG = Config(epochs=300, lambda_l0=3e-3, stop_when_settled=False, device="cpu", refit=False)


def run(problem, config=CONFIG):
    steps, seen = iterate(problem, config), []
    while True:
        try:
            seen.append(next(steps))
        except StopIteration as end:
            return seen, end.value


def test_the_last_look_saw_the_errors_of_the_weights_and_who_was_gone():
    problem = random_problem(targets=6)
    seen, result = run(problem)
    errors = np.frombuffer(seen[-1].seen.errors, "<f4")
    np.testing.assert_allclose(errors, problem.matrix.toarray() @ result.gated_weights / problem.values - 1, rtol=1e-3, atol=1e-5)
    quantiles = np.quantile(np.abs(errors), (0.05, 0.25, 0.5, 0.75, 0.95))
    np.testing.assert_allclose(quantiles, seen[-1].error_quantiles, rtol=1e-4)
    levels = np.frombuffer(zlib.decompress(seen[-1].seen.gates), np.uint8)
    assert 0 < (levels == 0).sum() < len(levels) and (result.gated_weights[levels == 0] == 0).all()
    assert sum(bool(s.seen.gates) for s in seen) == 20 and all(s.seen.errors for s in seen)


def test_the_same_seed_sees_the_same_bits():
    (one, _), (other, _) = run(random_problem()), run(random_problem())
    assert [s.seen for s in one] == [s.seen for s in other]


def test_no_gates_are_kept_of_a_fit_without_gates():
    seen, _ = run(random_problem(), Config(epochs=20, estimator="ungated", device="cpu", refit=False))
    assert not any(s.seen.gates for s in seen)


def test_a_household_is_followed_until_it_is_dropped():
    alive = (np.arange(3), np.array([0, 2]), np.array([0]))
    opened = (np.array([0.5, 0.25, 1.0]), np.array([0.6, 0.1]), np.array([0.0]))
    looks = [(10 * (i + 1), Seen.of(None, o, a, 3).gates) for i, (o, a) in enumerate(zip(opened, alive, strict=True))]
    paths = [gate_path(looks, j) for j in range(3)]
    np.testing.assert_allclose(paths[0].opened, [0.5, 0.6, 0.0], atol=0.5 / 254)
    np.testing.assert_allclose(paths[2].opened, [1.0, 0.1, np.nan], atol=0.5 / 254)
    assert [p.dropped for p in paths] == [None, (10, 20), (20, 30)]
    assert GatePath(np.zeros(0, int), np.zeros(0)).dropped is None and gate_path([], 1).dropped is None
