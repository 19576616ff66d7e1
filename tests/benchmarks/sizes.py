"""Problems at the two ends: a million households for ten totals, and fifty households for twenty thousand totals.

    python tests/benchmarks/sizes.py [--only households,targets]

Fit and refit are asked to take less than 30 s and 3 GB each. Each problem is a process of its own, whose peak memory counts the
problem itself; `before` is what the process held when the problem was ready.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from scipy import sparse as sp

from l0engine.jobs.supervisor import worker_environment

sys.path.insert(0, str(Path(__file__).parents[1]))


def many_households():
    """Two variables of categories and a net income, 10 x 1,000,000."""
    import reported

    return reported.net_income(0, 1_000_000)


def many_targets():
    """Totals in which about a third of fifty households have a part, 20,000 x 50, off by 1 % from what weights can do."""
    from l0engine.calibration.problem.problem import Problem

    rng = np.random.default_rng(0)
    m = rng.lognormal(1.0, 1.0, (20_000, 50)) * (rng.random((20_000, 50)) < 0.3)
    m[~m.any(axis=1), 0] = 1.0
    base = rng.uniform(50, 150, 50)
    values = m @ (base * rng.uniform(0.7, 1.3, 50)) * rng.normal(1.0, 0.01, 20_000)
    return Problem.create(sp.csr_array(m), values, base_weights=base)


PROBLEMS = {"households": many_households, "targets": many_targets}


def peak() -> float:
    """Peak memory of this process in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def child(name: str) -> None:
    from l0engine.calibration.config import Config
    from l0engine.calibration.training.iteration import fit

    problem = PROBLEMS[name]()
    before, cpu, started = peak(), time.process_time(), time.perf_counter()
    result = fit(problem, Config())
    figures = {
        "wall": time.perf_counter() - started,
        "cpu": time.process_time() - cpu,
        "fit": result.fit_seconds,
        "refit": result.refit_seconds,
    }
    m = result.final
    said = {} if m is None else {"kept": m.kept, "median": m.median_abs_rel_error, "largest": m.max_abs_rel_error, "ess": m.ess}
    print(json.dumps({**figures, "before": before, "peak": peak(), **said, "message": result.message}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(PROBLEMS))
    parser.add_argument("--child", help=argparse.SUPPRESS)
    a = parser.parse_args()
    if a.child:
        child(a.child)
        return
    print(f"{'':>12}{'fit':>8}{'refit':>8}{'cpu':>8}{'before':>9}{'peak':>9}{'kept':>11}{'median':>9}{'largest':>9}")
    for name in a.only.split(","):
        command = [sys.executable, __file__, "--child", name]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=os.environ | worker_environment(slots=1))
        r = json.loads(done.stdout.splitlines()[-1])
        kept, median, largest = r.get("kept", 0), r.get("median", np.nan), r.get("largest", np.nan)
        print(
            f"{name:>12}{r['fit']:7.1f}s{r['refit']:7.1f}s{r['cpu']:7.1f}s{r['before']:7.2f}GB{r['peak']:7.2f}GB"
            f"{kept:11,}{median:9.4f}{largest:9.4f}  {r['message']}",
            flush=True,
        )


if __name__ == "__main__":
    main()
