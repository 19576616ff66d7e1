import json
import math
from dataclasses import FrozenInstanceError, fields

import pytest

from l0engine.calibration.config import PRESETS, Config, settings
from l0engine.calibration.problem.preflight import _TEXTS
from l0engine.errors import ConfigError, L0Error

NUMBERS = [n for n, s in settings().items() if math.isfinite(s.low) and n != "group_multipliers"]


def test_defaults_are_valid_and_settings_cover_every_field():
    Config()
    assert list(settings()) == [f.name for f in fields(Config)]
    assert all(s.label and s.help.endswith(".") for s in settings().values())


@pytest.mark.parametrize("name", NUMBERS)
def test_every_bound_holds(name):
    s = settings()[name]
    for value in (s.low, s.high):
        assert getattr(Config(**{name: value}), name) == value
    step = 1 if name in ("epochs", "seed") else 0.5 * abs(s.low) + 1e-9
    for value in (s.low - step, s.high * 2 + 1, math.nan, math.inf, "many", True, [1], 10**400):
        with pytest.raises(ConfigError, match=name):
            Config(**{name: value})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"loss": "relativ"}, "loss is 'relativ': choose one of relative, mse, capped"),
        ({"estimator": "mean"}, "expected, sampled, ungated"),
        ({"device": "tpu"}, "auto, cpu, cuda, mps"),
        ({"exclude": ("thin", "thick")}, "exclude is 'thick'"),
        ({"soften": ("thick",)}, "soften is 'thick'"),
        ({"exclude": ("thin", "zero"), "soften": ("zero",)}, "'zero' is to be left out and to be relaxed"),
        ({"epochs": 2.5}, "whole number"),
        ({"refit": 1}, "true or false"),
        ({"price_l0": None}, "price_l0 is None"),
        ({"group_multipliers": {"a": -1}}, r"group_multipliers\[a\]"),
        ({"loss": "capped"}, "capped.*expected.*choose"),
    ],
)
def test_what_is_wrong_is_named_with_the_remedy(changes, message):
    with pytest.raises(ConfigError, match=message):
        Config(**changes)


def test_errors_are_value_errors_too():
    assert issubclass(ConfigError, ValueError)
    assert issubclass(ConfigError, L0Error)


def test_round_trip_through_json():
    config = Config(lambda_l0=0.5, exclude=["thin", "zero"], group_multipliers={"a": 2}, final_temperature=0.1, seed=2**53 - 1)
    assert Config.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_unknown_settings_are_refused():
    with pytest.raises(ConfigError, match=r"Unknown setting 'lambda'.*lambda_l0"):
        Config.from_dict({"lambda": 1})


def test_numbers_come_back_in_their_own_types():
    config = Config(epochs=10.0, lambda_l0=1, exclude="thin")
    assert type(config.epochs) is int
    assert type(config.lambda_l0) is float
    assert config.exclude == ("thin",)


def test_a_config_cannot_be_changed():
    multipliers = {"a": 1.0}
    config = Config(group_multipliers=multipliers)
    multipliers["a"] = 5.0
    assert config.group_multipliers["a"] == 1.0
    with pytest.raises(FrozenInstanceError):
        config.epochs = 3
    with pytest.raises(TypeError):
        config.group_multipliers["a"] = 2.0


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_valid(name):
    Config(**PRESETS[name].changes)
    assert PRESETS[name].sentence.endswith(".")


def test_excludable_findings_exist():
    assert set(settings()["exclude"].choices) <= set(_TEXTS)
