"""--previous: the answer that a fit goes out from, a run of the store or a file of weights."""

from __future__ import annotations

from pathlib import Path

from l0engine.calibration.problem.previous import Previous
from l0engine.errors import L0Error
from l0engine.io.previous import read_previous
from l0engine.jobs.job import is_id
from l0engine.jobs.store import Store


def answer_named(given: str | None) -> Previous | None:
    """A file where there is one of that name, else a run; None where nothing is given."""
    if given is None:
        return None
    if Path(given).is_file():
        return read_previous(Path(given))
    if is_id(given.partition("/")[0]):
        return Store().answer(given)
    raise L0Error(f"--previous {given} is no file and no run: name weights.csv, a run as 'jobs' lists it, or RUN/l0engine-500.")
