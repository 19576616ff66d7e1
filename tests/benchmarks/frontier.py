"""The US problem's frontier: ten sizes from one fit of l0engine, against one fit of l0-python 0.6.2; each in a process of its own.

    python tests/benchmarks/frontier.py [--repeat 3]

Errors are plain abs(estimate / value - 1), recomputed here from the weights. Writes frontier.json beside this file for `pictures.py`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from compare import l0_python, us_problem

from l0engine.jobs.supervisor import worker_environment

BUDGETS = (20_000, 16_000, 12_000, 9_000, 7_000, 5_000, 3_763, 2_000, 1_000, 500)


def figures(m, y, weights: np.ndarray) -> dict[str, float]:
    error, kept = np.abs(m @ weights / y - 1), weights[weights > 0]
    return {
        "kept": len(kept),
        "mean": float(error.mean()),
        "median": float(np.median(error)),
        "ess": float(kept.sum() ** 2 / (kept @ kept)),
    }


#: The fast way, without relaxation: one fit that keeps enough for the largest budget, in few and large steps.
SETTINGS = {"lambda_l0": 3.1e-4, "lambda_l2": 1e-12, "epochs": 280, "learning_rate": 0.27, "temperature": 0.3, "mu": 8e-5, "refit": False}
SETTINGS |= {"relax": False}


def ours() -> dict:
    from l0engine.calibration.config import Config
    from l0engine.calibration.frontier.path import frontier
    from l0engine.calibration.problem.problem import Problem
    from l0engine.calibration.training.iteration import fit

    m, y, base, _, _ = us_problem()
    problem = Problem.create(m, y, base_weights=base)
    started = time.perf_counter()
    result = fit(problem, Config(**SETTINGS))
    points = list(frontier(problem, result, BUDGETS))
    seconds = time.perf_counter() - started
    rows = [{**figures(m, y, p.full(m.shape[1])), "seconds": p.seconds} for p in points]
    return {"seconds": seconds, "fit": result.fit_seconds, "gated": int((result.gated_weights > 0).sum()), "points": rows}


def theirs() -> dict:
    m, y, base, _, _ = us_problem()
    seconds, weights, _ = l0_python(m, y, base, 1e-3, 0.0, 500)
    return {"seconds": seconds, "points": [figures(m, y, weights)]}


def run(method: str) -> dict:
    command = [sys.executable, __file__, "--method", method]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=os.environ | worker_environment(slots=1))
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=3, help="runs of l0engine; their median counts")
    parser.add_argument("--only", action="store_true", help="leave l0-python out")
    parser.add_argument("--method", choices=("ours", "theirs"), help=argparse.SUPPRESS)
    a = parser.parse_args()
    if a.method:
        print(json.dumps({"ours": ours, "theirs": theirs}[a.method]()))
        return
    runs = [run("ours") for _ in range(a.repeat)]
    r = sorted(runs, key=lambda r: r["seconds"])[len(runs) // 2]
    each = ", ".join(f"{x['seconds']:.2f}" for x in runs)
    print(f"l0engine: {r['seconds']:.2f} s in all ({each}), fit {r['fit']:.2f} s, {r['gated']:,} kept by it")
    for p in r["points"]:
        print(
            f"{p['kept']:9,} kept   mean {p['mean']:.4f}   median {p['median']:.5f}   ESS {p['ess']:7,.0f}   {p['seconds']:.2f} s",
            flush=True,
        )
    if not a.only:
        other = run("theirs")
        p = other["points"][0]
        print(
            f"l0-python: {other['seconds']:.1f} s\n{p['kept']:9,} kept   mean {p['mean']:.4f}   median {p['median']:.5f}   ESS {p['ess']:7,.0f}"
        )
        print(f"time x {other['seconds'] / r['seconds']:.1f}")
        Path(__file__).with_suffix(".json").write_text(json.dumps({"l0engine": r, "l0-python": other}, indent=1) + "\n")


if __name__ == "__main__":
    main()
