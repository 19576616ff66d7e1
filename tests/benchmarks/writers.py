"""Fifty writers in two processes: ``python tests/benchmarks/writers.py [HOME]``; how long an append takes, and whether any is lost."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from l0engine.calibration.config import Config
from l0engine.calibration.results import Snapshot
from l0engine.jobs.records import Calibration
from l0engine.jobs.store import Store

#: Writers of a process, snapshots each, and seconds between two of one writer, as of a fit.
WRITERS, SNAPSHOTS, EVERY = 25, 40, 0.25


def write(home: Path) -> list[float]:
    """Seconds of each append of one process."""
    store = Store(home)

    def one(number: int) -> list[float]:
        run, took = store.queue(Calibration("0" * 64, Config())).id, []
        time.sleep(EVERY * number / WRITERS)
        for step in range(SNAPSHOTS):
            began = time.perf_counter()
            store.append(run, Snapshot(step, 100, 0.5, 1.0, 0.25, 0.125, 0.35, 3, 0.0, 1.0, (0,) * 20, (0.1,) * 5, 2.5))
            took.append(time.perf_counter() - began)
            time.sleep(max(0.0, EVERY - took[-1]))
        return took

    with ThreadPoolExecutor(WRITERS) as pool:
        return [t for took in pool.map(one, range(WRITERS)) for t in took]


def main() -> None:
    home = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp())
    if len(sys.argv) > 2:
        print(json.dumps(write(home)))
        return
    pair = [subprocess.Popen([sys.executable, __file__, str(home), "write"], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    took = np.array([t for process in pair for t in json.loads(process.communicate()[0])])
    store = Store(home)
    there = sum(len(store.snapshots(run.id)) for run in store.runs(limit=1000))
    asked = 2 * WRITERS * SNAPSHOTS
    print(f"{asked:,} snapshots of {2 * WRITERS} writers in 2 processes: {asked - there} lost")
    print("ms: " + ", ".join(f"p{p} {1000 * np.percentile(took, p):.1f}" for p in (50, 95, 99)) + f", most {1000 * took.max():.0f}")


if __name__ == "__main__":
    main()
