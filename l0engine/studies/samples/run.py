"""How a sample study is carried out: the rows are chosen, then other designs of the same size are drawn to compare."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from l0engine.io.whole import write_arrays
from l0engine.jobs.task import Context, Ending
from l0engine.selection.cube import balanced
from l0engine.selection.designs import random, random_part, stratified
from l0engine.selection.selected import SampleSnapshot
from l0engine.selection.standardised import Standardised
from l0engine.selection.wanted import together
from l0engine.studies.samples.result import SampleResult
from l0engine.studies.samples.settings import SampleStudy, checked_figures

#: Samples drawn of a design that is only compared with; the one whose largest difference is in the middle is told of.
#: The cube method, slow and much the same from draw to draw, draws one.
DRAWS = {"random": 9, "stratified": 9, "cube": 1}


def run(job: Context) -> Generator[SampleSnapshot, None, Ending[SampleResult]]:
    """Choose the rows, write selected.npz (indices, types), compare.

    Raises
    ------
    ConfigError, ProblemError
        A setting is out of bounds, or a column is not fit for what is asked of it.
    """
    study: SampleStudy = job.task
    frame = pq.read_table(job.folder / "table.parquet").to_pandas()
    study.check(len(frame))
    started = time.perf_counter()
    features, groups = _figures(frame, study)
    designs = _designs(frame, features, job)
    rounded = swaps = None
    if study.method in designs:
        indices, types = designs[study.method](study.seed), np.full(study.n, study.method)
    else:
        from l0engine.selection.samples import iterate_samples  # loads torch, which the other methods do without

        keep = random_part(features, study.n, study.n_random, seed=study.seed)
        found = yield from iterate_samples(features, study.n, seed=study.seed, epochs=study.epochs, keep=keep, should_stop=job.should_stop)
        indices, rounded, swaps = found.indices, found.rounded, found.swaps
        types = np.where(np.isin(indices, keep), "random", "l0")
    write_arrays(job.folder / "selected.npz", {"indices": indices, "types": types})
    differences = {study.method: features.differences(indices)}
    for other in study.compared:
        drawn = [features.differences(designs[other](study.seed + 1 + i)) for i in range(DRAWS[other])]
        if other != "cube" or not job.should_stop():  # a sample of a cube method that was stopped says nothing of it
            differences[other] = sorted(drawn, key=_largest)[len(drawn) // 2]
    result = SampleResult(
        rows=len(frame),
        names=features.names,
        groups=groups,
        full=tuple(features.mean.tolist()),
        values={m: tuple((features.mean + d * features.sd).tolist()) for m, d in differences.items()},
        differences={m: tuple(d.tolist()) for m, d in differences.items()},
        largest={m: _largest(d) for m, d in differences.items()},
        types={str(t): int(count) for t, count in zip(*np.unique(types, return_counts=True), strict=True)},
        seconds=time.perf_counter() - started - job.paused,
        rounded=rounded,
        swaps=swaps,
    )
    return Ending(result)


def _designs(frame: pd.DataFrame, features: Standardised, job: Context) -> dict[str, Callable[[int], np.ndarray]]:
    """Methods that need no gates: from a seed to the rows."""
    rows, n, strata = len(frame), job.task.n, [job.task.strata]
    return {
        "random": lambda seed: random(rows, n, seed=seed),
        "stratified": lambda seed: stratified(frame, strata, n, seed=seed),
        "cube": lambda seed: balanced(features, n, seed=seed, should_stop=job.should_stop),
    }


def _largest(differences: np.ndarray) -> float:
    return float(np.abs(differences).max())


def _figures(frame: pd.DataFrame, study: SampleStudy) -> tuple[Standardised, tuple[str, ...]]:
    """The moments, and the group of each: the first one that asks for it."""
    ready = [(group, figure.columns(frame)) for group, figure in study.wanted()]
    home = {label: group for group, (labels, _) in reversed(ready) for label in labels}
    checked_figures(home)
    features = together([columns for _, columns in ready])
    return features, tuple(home[name] for name in features.names)
