"""What a run needs of memory, as estimated before its start and as its process came to: ``python tests/benchmarks/memory.py [--epochs 60]``.

Each run is a worker process of its own, as the dashboard starts it; its peak is that of the system's books. The estimate is asked to be
between 0.7 and 2 times the peak.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from l0engine.calibration.config import Config
from l0engine.io import load_problem
from l0engine.jobs.disk.room import needs
from l0engine.jobs.store import Store
from l0engine.jobs.supervisor import worker_environment

SAMPLES = Path(__file__).parents[2] / "sample_data"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--only", default="massachusetts,new_england,us")
    given = parser.parse_args()
    print(f"{'':>14}{'households':>12}{'entries':>12}{'estimate':>10}{'peak':>9}{'ratio':>7}")
    for name in given.only.split(","):
        with tempfile.TemporaryDirectory() as home:
            store = Store(home)
            record = store.add_problem(load_problem(SAMPLES / name), name)
            run = store.create_run(record.sha, Config(epochs=given.epochs, device="cpu"))
            command = [sys.executable, "-m", "l0engine.jobs.worker", run.id, "--home", home]
            child = subprocess.Popen(command, env=os.environ | worker_environment(slots=1))
            peak = os.wait4(child.pid, 0)[2].ru_maxrss * 1024
            status, estimate = store.run(run.id).status, needs(record).memory
        print(
            f"{name:>14}{record.n_households:12,}{record.nnz:12,}{estimate / 1e9:8.2f}GB{peak / 1e9:7.2f}GB{estimate / peak:7.2f}  {status}",
            flush=True,
        )


if __name__ == "__main__":
    main()
