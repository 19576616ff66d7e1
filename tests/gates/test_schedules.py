import l0
import numpy as np
import pytest

from l0engine import TemperatureScheduler
from l0engine.errors import ConfigError
from l0engine.schedules import SCHEDULES


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("ends", [(2.0, 0.1), (0.3, 1.7), (0.5, 0.5)])
@pytest.mark.parametrize("epochs", [0, 1, 7, 100])
def test_temperatures_are_those_of_the_established_package(schedule, ends, epochs):
    ours, theirs = TemperatureScheduler(*ends, epochs, schedule), l0.TemperatureScheduler(*ends, epochs, schedule)
    at = range(epochs + 3)
    np.testing.assert_allclose([ours.get_temperature(e) for e in at], [theirs.get_temperature(e) for e in at], rtol=1e-12)


def test_worked_by_hand():
    assert TemperatureScheduler(4.0, 1.0, 2, "exponential").get_temperature(1) == pytest.approx(2.0)
    assert TemperatureScheduler(4.0, 1.0, 3, "linear").get_temperature(1) == pytest.approx(3.0)
    assert TemperatureScheduler(4.0, 1.0, 3, "cosine").get_temperature(1) == pytest.approx(1 + 3 * 0.75)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"initial_temp": 0.0}, "initial_temp is 0"),
        ({"final_temp": float("nan")}, "final_temp is nan"),
        ({"anneal_epochs": -1}, "anneal_epochs is -1"),
        ({"schedule": "sine"}, "no schedule 'sine': choose one of exponential, linear, cosine"),
    ],
)
def test_bad_settings_are_refused_in_one_sentence(settings, message):
    with pytest.raises(ConfigError, match=message):
        TemperatureScheduler(**settings)


def test_epochs_count_from_0():
    with pytest.raises(ConfigError, match="epoch is -1"):
        TemperatureScheduler().get_temperature(-1)
