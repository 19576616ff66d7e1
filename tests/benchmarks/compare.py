"""One fit of l0engine against one of l0-python 0.6.2, same problem, same run; each in a process of its own.

    pip install --no-deps l0-python==0.6.2
    python tests/benchmarks/compare.py us [--epochs 500]        the bundled US problem, targets with at least 5 households
    python tests/benchmarks/compare.py readme [--epochs 2000]   200 targets x 10,000 households, 30 % dense

Errors are plain abs(estimate / value - 1); peak memory is the process's own, data included. Machines are noisy: read ratios.
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

ROOT = Path(__file__).parents[2]


def us_problem():
    """Matrix, values and base weights of the bundled US problem, rows with support of at least 5."""
    from l0engine.io import load_problem

    p = load_problem(ROOT / "sample_data" / "us")
    rows = p.support >= 5
    return sp.csr_array(p.matrix[rows]), p.values[rows], np.array(p.base_weights), 1e-3, 1.6e-11


def readme_problem():
    """The problem of l0-python's README: random, 30 % dense, a planted solution of 500 households."""
    rng = np.random.default_rng(0)
    m = sp.random_array((200, 10_000), density=0.3, rng=rng, data_sampler=rng.random, format="csr", dtype=np.float64)
    truth = np.zeros(10_000)
    truth[rng.choice(10_000, 500, replace=False)] = rng.gamma(2.0, 1.0, 500)
    return sp.csr_array(m), m @ truth, np.ones(10_000), 1e-3, 1e-6


PROBLEMS = {"us": us_problem, "readme": readme_problem}


def l0_python(m, y, base, lambda_l0, lambda_l2, epochs):
    """Seconds of the fit, weights, and no parts."""
    from l0.calibration import SparseCalibrationWeights

    model = SparseCalibrationWeights(n_features=m.shape[1], init_weights=base, seed=0)
    started = time.perf_counter()
    model.fit(sp.csr_matrix(m), y, lambda_l0=lambda_l0, lr=0.15, epochs=epochs, loss_type="relative")
    seconds = time.perf_counter() - started
    return seconds, model.get_weights(deterministic=True).detach().numpy().astype(float), {}


def l0engine(m, y, base, lambda_l0, lambda_l2, epochs):
    """Seconds of fit and refit, weights, and the two parts."""
    from l0engine.calibration.config import Config
    from l0engine.calibration.problem.problem import Problem
    from l0engine.calibration.training.iteration import fit

    problem = Problem.create(m, y, base_weights=base)
    config = Config(lambda_l0=lambda_l0, lambda_l2=lambda_l2, epochs=epochs, stop_when_settled=False)
    started = time.perf_counter()
    result = fit(problem, config)
    seconds = time.perf_counter() - started
    return seconds, result.weights, {"fit": result.fit_seconds, "refit": result.refit_seconds}


METHODS = {"l0-python": l0_python, "l0engine": l0engine}


def child(name: str, method: str, epochs: int) -> None:
    """Measure one method and print its figures as JSON."""
    m, y, *rest = PROBLEMS[name]()
    seconds, w, parts = METHODS[method](m, y, *rest, epochs)
    error = np.abs(m @ w / y - 1)
    kept = w[w > 0]
    figures = {
        "seconds": seconds,
        "kept": len(kept),
        "mean": error.mean(),
        "median": float(np.median(error)),
        "ess": kept.sum() ** 2 / (kept @ kept),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
        **parts,
    }
    print(json.dumps({k: float(v) for k, v in figures.items()}))


def main() -> None:
    from l0engine.jobs.supervisor import worker_environment

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("problem", choices=PROBLEMS)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--repeat", type=int, default=3, help="runs of l0engine; their median counts")
    parser.add_argument("--method", choices=METHODS, help=argparse.SUPPRESS)
    a = parser.parse_args()
    epochs = a.epochs or {"us": 500, "readme": 2000}[a.problem]
    if a.method:
        child(a.problem, a.method, epochs)
        return
    print(f"{a.problem}, {epochs} epochs\n{'':12}{'seconds':>9}{'kept':>9}{'mean':>9}{'median':>9}{'ESS':>8}{'peak MB':>9}")
    rows = {}
    for method, repeat in (("l0engine", a.repeat), ("l0-python", 1)):
        runs = []
        for _ in range(repeat):
            environment = os.environ | worker_environment(slots=1)  # for both
            command = [sys.executable, __file__, a.problem, "--epochs", str(epochs), "--method", method]
            runs.append(
                json.loads(subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout.splitlines()[-1])
            )
        r = rows[method] = sorted(runs, key=lambda r: r["seconds"])[len(runs) // 2]
        parts = f"   fit {r['fit']:.1f} s, refit {r['refit']:.1f} s" if "fit" in r else ""
        print(
            f"{method:12}{r['seconds']:9.2f}{r['kept']:9,.0f}{r['mean']:9.4f}{r['median']:9.4f}{r['ess']:8,.0f}{r['peak_mb']:9,.0f}{parts}",
            flush=True,
        )
    ours, theirs = rows["l0engine"], rows["l0-python"]
    print(
        f"time x {theirs['seconds'] / ours['seconds']:.1f}   median error x {theirs['median'] / ours['median']:.1f}   "
        f"ESS ratio {ours['ess'] / theirs['ess']:.2f}   kept {ours['kept']:,.0f} against {theirs['kept']:,.0f}"
    )


if __name__ == "__main__":
    main()
