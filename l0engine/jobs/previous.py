"""The previous answer of a run: a file in its folder, so that nothing is lost with the run or the file it was taken from."""

from __future__ import annotations

import zipfile
from pathlib import Path

from l0engine.calibration.problem.previous import Previous
from l0engine.errors import L0Error
from l0engine.io.whole import arrays_bytes, read_arrays
from l0engine.jobs.records import Origin

#: Its name in the folder of a run.
FILE = "previous.npz"


def as_input(previous: Previous | None) -> tuple[Origin | None, dict[str, bytes]]:
    """What a task says of a previous answer, and the file that goes into its folder; nothing of None."""
    if previous is None:
        return None, {}
    return Origin(previous.source, previous.fingerprint, len(previous.ids)), {FILE: arrays_bytes(previous.to_arrays())}


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
