"""The previous answer of a run: a file in its folder, so that nothing is lost with the run or the file it was taken from."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from l0engine.calibration.problem.previous import Previous
from l0engine.errors import L0Error
from l0engine.io.whole import read_arrays, write_arrays
from l0engine.jobs.records import Origin

#: Its name in the folder of a run.
FILE = "previous.npz"


@contextmanager
def as_input(previous: Previous | None) -> Iterator[tuple[Origin | None, dict[str, Path]]]:
    """What a task says of a previous answer, and the file that goes into its folder, there inside the block; nothing of None."""
    if previous is None:
        yield None, {}
        return
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch, FILE)
        write_arrays(path, previous.to_arrays())
        yield Origin(previous.source, previous.fingerprint, len(previous.ids)), {FILE: path}


def read_previous_of(folder: Path, origin: Origin) -> Previous:
    """The previous answer in the folder of a run.

    Raises
    ------
    L0Error
        It is gone, or is not the one that the run began with.
    """
    try:
        found = Previous.from_arrays(read_arrays(folder / FILE))
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise L0Error(
            f"The previous answer of this run cannot be read from {folder / FILE}: start the run anew from {origin.source}."
        ) from error
    if found.fingerprint != origin.sha256:
        raise L0Error(f"{folder / FILE} is not the previous answer that this run began with: start the run anew from {origin.source}.")
    return found
