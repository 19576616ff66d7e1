"""Where a fit runs: the device that is asked for, or the one that will be faster; and what to do when a device gives out."""

from __future__ import annotations

from typing import NamedTuple

import torch

from l0engine.calibration.config import Config
from l0engine.calibration.problem.cost import estimated_seconds
from l0engine.calibration.problem.problem import Problem
from l0engine.calibration.problem.system import CPU
from l0engine.errors import ConfigError

#: A GPU takes about so many seconds to begin: what the CPU does in less is not worth it.
GPU_STARTS = 2.0


class Choice(NamedTuple):
    """A device, and why it was chosen; the sentence is empty where there was no choice."""

    device: torch.device
    sentence: str = ""


def choose_device(problem: Problem, config: Config) -> Choice:
    """The torch device for a problem and `Config.device`; 'auto' is the GPU where it will be faster than the CPU.

    Raises
    ------
    ConfigError
        This machine has no such device.
    """
    name, cuda = config.device, torch.cuda.is_available()
    if name == "auto":
        if not cuda:
            return Choice(CPU)
        card = torch.cuda.get_device_name()
        if estimated_seconds(problem, config) < GPU_STARTS:
            return Choice(CPU, f"It ran on the CPU: the problem is so small that {card} would take longer to begin.")
        return Choice(torch.device("cuda"), f"It ran on {card}: faster than the CPU for a problem of this size.")
    available = {"cpu": True, "cuda": cuda, "mps": torch.backends.mps.is_available()}
    if not available[name]:
        raise ConfigError(f"device is '{name}', which this machine or this build of torch does not have: choose 'auto' or 'cpu'.")
    return Choice(torch.device(name))


def solver_device(device: torch.device) -> torch.device:
    """Where the solvers work that need double precision: the device of the training, or the CPU where it has none."""
    return device if device.type == "cuda" else CPU


def gave_out(error: RuntimeError, device: torch.device) -> str:
    """What happened to a device, in words: 'ran out of memory' or 'was lost'; empty for an error that is not the device's."""
    if device.type == "cpu":
        return ""
    if isinstance(error, torch.OutOfMemoryError):
        return "ran out of memory"
    return "was lost" if "CUDA error" in str(error) or type(error).__name__ == "AcceleratorError" else ""
