"""The child process of `guarded`: ``python -m l0engine.io.guard WHAT SOURCE DESTINATION BYTES SECONDS [ANSWERS]``."""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TextIO

import pyarrow as pa

from l0engine.errors import AmbiguousTable, ProblemError
from l0engine.io.folder import load_problem
from l0engine.io.guarded import OUT_OF_MEMORY, REFUSED
from l0engine.io.images import read_images, save_images
from l0engine.io.logs import read_log, save_log
from l0engine.io.previous import read_previous
from l0engine.io.saving import save_problem, save_table
from l0engine.io.tables import frame, read_table
from l0engine.io.uploads import Recognised, recognise_uploads
from l0engine.io.whole import write_arrays


def main(arguments: list[str]) -> int:
    """Load and save under limits; the exit code tells how it went, standard output why a problem was refused."""
    what, source, destination, memory_bytes, seconds, *answers = arguments
    _limit(int(memory_bytes), int(seconds))
    return check(what, Path(source), Path(destination), json.loads(answers[0]) if answers else {}, sys.stdout)


def check(what: str, source: Path, destination: Path, answers: Mapping[str, str], out: TextIO) -> int:
    """Load and save, without limits: the exit code; what is to be said goes to `out`."""
    try:
        said = _CHECKS[what](source, destination, answers)
    except AmbiguousTable as e:
        json.dump([e.file, e.setting, e.options, e.question], out)
        return REFUSED
    except ProblemError as e:
        json.dump(str(e), out)
        return REFUSED
    except MemoryError:
        return OUT_OF_MEMORY
    json.dump(said, out)
    return 0


def _table(source: Path, destination: Path, answers: Mapping[str, str]) -> dict[str, Any]:
    table = read_table(source, answers)
    table.require()
    save_table(frame(table), destination)
    return table.reading.to_dict()


def _upload(source: Path, destination: Path, _: Mapping[str, str]) -> tuple[Recognised, ...]:
    paths, answers = json.loads(source.read_text(encoding="utf-8"))
    raw = source.with_name("problem")
    found = recognise_uploads({name: Path(path) for name, path in paths.items()}, raw, answers)
    try:
        save_problem(load_problem(raw), destination)
    except AmbiguousTable as e:
        theirs = next((one.name for one in found if one.file == e.file), e.file)
        raise AmbiguousTable(theirs, e.setting, e.options, e.question.replace(e.file, theirs, 1)) from None
    return found


_CHECKS: dict[str, Callable[[Path, Path, Mapping[str, str]], Any]] = {
    "problem": lambda source, destination, _: save_problem(load_problem(source), destination),
    "upload": _upload,
    "table": _table,
    "previous": lambda source, destination, _: write_arrays(destination, read_previous(source).to_arrays()),
    "log": lambda source, destination, _: save_log(read_log(source), destination),
    "images": lambda source, destination, _: save_images(*read_images(source), destination),
}


def _limit(memory_bytes: int, seconds: int) -> None:
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
