"""Pruned networks on the digits that ship with scikit-learn, five seeds, against the targets.

    python tests/benchmarks/pruning.py [mlp] [conv]

Each seed holds out other images and starts elsewhere. Targets, of the fully connected network: at least 90 % of the weights gone,
at most 1 point of test accuracy lost against the dense one, more right than magnitude pruning at the same number of weights, at
least 3 times fewer multiply-adds, faster at a batch of 256, outputs equal.
"""

from __future__ import annotations

from l0engine.machine import calm_threads

if __name__ == "__main__":
    calm_threads()  # before NumPy and torch are loaded

import statistics
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from l0engine.draining import drain
from l0engine.jobs.task import Context
from l0engine.studies.pruning.run import run as carry_out
from l0engine.studies.pruning.settings import PruningStudy

STUDIES = {"mlp": PruningStudy(), "conv": PruningStudy(network="conv", hidden=32, lambda_l0=0.2, epochs=120, batch_size=64)}
SEEDS = range(5)
NETWORKS = ("dense", "compact", "magnitude", "small", "anew")


def one(study: PruningStudy) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        result = drain(carry_out(Context(study, Path(folder), lambda: False))).result
    before, after = result.report.before, result.report.after
    return {
        "gone": 100 * (1 - result.weights["compact"] / result.weights["dense"]),
        **{name: 100 * result.right[name] / result.test for name in NETWORKS},
        "multiply-adds": before.multiply_adds / after.multiply_adds,
        "speed": before.seconds / after.seconds,
        "difference": result.difference,
        "seconds": result.seconds,
    }


def run(name: str) -> None:
    rows = [one(replace(STUDIES[name], seed=seed)) for seed in SEEDS]
    columns = list(rows[0])
    print(f"\n{name}: {STUDIES[name]}")
    print(f"{'seed':>5}" + "".join(f"{c:>14}" for c in columns))
    for seed, row in zip(SEEDS, rows, strict=True):
        print(f"{seed:>5}" + "".join(f"{row[c]:>14.3g}" if c == "difference" else f"{row[c]:>14.2f}" for c in columns))
    mean = {c: statistics.mean(row[c] for row in rows) for c in columns}
    print(f"{'mean':>5}" + "".join(f"{mean[c]:>14.3g}" if c == "difference" else f"{mean[c]:>14.2f}" for c in columns))
    kept = {
        "90 % of the weights gone, every seed": all(row["gone"] >= 90 for row in rows),
        "at most 1 point lost, mean": mean["dense"] - mean["compact"] <= 1,
        "more right than magnitude pruning, every seed": all(row["compact"] > row["magnitude"] for row in rows),
        "3 times fewer multiply-adds, every seed": all(row["multiply-adds"] >= 3 for row in rows),
        "faster at a batch of 256, every seed": all(row["speed"] > 1 for row in rows),
        "outputs equal to 1e-5, every seed": all(row["difference"] < 1e-5 for row in rows),
    }
    for target, met in kept.items():
        print(f"  {'met   ' if met else 'MISSED'}  {target}")


if __name__ == "__main__":
    for chosen in sys.argv[1:] or STUDIES:
        run(chosen)
