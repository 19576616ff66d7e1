"""How time and memory grow: a problem with the shape of a national, state and district one, at several sizes.

    python tests/benchmarks/scaling.py [--sizes 0.03,0.1,0.3,1] [--epochs 500] [--theirs 10]

Size 1 is 32,633 targets x 337,704 households with about 32 million non-zeros. Each size is a process of its own; l0-python 0.6.2
trains `--theirs` epochs on the same data in another one, and its time for an epoch is compared. Prints a table, the slopes of a
log-log fit, and writes scaling.json beside this file for `pictures.py`.
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

HOUSEHOLDS = 337_704
#: Areas, variables in each, and the share of households with a value: nation, states, districts.
LEVELS = ((1, 1_225, 0.0435), (51, 120, 0.266), (436, 58, 0.30))
BUDGETS = (0.1, 0.05, 0.03, 0.02, 0.01, 0.005)


def problem(size: float, seed: int = 0):
    """Matrix (targets x households, float32), values and base weights; districts, and variables of the nation, shrink with the size."""
    rng = np.random.default_rng(seed)
    n = round(HOUSEHOLDS * size)
    parts, state, district = [], None, None
    for areas, variables, share in LEVELS:
        if areas == 436:
            areas = max(2, round(areas * size))
            district = rng.integers(areas, size=n)
            area = district
        elif areas == 51:
            areas = max(2, round(areas * size**0.5))
            state = rng.integers(areas, size=n)
            area = state
        else:
            variables, area = max(5, round(variables * size)), np.zeros(n, np.int64)
            share = min(1.0, share / max(size, 0.05) ** 0.5)
        each = rng.binomial(variables, share, n)
        household = np.repeat(np.arange(n, dtype=np.int32), each)
        variable = rng.integers(variables, size=len(household), dtype=np.int32)
        row = (area[household] * variables + variable).astype(np.int32)
        data = np.where(variable % 2, 1.0, rng.lognormal(0.0, 1.0, len(household))).astype(np.float32)
        parts.append(sp.csr_array((data, (row, household)), shape=(areas * variables, n)))
    m = sp.csr_array(sp.vstack(parts, format="csr"))
    m.sum_duplicates()
    base = rng.lognormal(6.0, 0.5, n)
    values = (m @ (base * rng.lognormal(0.0, 0.5, n))) * rng.normal(1.0, 0.01, m.shape[0])
    return m, values, base


def ours(size: float, epochs: int, device: str = "auto") -> dict[str, float]:
    from l0engine.calibration.config import Config
    from l0engine.calibration.frontier.path import frontier
    from l0engine.calibration.problem.problem import Problem
    from l0engine.calibration.training.iteration import fit

    m, values, base = problem(size)
    out = {"targets": m.shape[0], "households": m.shape[1], "nnz": m.nnz}
    started = time.perf_counter()
    p = Problem.create(m, values, base_weights=base)
    del m
    out["problem"] = time.perf_counter() - started
    started = time.perf_counter()
    result = fit(p, Config(lambda_l0=1e-3, epochs=epochs, stop_when_settled=False, device=device))
    out |= {"fit": result.fit_seconds, "refit": result.refit_seconds, "epoch": result.fit_seconds / epochs}
    out |= {"kept": result.final.kept, "median": result.final.median_abs_rel_error, "ess": result.final.ess}
    points = list(frontier(p, result, [max(2, round(b * result.gated.kept * 5)) for b in BUDGETS]))
    out |= {"total": time.perf_counter() - started, "points": len(points)}
    for point in points:
        print(
            f"    {point.budget:,} kept: median {point.measures.median_abs_rel_error:.4f}, ESS {point.measures.ess:,.0f}, {point.seconds:.1f} s",
            file=sys.stderr,
        )
    return out


def theirs(size: float, epochs: int) -> dict[str, float]:
    from l0.calibration import SparseCalibrationWeights

    m, values, base = problem(size)
    model = SparseCalibrationWeights(n_features=m.shape[1], init_weights=base, seed=0)
    model.fit(sp.csr_matrix(m), values, lambda_l0=1e-3, lr=0.15, epochs=1, loss_type="relative")  # converts the matrix
    started = time.perf_counter()
    model.fit(sp.csr_matrix(m), values, lambda_l0=1e-3, lr=0.15, epochs=epochs, loss_type="relative")
    return {"epoch": (time.perf_counter() - started) / epochs}


def child(method: str, size: float, epochs: int) -> None:
    figures = {"ours": ours, "theirs": theirs}[method](size, epochs)
    print(json.dumps({**figures, "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3}))


def run(method: str, size: float, epochs: int) -> dict[str, float]:
    from l0engine.jobs.supervisor import worker_environment

    command = [sys.executable, __file__, "--child", method, "--sizes", str(size), "--epochs", str(epochs)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=os.environ | worker_environment(slots=1))
    return json.loads(done.stdout.splitlines()[-1])


def slope(x: list[float], y: list[float]) -> float:
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="0.03,0.1,0.3,1")
    parser.add_argument("--epochs", type=int, default=500)
    parser.add_argument("--theirs", type=int, default=10, help="epochs of l0-python; 0 leaves it out")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    a = parser.parse_args()
    sizes = [float(s) for s in a.sizes.split(",")]
    if a.child:
        child(a.child, sizes[0], a.epochs)
        return
    rows = []
    print(
        f"{'non-zeros':>12}{'households':>12}{'targets':>9}{'fit':>8}{'refit':>8}{'all':>8}{'peak MB':>9}{'kept':>9}{'median':>9}{'epoch':>10}{'l0-python':>11}"
    )
    for size in sizes:
        r = run("ours", size, a.epochs)
        r["theirs"] = run("theirs", size, a.theirs)["epoch"] if a.theirs else float("nan")
        rows.append(r)
        print(
            f"{r['nnz']:12,.0f}{r['households']:12,.0f}{r['targets']:9,.0f}{r['fit']:7.1f}s{r['refit']:7.1f}s{r['total']:7.1f}s{r['peak_mb']:9,.0f}"
            f"{r['kept']:9,.0f}{r['median']:9.4f}{r['epoch'] * 1e3:8.1f}ms{r['theirs'] * 1e3:9.0f}ms  x {r['theirs'] / r['epoch']:.0f}",
            flush=True,
        )
    if len(rows) > 1:
        column = {name: [r[name] for r in rows] for name in rows[0]}
        for name in ("epoch", "total", "peak_mb"):
            print(
                f"slope of {name}: {slope(column['nnz'], column[name]):.2f} in non-zeros, {slope(column['households'], column[name]):.2f} in households"
            )
        Path(__file__).with_suffix(".json").write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
