"""A training step of a gated layer against the ordinary one and l0-python 0.6.2: 784 inputs, 300 outputs, batches of 128.

python tests/benchmarks/layers.py [--steps 200]

A step is forward, backward and Adam. The layers take turns, step by step, so that whatever else the machine does slows all alike;
printed are the median, the least, and their ratios to nn.Linear's.
"""

from __future__ import annotations

from l0engine.machine import calm_threads

if __name__ == "__main__":
    calm_threads()  # before NumPy and torch are loaded

import argparse
import time
from collections.abc import Callable

import l0
import numpy as np
import torch
from torch import nn

from l0engine import L0Linear

INPUTS, OUTPUTS, BATCH = 784, 300, 128
LAYERS: dict[str, Callable[[], nn.Module]] = {
    "nn.Linear": lambda: nn.Linear(INPUTS, OUTPUTS),
    "L0Linear, a gate a weight": lambda: L0Linear(INPUTS, OUTPUTS),
    "L0Linear, a gate an input": lambda: L0Linear(INPUTS, OUTPUTS, group="input"),
    "L0Linear, a gate an output": lambda: L0Linear(INPUTS, OUTPUTS, group="output"),
    "l0-python's L0Linear": lambda: l0.layers.L0Linear(INPUTS, OUTPUTS),
}


def stepper(layer: nn.Module) -> Callable[[], None]:
    adam, x = torch.optim.Adam(layer.parameters()), torch.randn(BATCH, INPUTS)

    def step() -> None:
        adam.zero_grad()
        layer(x).square().mean().backward()
        adam.step()

    return step


def measure(steps: int) -> dict[str, np.ndarray]:
    """Milliseconds of each step, by layer."""
    act = {name: stepper(build()) for name, build in LAYERS.items()}
    times: dict[str, list[float]] = {name: [] for name in act}
    for _ in range(steps + 10):
        for name, step in act.items():
            started = time.perf_counter()
            step()
            times[name].append(1e3 * (time.perf_counter() - started))
    return {name: np.array(t[10:]) for name, t in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=200)
    times = measure(parser.parse_args().steps)
    plain = times["nn.Linear"]
    print(f"{'':30}{'median ms':>10}{'ratio':>7}{'least ms':>10}{'ratio':>7}")
    for name, t in times.items():
        median, least = float(np.median(t)), float(t.min())
        print(f"{name:30}{median:10.2f}{median / np.median(plain):7.2f}{least:10.2f}{least / plain.min():7.2f}")


if __name__ == "__main__":
    main()
