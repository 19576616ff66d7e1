"""A long matrix of about 540 MB as CSV through `load_problem`: CPU seconds and peak memory; to stay under 60 s and 3 GB.

``python tests/benchmarks/large_csv.py [MILLION_ROWS]``
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pcsv

from l0engine.io import load_problem

TARGETS, HOUSEHOLDS = 2000, 300_000


def write(folder: Path, rows: int) -> None:
    """Random entries, sorted by target, as programs write them."""
    rng = np.random.default_rng(0)
    names = [f"state{i // 40:02d}/measure{i % 40:02d}" for i in range(TARGETS)]
    pd.DataFrame({"target": names, "value": rng.uniform(1e3, 1e6, TARGETS).round(2)}).to_csv(folder / "targets.csv", index=False)
    ids = pa.array([f"h{i:06d}" for i in range(HOUSEHOLDS)])
    table = {
        "target": pa.array(names).take(pa.array(np.sort(rng.integers(0, TARGETS, rows)))),
        "household_id": ids.take(pa.array(rng.integers(0, HOUSEHOLDS, rows))),
        "value": pa.array(rng.integers(1, 6, rows) / 4),
    }
    pcsv.write_csv(pa.table(table), folder / "matrix.csv", pcsv.WriteOptions(quoting_style="none"))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        write(Path(scratch), int(1e6 * float(sys.argv[1] if len(sys.argv) > 1 else 18)))
        size = (Path(scratch) / "matrix.csv").stat().st_size / 1e6
        wall, cpu = time.perf_counter(), time.process_time()
        problem = load_problem(scratch)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"{size:,.0f} MB, {problem.matrix.nnz:,} entries: {wall:.1f} s, {cpu:.1f} s of CPU, at most {peak:.2f} GB")
