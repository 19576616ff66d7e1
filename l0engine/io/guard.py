"""The child process of `guarded`: ``python -m l0engine.io.guard problem|table|images|log SOURCE DESTINATION MEMORY_BYTES SECONDS``."""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa

from l0engine.errors import ProblemError
from l0engine.io.folder import load_problem
from l0engine.io.guarded import OUT_OF_MEMORY, REFUSED
from l0engine.io.images import read_images, save_images
from l0engine.io.logs import read_log, save_log
from l0engine.io.saving import save_problem, save_table
from l0engine.io.tables import read_table


def main(arguments: list[str]) -> int:
    """Load and save under limits; the exit code tells how it went, standard output why a problem was refused."""
    what, source, destination, memory_bytes, seconds = arguments
    _limit(int(memory_bytes), int(seconds))
    try:
        _CHECKS[what](Path(source), Path(destination))
    except ProblemError as e:
        json.dump(str(e), sys.stdout)
        return REFUSED
    except MemoryError:
        return OUT_OF_MEMORY
    return 0


def _table(source: Path, destination: Path) -> None:
    table = read_table(source)
    table.require()
    save_table(table.attributes(table.columns), destination)


_CHECKS: dict[str, Callable[[Path, Path], None]] = {
    "problem": lambda source, destination: save_problem(load_problem(source), destination),
    "table": _table,
    "log": lambda source, destination: save_log(read_log(source), destination),
    "images": lambda source, destination: save_images(*read_images(source), destination),
}


def _limit(memory_bytes: int, seconds: int) -> None:
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
