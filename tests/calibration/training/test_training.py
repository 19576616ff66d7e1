import io
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import oracles
import pytest
import torch
from further import further

from l0engine.calibration.config import Config
from l0engine.calibration.metrics import effective_sample_size, relative_errors
from l0engine.calibration.problem.problem import Problem
from l0engine.calibration.results import ERROR_QUANTILES, Status
from l0engine.calibration.training import iteration as module
from l0engine.calibration.training import trainer
from l0engine.calibration.training.checkpoint import TrainingState
from l0engine.calibration.training.devices import Choice
from l0engine.calibration.training.iteration import fit, iterate
from l0engine.errors import ConfigError, ProblemError
from l0engine.hard_concrete import _moment_table
from l0engine.heeding import heeding
from l0engine.io import load_problem

PROBLEM = oracles.random_problem(1, targets=10, households=300)
#: On the CPU, whose results are the same to the bit; `test_cuda.py` holds a GPU to them.
CONFIG = Config(lambda_l0=3e-3, epochs=200, device="cpu")
GATED = ["expected", "sampled"]


def drain(run):
    snapshots = []
    while True:
        try:
            snapshots.append(next(run))
        except StopIteration as end:
            return end.value, snapshots


def saved_states(config, problem=PROBLEM):
    states = []
    result, _ = drain(iterate(problem, config, save=lambda copied: states.append(copied())))
    return result, states


def same(a, b):
    assert a.gated_weights.tobytes() == b.gated_weights.tobytes()
    assert a.weights.tobytes() == b.weights.tobytes()
    assert [replace(s, seconds=0.0, where="") for s in a.history] == [replace(s, seconds=0.0, where="") for s in b.history]


@pytest.fixture(scope="module")
def whole():
    """The fit that nothing disturbs."""
    return fit(PROBLEM, CONFIG)


@pytest.mark.parametrize("estimator", [*GATED, "ungated"])
def test_a_fit_meets_the_targets(estimator):
    result = fit(PROBLEM, replace(CONFIG, estimator=estimator))
    assert result.status is Status.STEP_LIMIT
    assert result.final.median_abs_rel_error < 0.005
    assert (result.final.kept == 300) if estimator == "ungated" else (10 <= result.final.kept < 200)
    assert result.refitted.mean_abs_rel_error <= result.gated.mean_abs_rel_error
    assert np.abs(relative_errors(PROBLEM, result.weights)).mean() == pytest.approx(result.final.mean_abs_rel_error)
    assert ((result.gated_weights > 0) >= (result.weights > 0)).all()


def test_a_higher_price_keeps_fewer():
    kept = [fit(PROBLEM, replace(CONFIG, lambda_l0=price, refit=False, epochs=80)).final.kept for price in (1e-4, 1e-3, 1e-2)]
    assert kept == sorted(kept, reverse=True)
    assert kept[0] > kept[-1]


@pytest.mark.parametrize("estimator", GATED)
def test_runs_repeat_bit_for_bit_even_two_at_once(estimator):
    config = replace(CONFIG, estimator=estimator, seed=11, epochs=70)
    first = fit(PROBLEM, config)
    torch.manual_seed(5)
    with ThreadPoolExecutor(2) as pool:
        for other in pool.map(lambda _: fit(PROBLEM, config), range(2)):
            same(first, other)


def test_seeds_differ_and_leave_the_global_generators_alone():
    before, state = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    a, b = (fit(PROBLEM, replace(CONFIG, estimator="sampled", seed=s, refit=False, epochs=30)) for s in (1, 2))
    assert (a.weights != b.weights).any()
    assert torch.equal(torch.get_rng_state(), before)
    assert (np.random.get_state()[1] == state).all()  # noqa: NPY002


@pytest.mark.parametrize("estimator", GATED)
@pytest.mark.parametrize("annealed", [False, *further(True)])
def test_a_resumed_run_is_the_uninterrupted_one(estimator, annealed):
    config = replace(CONFIG, estimator=estimator, final_temperature=0.1 if annealed else None)
    whole, states = saved_states(config)
    for state in states[3], states[-2]:
        file = io.BytesIO()
        np.savez(file, **state.to_arrays())
        file.seek(0)
        resumed, _ = drain(iterate(PROBLEM, config, resume=TrainingState.from_arrays(np.load(file))))
        tail = tuple(s for s in whole.history if s.step > state.step)
        same(replace(whole, history=tail), resumed)


def test_a_state_of_another_problem_is_refused():
    _, states = saved_states(replace(CONFIG, epochs=2))
    with pytest.raises(ProblemError, match="another problem"):
        drain(iterate(oracles.random_problem(1, households=50), CONFIG, resume=states[0]))


@pytest.mark.parametrize("estimator", ["expected", *further("sampled")])
def test_dropping_dead_households_changes_little(monkeypatch, estimator):
    config = replace(CONFIG, estimator=estimator, epochs=400)
    dropping, states = saved_states(config)
    assert len(states[-1].alive) < 0.8 * 300
    monkeypatch.setattr(trainer, "COMPACT_EVERY", 10**9)
    keeping, states = saved_states(config)
    assert len(states[-1].alive) == 300
    assert dropping.final.kept == pytest.approx(keeping.final.kept, rel=0.25)
    assert dropping.final.mean_abs_rel_error == pytest.approx(keeping.final.mean_abs_rel_error, abs=0.005)
    if estimator == "expected":
        both = ((dropping.gated_weights > 0) & (keeping.gated_weights > 0)).sum()
        assert both > 0.8 * keeping.final.kept


def test_stopping_leaves_refitted_weights():
    calls = []
    run = iterate(PROBLEM, CONFIG, should_stop=lambda: len(calls) >= 51 or calls.append(1))
    result, snapshots = drain(run)
    assert result.status is Status.STOPPED
    assert "51 of 200" in result.message
    assert snapshots[-1].step == 51
    assert result.refitted is not None
    assert result.weights.sum() > 0


@pytest.mark.parametrize("changes", [{"lambda_l0": 1e-2}, *further({"estimator": "ungated"})], ids=str)
def test_a_settled_run_ends_early_with_the_weights_of_a_full_one(changes):
    config = replace(CONFIG, epochs=1000, price_l2=0.1, **changes)  # a price of uneven weights settles it long before the end
    settled, states = saved_states(config)
    full = fit(PROBLEM, replace(config, stop_when_settled=False))
    assert (settled.status, full.status) == (Status.CONVERGED, Status.STEP_LIMIT)
    assert settled.message == f"Settled after {settled.history[-1].step:,} of 1,000 epochs."
    assert settled.history[-1].step < 1000 == full.history[-1].step
    assert settled.final.kept == pytest.approx(full.final.kept, abs=2)
    assert len({s.kept for s in settled.history[-3:]}) == 1
    resumed, _ = drain(iterate(PROBLEM, config, resume=states[-3]))
    assert resumed.weights.tobytes() == settled.weights.tobytes()


def test_stopping_before_the_first_step():
    result, snapshots = drain(iterate(PROBLEM, replace(CONFIG, init_keep_prob=0.9), should_stop=lambda: True))
    assert (result.status, [s.step for s in snapshots]) == (Status.STOPPED, [0])
    assert result.final is not None


def test_stopping_before_any_gate_is_open_does_not_blame_the_price_alone():
    result, _ = drain(iterate(PROBLEM, replace(CONFIG, jitter=0.0), should_stop=lambda: True))  # all gates start alike, and shut
    assert result.status is Status.DIVERGED
    assert result.message.startswith("Stopped after 0 of 200 epochs. No gate was open yet: let it run longer")


def test_nothing_kept_is_said_with_the_remedy():
    result = fit(oracles.random_problem(targets=4, households=40), replace(CONFIG, lambda_l0=1e5, epochs=60))
    assert result.status is Status.DIVERGED
    assert not result.status.has_result
    assert "lower the price of a household (λ L0 is now 100000)" in result.message
    assert (result.weights == 0).all()
    assert result.final is None


@pytest.mark.parametrize("estimator", [*GATED, "ungated"])
def test_a_wild_learning_rate_ends_in_a_sentence_or_in_numbers(estimator):
    result = fit(
        oracles.random_problem(targets=4, households=12), replace(CONFIG, estimator=estimator, learning_rate=10.0, lambda_l0=0.0, epochs=60)
    )
    assert np.isfinite(result.weights).all()
    assert result.status is not Status.DIVERGED or result.message


def test_an_overflow_is_called_diverged():
    wild = Problem.create(-PROBLEM.matrix, -PROBLEM.values, base_weights=np.full(300, 1e37))  # no positive target says how large they are
    result = fit(wild, replace(CONFIG, loss="mse", learning_rate=10.0))
    assert result.status is Status.DIVERGED
    assert "lower learning_rate (now 10)" in result.message
    assert (result.weights == 0).all()


def test_squares_of_huge_targets_stay_finite():
    huge = Problem.create(PROBLEM.matrix, PROBLEM.values * 1e10, base_weights=PROBLEM.base_weights * 1e10)
    assert huge.values.max() > 1e13
    result = fit(huge, replace(CONFIG, loss="mse", estimator="ungated", lambda_l2=0.0))
    assert result.status is Status.STEP_LIMIT
    assert np.isfinite([s.loss for s in result.history]).all()
    assert result.final.median_abs_rel_error < 0.01


@pytest.mark.parametrize(("refit", "estimator"), [(True, "sampled"), (False, "expected"), *further((True, "expected"), (False, "sampled"))])
def test_no_weight_passes_the_largest_ratio(refit, estimator):
    config = replace(CONFIG, refit=refit, estimator=estimator)
    free = fit(PROBLEM, config)
    capped = fit(PROBLEM, replace(config, max_ratio=3.0))
    assert free.final.max_weight_ratio > 3.0
    assert capped.gated.max_weight_ratio <= 3.0 * (1 + 1e-5)
    assert capped.final.max_weight_ratio <= 3.0 * (1 + 1e-5)


def test_annealing_goes_down_by_a_constant_factor():
    temperatures = [
        s.temperature for s in fit(PROBLEM, replace(CONFIG, epochs=20, temperature=0.8, final_temperature=0.4, refit=False)).history
    ]
    assert temperatures[0] == pytest.approx(0.8, rel=0.05)
    assert temperatures[-1] == pytest.approx(0.4)
    ratios = np.divide(temperatures[1:-1], temperatures[:-2])
    np.testing.assert_allclose(ratios, ratios[0], rtol=1e-9)
    assert ratios[0] < 1


def test_annealing_moves_in_stages_since_every_temperature_costs_a_table(monkeypatch):
    monkeypatch.setattr(trainer, "SNAPSHOTS", 10)
    before = _moment_table.cache_info().misses
    fit(PROBLEM, replace(CONFIG, epochs=40, temperature=0.81, final_temperature=0.11, refit=False))
    assert _moment_table.cache_info().misses - before <= trainer.SNAPSHOTS + 1


@pytest.mark.parametrize("estimator", [*GATED, "ungated"])
def test_snapshots_agree_with_the_weights(estimator):
    result = fit(PROBLEM, replace(CONFIG, estimator=estimator, refit=False))
    assert [s.step for s in result.history] == list(range(2, 201, 2))
    for s in result.history:
        assert s.gate_zero + s.gate_one + sum(s.gate_counts) / 300 == pytest.approx(1)
        assert s.gate_zero == pytest.approx(1 - s.kept / 300)
    last, w = result.history[-1], result.gated_weights
    assert last.kept == (w > 0).sum()
    assert last.ess == pytest.approx(effective_sample_size(w), rel=1e-5)
    errors = np.quantile(np.abs(relative_errors(PROBLEM, w)), ERROR_QUANTILES)
    np.testing.assert_allclose(last.error_quantiles, errors, atol=1e-5)


def test_the_loss_comes_down(whole):
    history = whole.history
    assert history[-1].loss < 0.5 * history[0].loss
    ungated = fit(PROBLEM, replace(CONFIG, estimator="ungated", lambda_l2=0.0)).history[-1]
    assert ungated.l0_loss == ungated.l2_loss == 0


def test_excluded_targets_are_as_if_they_were_not_there():
    dense = PROBLEM.matrix.toarray()
    thin = np.zeros((1, 300))
    thin[0, :2] = 1.0
    more = Problem.create(np.vstack([thin, dense]), [1e5, *PROBLEM.values], base_weights=PROBLEM.base_weights)
    config = replace(CONFIG, refit=False, epochs=60)
    without, excluded, included = fit(PROBLEM, config), fit(more, replace(config, exclude=("thin",))), fit(more, config)
    assert without.weights.tobytes() == excluded.weights.tobytes()
    assert (included.weights != without.weights).any()


@pytest.mark.slow
def test_relaxed_targets_count_a_hundredth_and_give_way():
    """As if their own weight were a hundredth; of two totals that contradict each other the one that is kept comes out nearer."""
    dense = PROBLEM.matrix.toarray()
    values, names = [*PROBLEM.values, 1.5 * PROBLEM.values[0]], [*PROBLEM.names, "again"]
    parts = {"names": names, "base_weights": PROBLEM.base_weights}
    more = Problem.create(np.vstack([dense, dense[:1]]), values, **parts)
    weights = np.append(np.ones(PROBLEM.n_targets), 0.01)
    by_hand = Problem.create(np.vstack([dense, dense[:1]]), values, target_weights=weights, **parts)
    relaxed, alike, kept = fit(more, replace(CONFIG, soften=("duplicate",))), fit(by_hand, CONFIG), fit(more, CONFIG)
    assert relaxed.weights.tobytes() == alike.weights.tobytes()
    near, between = (abs(relative_errors(PROBLEM, r.weights)[0]) for r in (relaxed, kept))
    assert near < between / 3 and between > 0.1


def test_no_usable_target_is_refused():
    with pytest.raises(ProblemError, match="No target can be used"):
        fit(Problem.create([[1.0, 1.0]], [-5.0], base_weights=[1, 1]), CONFIG)


def test_a_device_this_machine_lacks_is_named():
    if not torch.cuda.is_available():
        with pytest.raises(ConfigError, match=r"'cuda'.*'cpu'"):
            fit(PROBLEM, replace(CONFIG, device="cuda"))


def on_another_device(monkeypatch, fails_at, error):
    """Pretend to run on a device other than the CPU that gives out at a step."""

    class Small(trainer.Trainer):
        def __init__(self, system, config, device, *rest):
            self._small = device.type != "cpu"
            if self._small and fails_at is None:
                raise error
            super().__init__(system, config, torch.device("cpu"), *rest)

        def advance(self):
            if self._small and self.step == fails_at:
                raise error
            super().advance()

    monkeypatch.setattr(module, "Trainer", Small)
    monkeypatch.setattr(module, "choose_device", lambda *_: Choice(torch.device("meta")))


@pytest.mark.parametrize("fails_at", [None, 151, *further(0, 37)])
def test_a_device_out_of_memory_hands_over_to_the_cpu(monkeypatch, whole, fails_at):
    on_another_device(monkeypatch, fails_at, torch.OutOfMemoryError("no room"))
    result = fit(PROBLEM, CONFIG)
    same(whole, result)
    assert result.device == "cpu"
    assert result.message == f"The meta device ran out of memory; the run went on from step {fails_at or 0} on the CPU."


@pytest.mark.parametrize(("every", "from_step"), [(0.0, 150), (1e9, 0)])
def test_a_device_that_is_lost_hands_over_from_the_last_state_that_was_copied(monkeypatch, whole, every, from_step):
    monkeypatch.setattr(module, "COPY_SECONDS", every)
    on_another_device(monkeypatch, 151, RuntimeError("CUDA error: unspecified launch failure"))
    result = fit(PROBLEM, CONFIG)
    same(whole, result)
    assert result.message == f"The meta device was lost; the run went on from step {from_step} on the CPU."


def test_an_error_of_the_program_is_not_blamed_on_the_device(monkeypatch):
    on_another_device(monkeypatch, 5, RuntimeError("shapes do not match"))
    with pytest.raises(RuntimeError, match="shapes"):
        fit(PROBLEM, CONFIG)


def test_a_device_that_gives_out_in_the_refit_leaves_it_to_the_cpu(monkeypatch, whole):
    conclude, concluded = module.conclude, module._concluded

    def full(problem, config, system, *rest):
        if system.device.type == "cuda":
            raise torch.OutOfMemoryError("no room")
        return conclude(problem, config, system, *rest)

    monkeypatch.setattr(module, "conclude", full)
    elsewhere = torch.device("cuda")
    monkeypatch.setattr(module, "_concluded", lambda p, c, system, *rest: concluded(p, c, system.on(elsewhere), *rest))
    result = fit(PROBLEM, CONFIG)
    same(whole, result)
    assert result.message == "The cuda device ran out of memory; the weights were refitted on the CPU."


def test_the_cpu_out_of_memory_is_an_error(monkeypatch):
    def full(*_):
        raise torch.OutOfMemoryError("no room")

    monkeypatch.setattr(trainer, "Objective", full)
    with pytest.raises(torch.OutOfMemoryError):
        fit(PROBLEM, CONFIG)


def test_one_household_and_one_target():
    result = fit(Problem.create([[2.0]], [10.0], base_weights=[1.0]), replace(CONFIG, lambda_l0=0.0))
    assert result.weights == pytest.approx([5.0], rel=1e-2)


def test_totals_that_are_all_0_are_refused_where_nothing_fixes_the_size():
    """Means and shares alone: no weights at all meet them."""
    problem = Problem.create([[1.0, -1.0, 2.0], [2.0, -3.0, -1.0]], [0.0, 0.0], scales=[10.0, 10.0])
    with pytest.raises(ProblemError, match="keeping nobody meets them; add a total"):
        fit(problem, Config(epochs=2))
    assert fit(problem, Config(epochs=2, total="exact")).weights.any()


@pytest.mark.parametrize("config", [Config(budget=12, epochs=40), Config(max_median_error=0.05, epochs=40)])
def test_a_stop_while_households_are_chosen_is_heeded_and_leaves_an_answer_of_the_size_that_was_asked_for(config):
    rng = np.random.default_rng(7)
    matrix = rng.poisson(1.0, (4, 20)).astype(float)
    problem = Problem.create(matrix, matrix @ rng.uniform(3, 9, 20), base_weights=np.full(20, 5.0))
    steps, looks = iterate(problem, config), []

    def asked() -> bool:  # training looks elsewhere: these are looks while households are chosen
        looks.append(1)
        return len(looks) > 3

    with heeding(asked):
        result, _ = drain(steps)
    whole = fit(problem, config)
    assert result.status is Status.STOPPED and "those that carry most are kept" in result.message
    assert whole.status is not Status.STOPPED and whole.refitted is not None and result.refitted is not None
    assert result.refitted.kept == (config.budget or result.gated.kept)
    if config.budget:  # by hand: the twelve with the largest share of the loss
        carried = result.gated_weights**2 * ((matrix / problem.values[:, None]) ** 2).sum(axis=0)
        assert set(np.flatnonzero(result.weights)) == set(np.argsort(-carried)[:12])


def test_a_long_run_is_looked_at_early_as_well_and_ends_in_the_same_bits(monkeypatch):
    config = Config(epochs=4000, lambda_l0=1e-2, price_l2=0.1, jitter=0.0, device="cpu", refit=False)  # it settles soon
    early = fit(oracles.random_problem(), config)
    assert [s.step for s in early.history][:6] == [8, 16, 32, 40, 80, 120]
    monkeypatch.setattr(trainer, "EARLY", 4000)
    late = fit(oracles.random_problem(), config)
    assert early.status is late.status is Status.CONVERGED  # it settles where it did
    assert early.gated_weights.tobytes() == late.gated_weights.tobytes()
    assert [(s.step, s.loss) for s in early.history][3:] == [(s.step, s.loss) for s in late.history]


def test_households_that_the_targets_press_to_nothing_are_told_of():
    matrix = np.array([[1.0, 1, 1], [1, 1, 0], [0, 1, 1]])  # 100 = 60 + 40 leaves nothing for the second
    problem = Problem.create(matrix, [100.0, 60.0, 40.0], base_weights=np.full(3, 50.0))
    result = fit(problem, Config(estimator="ungated", mu=1e-10, device="cpu"))
    np.testing.assert_allclose(result.weights, [60, 0, 40], atol=1e-4)
    assert result.weights[1] == 0 and result.final.kept == 2
    assert result.message == "The targets pressed 1 of all households to next to nothing: their weight is 0."


def test_households_chosen_anew_all_have_a_weight_that_counts():
    """Five meet all totals and a sixth is pressed to nothing: sizes double and halve, so that six are the nearest that is tried."""
    n, zero = 110, np.arange(110) >= 5
    matrix = np.vstack([*(np.arange(n) % 5 == row for row in range(5)), zero]).astype(float)
    problem = Problem.create(matrix, [100.0, 80.0, 60.0, 90.0, 70.0, 0.0], base_weights=np.full(n, 4.0))
    shut = Config(init_keep_prob=1e-3, epochs=1, jitter=0.0, learning_rate=1e-6, mu=1e-9, device="cpu")
    result = fit(problem, shut)
    assert "so 5 households were chosen anew" in result.message and result.final.kept == 5
    np.testing.assert_allclose(result.weights, np.where(zero, 0.0, [100.0, 80.0, 60.0, 90.0, 70.0] * 22), rtol=1e-6)


@pytest.mark.slow
def test_households_of_a_survey_chosen_anew_all_have_a_weight_that_counts():
    problem = load_problem(Path(__file__).parents[3] / "sample_data" / "new_england")
    result = fit(problem, Config(estimator="sampled", epochs=150, seed=3, device="cpu"))
    kept = result.weights > 0
    assert f"so {kept.sum()} households were chosen anew" in result.message and result.final.kept == kept.sum()
    assert (result.weights[kept] > 1e-3 * problem.base_weights[kept]).all()
