"""The child process of `load_guarded`: ``python -m l0engine.io.guard FOLDER DESTINATION MEMORY_BYTES SECONDS``."""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path

import pyarrow as pa

from l0engine.errors import ProblemError
from l0engine.io.folder import load_problem
from l0engine.io.guarded import OUT_OF_MEMORY, REFUSED
from l0engine.io.saving import save_problem


def main(arguments: list[str]) -> int:
    """Load and save under limits; the exit code tells how it went, standard output why a problem was refused."""
    folder, destination, memory_bytes, seconds = arguments
    _limit(int(memory_bytes), int(seconds))
    try:
        save_problem(load_problem(Path(folder)), Path(destination))
    except ProblemError as e:
        json.dump(str(e), sys.stdout)
        return REFUSED
    except MemoryError:
        return OUT_OF_MEMORY
    return 0


def _limit(memory_bytes: int, seconds: int) -> None:
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
