"""load_guarded, table_guarded and others of a kind of file each: read untrusted files in a child process with limits on memory and time."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from l0engine.errors import AmbiguousTable, ProblemError
from l0engine.io.limits import shown
from l0engine.io.saving import partial_folder
from l0engine.io.tables.reading import Reading
from l0engine.io.uploads import Recognised
from l0engine.machine import environment

#: Exit codes of `l0engine.io.guard`.
REFUSED, OUT_OF_MEMORY = 3, 4
#: Names of what was uploaded, the paths it is at, and the answers; messages call it so.
UPLOADS = "your files"
_SMALLER = {
    "problem": "a smaller problem, or the matrix as sparse NPZ",
    "upload": "a smaller problem, or the matrix as sparse NPZ",
    "table": "fewer rows or columns",
    "images": "fewer images",
    "log": "fewer epochs",
    "previous": "the two columns household_id and weight alone",
}
#: One thread each: thread pools reserve address space, which the limit counts.
_ONE_THREAD = {**environment(1), "ARROW_DEFAULT_MEMORY_POOL": "system", "MALLOC_ARENA_MAX": "2"}


def load_guarded(folder: str | Path, destination: str | Path, *, memory_bytes: int = 4 * 2**30, seconds: float = 120.0) -> None:
    """Check the problem in `folder` and write it to `destination` as `save_problem` does; then `load_problem` it there.

    Parameters
    ----------
    folder : str or Path
        Untrusted files, as `load_problem` takes them.
    destination : str or Path
        Must not exist, or be empty.
    memory_bytes : int
        Address space the child may use, in bytes.
    seconds : float
        Time the child may take.

    Raises
    ------
    ProblemError
        What `load_problem` says, or that the files asked for too much memory or time, or broke the reader.
    """
    _guarded("problem", Path(folder).absolute(), Path(destination).absolute(), memory_bytes, seconds)


def table_guarded(
    file: str | Path,
    destination: str | Path,
    *,
    answers: Mapping[str, str] | None = None,
    memory_bytes: int = 4 * 2**30,
    seconds: float = 120.0,
) -> Reading:
    """Check an untrusted table of any kind and write it to `destination` as plain Parquet; limits as in `load_guarded`.

    Returns
    -------
    Reading
        How the file was understood; `answers` may say otherwise.

    Raises
    ------
    AmbiguousTable
        The file can be read in several ways.
    ProblemError
        The file is no table with rows, or asks for too much memory or time, or broke the reader.
    """
    said = _guarded("table", Path(file).absolute(), Path(destination).absolute(), memory_bytes, seconds, answers)
    return Reading.from_dict(json.loads(said))


def upload_guarded(
    files: Mapping[str, bytes],
    destination: str | Path,
    *,
    answers: Mapping[str, Mapping[str, str]] | None = None,
    memory_bytes: int = 4 * 2**30,
    seconds: float = 120.0,
) -> tuple[Recognised, ...]:
    """Recognise uploaded files and check the problem that they make, as `recognise_uploads` and `load_guarded` do, both in the child.

    Parameters
    ----------
    files : mapping of str to bytes
        Untrusted names and contents.
    answers : mapping of str to (mapping of str to str), optional
        What was said about a file, by its untrusted name.

    Raises
    ------
    AmbiguousTable
        A file, named as the user does, can be read in several ways.
    ProblemError
        What `recognise_uploads` and `load_problem` say, or that the files asked for too much memory or time, or broke the reader.
    """
    with tempfile.TemporaryDirectory() as scratch:
        paths = {name: Path(scratch, str(i)) for i, name in enumerate(files)}
        for name, path in paths.items():
            path.write_bytes(files[name])
        given = Path(scratch, UPLOADS)
        given.write_text(json.dumps([{name: str(path) for name, path in paths.items()}, answers or {}]), encoding="utf-8")
        found = json.loads(_guarded("upload", given, Path(destination).absolute(), memory_bytes, seconds))
    return tuple(Recognised(*one) for one in found)


def images_guarded(file: str | Path, destination: str | Path, *, memory_bytes: int = 4 * 2**30, seconds: float = 120.0) -> None:
    """Check an untrusted NPZ of labelled images and write it to `destination` as `read_images` returns it; limits as in `load_guarded`.

    Raises
    ------
    ProblemError
        The file holds no labelled images, or asks for too much memory or time, or broke the reader.
    """
    _guarded("images", Path(file).absolute(), Path(destination).absolute(), memory_bytes, seconds)


def previous_guarded(file: str | Path, destination: str | Path, *, memory_bytes: int = 4 * 2**30, seconds: float = 120.0) -> None:
    """Check an untrusted file of weights and write it to `destination` as arrays of `Previous`; limits as in `load_guarded`.

    Raises
    ------
    AmbiguousTable
        The file can be read in several ways.
    ProblemError
        The file holds no weights of households, or asks for too much memory or time, or broke the reader.
    """
    _guarded("previous", Path(file).absolute(), Path(destination).absolute(), memory_bytes, seconds)


def log_guarded(file: str | Path, destination: str | Path, *, memory_bytes: int = 4 * 2**30, seconds: float = 120.0) -> None:
    """Check an untrusted calibration log and write it to `destination` as `load_log` reads it; limits as in `load_guarded`.

    Raises
    ------
    ProblemError
        The file is no calibration log, or asks for too much memory or time, or broke the reader.
    """
    _guarded("log", Path(file).absolute(), Path(destination).absolute(), memory_bytes, seconds)


def _guarded(
    what: str, folder: Path, destination: Path, memory_bytes: int, seconds: float, answers: Mapping[str, str] | None = None
) -> bytes:
    """What the child says where all went well."""
    command = [sys.executable, "-m", "l0engine.io.guard", what, str(folder), str(destination), str(int(memory_bytes))]
    child = subprocess.Popen(
        [*command, str(max(1, round(seconds))), json.dumps(dict(answers or {}))],
        env={**os.environ, **_ONE_THREAD},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        answer, _ = child.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        raise _too_slow(what, folder, seconds) from None
    finally:
        if child.poll() is None:
            child.kill()
            child.communicate()
        shutil.rmtree(partial_folder(destination, child.pid), ignore_errors=True)
    if child.returncode == REFUSED:
        said = json.loads(answer)
        if isinstance(said, str):
            raise ProblemError(said)
        file, setting, options, question = said
        raise AmbiguousTable(file, setting, tuple((value, meaning) for value, meaning in options), question)
    if child.returncode == OUT_OF_MEMORY:
        raise ProblemError(f"Reading '{shown(folder)}' needs more than {memory_bytes / 2**30:.2g} GiB of memory: give {_SMALLER[what]}.")
    if child.returncode == -signal.SIGXCPU:
        raise _too_slow(what, folder, seconds)
    if child.returncode != 0:
        raise ProblemError(
            f"Reading '{shown(folder)}' broke the reader (exit code {child.returncode}): "
            "a file is damaged, or asks for too much memory; save the files again."
        )
    return bytes(answer)


def _too_slow(what: str, folder: Path, seconds: float) -> ProblemError:
    return ProblemError(f"Reading '{shown(folder)}' took longer than {seconds:g} seconds: give {_SMALLER[what]}.")
