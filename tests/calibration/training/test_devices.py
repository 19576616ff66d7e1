"""Which device 'auto' takes, on a machine that is told to have a GPU."""

from dataclasses import replace

import oracles
import pytest
import torch

from l0engine.calibration.config import Config
from l0engine.calibration.problem.system import CPU
from l0engine.calibration.training import devices
from l0engine.calibration.training.devices import choose_device, gave_out, solver_device
from l0engine.errors import ConfigError

PROBLEM, CONFIG = oracles.random_problem(1, targets=10, households=300), Config()
CUDA = torch.device("cuda")


@pytest.fixture
def gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Card 9")


def test_without_a_gpu_there_is_no_choice_and_no_word_of_it(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device(PROBLEM, CONFIG) == (CPU, "")


@pytest.mark.parametrize(("seconds", "device", "said"), [(0.5, "cpu", "so small that Card 9"), (60.0, "cuda", "It ran on Card 9")])
def test_auto_takes_the_gpu_where_it_will_be_faster_and_says_why(gpu, monkeypatch, seconds, device, said):
    monkeypatch.setattr(devices, "estimated_seconds", lambda *_: seconds)
    found = choose_device(PROBLEM, CONFIG)
    assert found.device.type == device and said in found.sentence


def test_a_device_that_is_asked_for_is_taken_without_a_word(gpu):
    for name in ("cpu", "cuda"):
        assert choose_device(PROBLEM, replace(CONFIG, device=name)) == (torch.device(name), "")


def test_a_device_that_is_not_there_is_named():
    if not torch.backends.mps.is_available():
        with pytest.raises(ConfigError, match=r"'mps'.*choose 'auto' or 'cpu'"):
            choose_device(PROBLEM, replace(CONFIG, device="mps"))


def test_solvers_work_where_there_is_double_precision():
    assert [solver_device(torch.device(name)).type for name in ("cpu", "cuda", "mps")] == ["cpu", "cuda", "cpu"]


def test_what_a_device_did_in_words():
    assert gave_out(torch.OutOfMemoryError("no room"), CUDA) == "ran out of memory"
    assert gave_out(RuntimeError("CUDA error: unspecified launch failure"), CUDA) == "was lost"
    assert gave_out(RuntimeError("shapes do not match"), CUDA) == ""
    assert gave_out(torch.OutOfMemoryError("no room"), CPU) == ""
