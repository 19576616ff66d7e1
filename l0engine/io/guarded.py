"""load_guarded, table_guarded and upload_guarded: read untrusted files in a child process with limits on memory and time."""

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
from typing import Literal

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


def load_guarded(
    source: str | Path,
    destination: str | Path,
    what: Literal["problem", "images", "log", "previous"] = "problem",
    *,
    memory_bytes: int = 4 * 2**30,
    seconds: float = 120.0,
) -> None:
    """Check what others wrote and write it to `destination` as we do, for our own readers.

    Parameters
    ----------
    source : str or Path
        Untrusted: a folder as `load_problem` takes it, an NPZ file as `read_images`, a calibration log as `read_log`, weights as
        `read_previous`.
    destination : str or Path
        Must not exist, or be an empty folder.
    what : str
        What it is said to be.
    memory_bytes : int
        Address space the child may use, in bytes.
    seconds : float
        Time the child may take.

    Raises
    ------
    ProblemError
        What the reader says, or that the files asked for too much memory or time, or broke the reader.
    """
    _guarded(what, Path(source).absolute(), Path(destination).absolute(), memory_bytes, seconds)


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


def _guarded(
    what: str, folder: Path, destination: Path, memory_bytes: int, seconds: float, answers: Mapping[str, str] | None = None
) -> bytes:
    """What the child says where all went well."""
    code, answer = _child(what, folder, destination, memory_bytes, seconds, answers or {})
    if code == REFUSED:
        said = json.loads(answer)
        if isinstance(said, str):
            raise ProblemError(said)
        file, setting, options, question = said
        raise AmbiguousTable(file, setting, tuple((value, meaning) for value, meaning in options), question)
    if code == OUT_OF_MEMORY:
        raise ProblemError(f"Reading '{shown(folder)}' needs more than {memory_bytes / 2**30:.2g} GiB of memory: give {_SMALLER[what]}.")
    if code == -signal.SIGXCPU:
        raise ProblemError(f"Reading '{shown(folder)}' took longer than {seconds:g} seconds: give {_SMALLER[what]}.")
    if code != 0:
        raise ProblemError(
            f"Reading '{shown(folder)}' broke the reader (exit code {code}): "
            "a file is damaged, or asks for too much memory; save the files again."
        )
    return answer


def _child(what: str, folder: Path, destination: Path, memory_bytes: int, seconds: float, answers: Mapping[str, str]) -> tuple[int, bytes]:
    """Exit code and standard output of `l0engine.io.guard`; one that takes too long ends as the system ends it."""
    command = [sys.executable, "-m", "l0engine.io.guard", what, str(folder), str(destination), str(int(memory_bytes))]
    child = subprocess.Popen(
        [*command, str(max(1, round(seconds))), json.dumps(dict(answers))],
        env={**os.environ, **_ONE_THREAD},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        answer, _ = child.communicate(timeout=seconds)
        return child.returncode, answer
    except subprocess.TimeoutExpired:
        return -signal.SIGXCPU, b""
    finally:
        if child.poll() is None:
            child.kill()
            child.communicate()
        shutil.rmtree(partial_folder(destination, child.pid), ignore_errors=True)
