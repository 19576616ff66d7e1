"""What `machines.py` measures, each in a process of its own; figures are printed as JSON.

python tests/benchmarks/machines_acts.py ACT SETTINGS_AS_JSON
"""

from __future__ import annotations

import json
import resource
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

#: Seconds after which a process begins no further fit.
ENOUGH = 8.0
#: The largest problem: targets, households, and non-zeros of each target.
HUGE = (13_000, 5_200_000, 20_000)
EPOCHS = {"us": 500, "readme": 2000}


def machine() -> dict[str, Any]:
    """Names and versions that the figures belong to."""
    from importlib.metadata import PackageNotFoundError, version
    from importlib.util import find_spec

    import numpy as np
    import torch

    import l0engine

    try:  # its own __version__ is that of an older one
        theirs = version("l0-python")
    except PackageNotFoundError:
        theirs = "of unknown version" if find_spec("l0") else None
    return {
        "card": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "cuda": torch.version.cuda,
        "torch": torch.__version__,
        "mkl": torch.backends.mkl.is_available(),
        "numpy": np.__version__,
        "l0engine": l0engine.__version__,
        "l0_python": theirs,
    }


def fits(problem: str, device: str, repeat: int) -> dict[str, Any]:
    """Fit and refit of a problem, once and then again and again."""
    from compare import PROBLEMS

    from l0engine.calibration.config import Config
    from l0engine.calibration.problem.problem import Problem
    from l0engine.calibration.training.iteration import fit

    m, y, base, lambda_l0, lambda_l2 = PROBLEMS[problem]()
    p = Problem.create(m, y, base_weights=base)
    config = Config(lambda_l0=lambda_l0, lambda_l2=lambda_l2, epochs=EPOCHS[problem], stop_when_settled=False, device=device)
    runs, began = [], time.perf_counter()
    while len(runs) < min(2, 1 + repeat) or (len(runs) <= repeat and time.perf_counter() - began < ENOUGH):
        started, cpu = time.perf_counter(), time.process_time()
        result = fit(p, config)
        taken = {"seconds": time.perf_counter() - started, "cpu": time.process_time() - cpu}
        runs.append({**taken, "fit": result.fit_seconds, "refit": result.refit_seconds})
    later = sorted(runs[1:] or runs, key=lambda r: r["seconds"])
    quality = {"kept": result.final.kept, "median": result.final.median_abs_rel_error, "ess": result.final.ess}
    return {**later[len(later) // 2], "runs": len(runs), "first": runs[0]["seconds"], "device": result.device, **quality}


def l0_python(problem: str, device: str, epochs: int) -> dict[str, float]:
    """The seconds of all epochs of a problem, from those of a few; converting the matrix once is part of them."""
    from compare import PROBLEMS

    m, y, base, lambda_l0, _ = PROBLEMS[problem]()
    _seconds_l0(m, y, base, lambda_l0, device, 1)  # wakes the device
    converting, epoch = _seconds_l0(m, y, base, lambda_l0, device, epochs)
    return {"seconds": converting + EPOCHS[problem] * epoch, "epoch": epoch, "converting": converting, "measured": epochs}


def _seconds_l0(m: Any, y: Any, base: Any, lambda_l0: float, device: str, epochs: int) -> tuple[float, float]:
    """Seconds of converting the matrix, and of an epoch."""
    import torch
    from l0.calibration import SparseCalibrationWeights
    from scipy import sparse as sp

    m, model = sp.csr_matrix(m), SparseCalibrationWeights(n_features=m.shape[1], init_weights=base, seed=0, device=device)

    def seconds(epochs: int) -> float:
        started = time.perf_counter()
        model.fit(m, y, lambda_l0=lambda_l0, lr=0.15, epochs=epochs, loss_type="relative")
        if device == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - started

    once, epoch = seconds(1), seconds(epochs) / epochs
    return max(0.0, once - epoch), epoch


def weights(problem: str, device: str) -> dict[str, float]:
    """`SparseCalibrationWeights.fit`: seconds of an epoch, of all of them in one call, which converts the matrix."""
    from compare import PROBLEMS

    from l0engine.calibration.weights import SparseCalibrationWeights

    m, y, base, lambda_l0, _ = PROBLEMS[problem]()
    for epochs in (1, EPOCHS[problem]):  # the first one wakes the device
        model = SparseCalibrationWeights(m.shape[1], init_weights=base, seed=0, device=device)
        started = time.perf_counter()
        model.fit(m, y, lambda_l0=lambda_l0, lr=0.15, epochs=epochs, loss_type="relative")
        seconds = time.perf_counter() - started
    return {"seconds": seconds, "epoch": seconds / EPOCHS[problem]}


def step(problem: str) -> dict[str, float]:
    """Milliseconds of the parts of a training step, and of streaming the matrix twice."""
    from hot_step import WHOLE, measure

    _, floor, parts = measure(problem)
    return {"floors": parts[WHOLE] / floor, "floor": floor, **parts}


def national(epochs: int, device: str) -> dict[str, float]:
    """Fit, refit and six sizes of `scaling.py` at size 1."""
    from scaling import ours

    first = _wake(device)
    out = ours(1.0, epochs, device)
    return {"seconds": out["total"], "first": first, **out, "six": out["total"] - out["fit"] - out["refit"]}


def national_l0(epochs: int, device: str) -> dict[str, float]:
    from scaling import problem

    m, y, base = problem(1.0)
    converting, epoch = _seconds_l0(m, y, base, 1e-3, device, epochs)
    return {"epoch": epoch, "seconds": converting + 500 * epoch, "converting": converting, "measured": epochs}


def huge(epochs: int, device: str, size: float = 1.0) -> dict[str, float]:
    """A fit without its refit; memory of the matrix, and of the process when the problem stands."""
    from l0engine.calibration.config import Config
    from l0engine.calibration.problem.problem import Problem
    from l0engine.calibration.training.iteration import fit

    first, started = _wake(device), time.perf_counter()
    m, y, base = huge_problem(*(round(size * s) for s in HUGE))
    made, started = time.perf_counter() - started, time.perf_counter()
    p = Problem.create(m, y, base_weights=base)
    del m
    out: dict[str, float] = {"making": made, "problem": time.perf_counter() - started, "ready_mb": _resident_mb(), "nnz": p.matrix.nnz}
    out["matrix_mb"] = sum(a.nbytes for a in (p.matrix.data, p.matrix.indices, p.matrix.indptr)) / 1e6
    result = fit(p, Config(epochs=epochs, device=device, refit=False, stop_when_settled=False))
    kept = int((result.gated_weights > 0).sum())
    before = {"before": result.history[0].seconds, "before_step": result.history[0].step}
    return {**out, "seconds": result.fit_seconds, "first": first, **before, "kept": kept}


def huge_problem(targets: int, households: int, each: int) -> tuple[Any, Any, Any]:
    """Matrix (float32 and int32), values and base weights: every target has `each` households, one out of each stretch of equal length.

    That makes columns sorted and different without sorting. Odd targets count, even ones add up amounts.
    """
    import numpy as np
    from scipy import sparse as sp

    from l0engine.machine import cores

    stretch, blocks = households // each, 16 * -(-targets // 1600)
    base = np.random.default_rng(0).lognormal(6.0, 0.5, households).astype(np.float32)
    truth = base * np.random.default_rng(1).lognormal(0.0, 0.5, households).astype(np.float32)
    columns, data = np.empty((targets, each), np.int32), np.empty((targets, each), np.float32)
    values, starts = np.empty(targets), np.arange(each, dtype=np.int32) * stretch

    def fill(rows: np.ndarray) -> None:
        rng = np.random.default_rng([2, int(rows[0])])
        for i in rows:
            np.add(rng.integers(stretch, size=each, dtype=np.int32), starts, out=columns[i])
            data[i] = 1.0 if i % 2 else rng.standard_exponential(each, np.float32) + np.float32(0.01)
            values[i] = data[i] @ truth[columns[i]] * rng.normal(1.0, 0.01)

    with ThreadPoolExecutor(cores()) as pool:
        list(pool.map(fill, np.array_split(np.arange(targets), min(blocks, targets))))
    pointers = np.arange(0, targets * each + 1, each, dtype=np.int32)
    return sp.csr_array((data.ravel(), columns.ravel(), pointers), shape=(targets, households)), values, base


def _wake(device: str) -> float:
    """Seconds of a tiny fit, the first of its process."""
    import numpy as np

    from l0engine.calibration.config import Config
    from l0engine.calibration.problem.problem import Problem
    from l0engine.calibration.training.iteration import fit

    rng = np.random.default_rng(0)
    m, started = rng.random((10, 300)) * (rng.random((10, 300)) < 0.3), time.perf_counter()
    fit(Problem.create(m, m @ np.full(300, 2.0), base_weights=np.ones(300)), Config(epochs=50, device=device))
    return time.perf_counter() - started


def _resident_mb() -> float:
    """Memory of this process now, where the system says; else at its peak."""
    status = Path("/proc/self/statm")
    if status.exists():
        return int(status.read_text().split()[1]) * resource.getpagesize() / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


ACTS = {f.__name__: f for f in (machine, fits, l0_python, weights, step, national, national_l0, huge)}


def main() -> None:
    act, about = sys.argv[1:]
    figures = ACTS[act](**json.loads(about))
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized():
        figures["gpu_mb"] = torch.cuda.max_memory_allocated() / 1e6
    figures["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
