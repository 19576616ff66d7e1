"""Settings that change while a fit runs: the same bits however they come, and the fit that such settings give from the start."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from further import further
from test_training import CONFIG, PROBLEM, drain, same

from l0engine.calibration.config import Config
from l0engine.calibration.results import Status
from l0engine.calibration.training import trainer
from l0engine.calibration.training.iteration import fit, iterate
from l0engine.calibration.training.steering import Change, all_steered, steered
from l0engine.errors import ConfigError
from l0engine.hard_concrete import _moment_table

CHANGES = [Change(30, "lambda_l0", 6e-3), Change(30, "lambda_l2", 1e-7), Change(77, "temperature", 0.5), Change(120, "learning_rate", 0.05)]


def run(config, changes=(), resume=None):
    states = []
    result, _ = drain(iterate(PROBLEM, config, save=lambda copied: states.append(copied()), resume=resume, changes=changes))
    return result, states


@pytest.mark.parametrize("estimator", ["expected", *further("sampled")])
def test_changes_lead_to_the_same_bits_however_they_come(estimator):
    config = replace(CONFIG, estimator=estimator)
    known, states = run(config, CHANGES)
    assert known.gated_weights.tobytes() != fit(PROBLEM, config).gated_weights.tobytes()
    on_the_way, _ = run(config, lambda step: [c for c in CHANGES if c.step <= step])
    same(on_the_way, known)
    same(run(config, CHANGES[::-1][1:] + CHANGES[-1:])[0], known)  # in any order, where steps differ
    for state in states[::19]:  # before, at and after each change
        again, _ = run(config, CHANGES, resume=state)
        assert again.weights.tobytes() == known.weights.tobytes(), f"from step {state.step}"


def test_what_changes_at_the_first_step_is_what_stands_in_the_settings():
    changes = [Change(0, "lambda_l0", 6e-3), Change(0, "price_l2", 1e-3), Change(0, "learning_rate", 0.1)]
    there = replace(CONFIG, lambda_l0=6e-3, price_l2=1e-3, learning_rate=0.1)
    steered, direct = run(CONFIG, changes)[0], fit(PROBLEM, there)
    assert steered.weights.tobytes() == direct.weights.tobytes() and steered.config == CONFIG
    assert [s.loss for s in steered.history] == [s.loss for s in direct.history]


def test_a_run_that_goes_on_is_one_of_as_many_epochs():
    short, states = run(replace(CONFIG, stop_when_settled=False, epochs=100))
    longer = fit(PROBLEM, replace(CONFIG, stop_when_settled=False, epochs=130))
    more = [Change(100, "epochs", 130), Change(100, "stop_when_settled", False)]
    on, _ = run(short.config, more, resume=states[-1])
    assert on.weights.tobytes() == longer.weights.tobytes() and on.history[-1].step == 130 == on.history[-1].epochs
    known, _ = run(short.config, more)
    assert known.weights.tobytes() == longer.weights.tobytes() and [s.step for s in known.history if s.step > 100] == [*range(102, 131, 2)]


def test_a_settled_run_goes_on_where_it_was_and_a_resumed_one_stays_settled():
    config = replace(CONFIG, epochs=3000, price_l2=1e-2, lambda_l0=1e-2)
    settled, states = run(config)
    end = int(states[-1].step)
    assert settled.status is Status.CONVERGED and end < 3000
    assert run(config, resume=states[-1])[0].weights.tobytes() == settled.weights.tobytes()
    on, _ = run(config, [Change(end, "epochs", end + 40), Change(end, "stop_when_settled", False)], resume=states[-1])
    assert on.history[-1].step == end + 40


def test_an_annealed_temperature_stays_where_it_ended():
    config = replace(CONFIG, epochs=20, final_temperature=0.1, refit=False)
    _, states = run(config)
    on, _ = run(config, [Change(20, "epochs", 40)], resume=states[-1])
    assert {round(s.temperature, 12) for s in on.history} == {0.1}


def test_a_state_of_an_earlier_version_has_no_word_of_settling():
    whole, states = run(CONFIG)
    earlier = replace(states[50], settled=states[50].settled[:3])
    same(replace(run(CONFIG, resume=earlier)[0], history=()), replace(whole, history=()))


@pytest.mark.parametrize(
    ("config", "name", "value", "said"),
    [
        (Config(), "seed", 3, "seed cannot change"),
        (Config(budget=5), "learning_rate", 0.1, "budget by itself"),
        (Config(estimator="ungated"), "temperature", 0.4, "no part"),
        (Config(price_l0=0.0), "price_l0", 0.4, "no part"),
        (Config(), "temperature", 99.0, "between"),
        (Config(), "lambda_l0", None, "no value"),
    ],
)
def test_what_cannot_change_is_said(config, name, value, said):
    with pytest.raises(ConfigError, match=said):
        steered(config, name, value)


def test_a_new_price_takes_the_place_of_the_other_ways_to_say_it():
    config = all_steered(Config(lambda_l0=1e-3, share=2.0, lambda_l2=1e-9), [("price_l0", 0.2), ("price_l2", 1e-4)])
    assert (config.price_l0, config.lambda_l0, config.share, config.lambda_l2) == (0.2, None, None, None)
    assert all_steered(Config(share=2.0), [("lambda_l0", 1e-3)]).share is None
    annealed = Config(final_temperature=0.1)
    assert all_steered(annealed, [("temperature", 0.5)]).final_temperature is None
    assert np.isclose(all_steered(annealed, [("temperature", 0.5)]).temperature, 0.5)


def test_no_captured_step_makes_the_table_of_a_new_temperature(monkeypatch):
    """On a GPU that would be an error; here a captured step is one that is called."""

    class Graph:
        def __init__(self, act):
            self.replay = lambda: (act(), self.check())
            self.made = _moment_table.cache_info().misses

        def check(self):
            assert _moment_table.cache_info().misses == self.made

    monkeypatch.setattr(trainer, "captured", Graph)
    monkeypatch.setattr(trainer.Trainer, "_may_capture", lambda self: True)
    changes = [Change(30, "temperature", 0.4321), Change(61, "lambda_l0", 6e-3), Change(80, "temperature", 0.5432)]
    captured, _ = run(CONFIG, changes)
    monkeypatch.undo()
    assert captured.weights.tobytes() == run(CONFIG, changes)[0].weights.tobytes()
