"""The process that carries out one job: ``python -m l0engine.jobs.worker JOB_ID [--home DIR]``."""

from __future__ import annotations

import argparse
import faulthandler
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from l0engine.errors import L0Error
from l0engine.jobs.execution import Execution
from l0engine.jobs.store import Store

log = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out one job; 0 where it ended with a result, 1 where not, 2 where it could not begin."""
    parser = argparse.ArgumentParser(prog="python -m l0engine.jobs.worker", description="Carry out one queued job.")
    parser.add_argument("job", metavar="JOB_ID")
    parser.add_argument("--home", type=Path, help="folder of the store (default: L0ENGINE_HOME, else ~/.l0engine)")
    given = parser.parse_args(arguments)
    faulthandler.enable()
    if sys.platform != "win32":
        os.nice(19)  # the server, and the person at the machine, come first
    try:
        store = Store(given.home)
        job = store.begin(given.job, os.getpid())
    except (L0Error, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    logging.basicConfig(filename=store.folder(job.id) / "worker.log", level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    execution = Execution(store, job)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, execution.terminate)
    log.info("Job %s begins in process %d, at most %s threads", job.id, os.getpid(), os.environ.get("OMP_NUM_THREADS", "default"))
    return 0 if execution.carry_out().has_result else 1


if __name__ == "__main__":
    sys.exit(main())
