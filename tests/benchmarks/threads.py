"""Fit and refit of the US problem by number of threads, on a quiet machine and beside a busy loop: the least seconds of some runs.

    python tests/benchmarks/threads.py [--repeat 3] [--epochs 500]

Each run is a process of its own, with the environment of a worker. Starred is the number of threads that a worker takes for it here.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

from l0engine.jobs.supervisor import worker_environment
from l0engine.machine import MOST, cores, environment, suitable

COMPARE = Path(__file__).with_name("compare.py")


class Busy:
    """A process that keeps one core busy."""

    def __enter__(self) -> None:
        self._process = subprocess.Popen([sys.executable, "-c", "while True: pass"])

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()


def run(threads: int, epochs: int) -> float:
    """Seconds of fit and refit."""
    command = [sys.executable, str(COMPARE), "us", "--method", "l0engine", "--epochs", str(epochs)]
    settings = os.environ | worker_environment(slots=1) | environment(threads)
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=settings)
    return float(json.loads(done.stdout.splitlines()[-1])["seconds"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=500)
    a = parser.parse_args()
    taken = min(suitable(2_678_000, 200_576), MOST, cores())
    counts = [n for n in (1, 2, 4, 8, 16, 32) if n <= cores()]
    least = {(n, how): float("inf") for n in counts for how in ("quiet", "busy")}
    for _ in range(a.repeat):  # in turns, so that whatever else the machine does slows all alike
        for n, how in least:
            with Busy() if how == "busy" else nullcontext():
                least[n, how] = min(least[n, how], run(n, a.epochs))
    print(f"{cores()} cores\n{'threads':>8}{'quiet':>9}{'busy':>9}{'ratio':>8}")
    for n in counts:
        quiet, busy = least[n, "quiet"], least[n, "busy"]
        print(f"{n:7}{'*' if n == taken else ' '}{quiet:9.2f}{busy:9.2f}{busy / quiet:8.2f}")


if __name__ == "__main__":
    main()
