"""The process of a study: ``python -m l0engine.studies.worker FOLDER``."""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from pathlib import Path
from typing import Any

from l0engine.draining import drain
from l0engine.errors import L0Error
from l0engine.io.whole import write_whole
from l0engine.studies.study import StudyStatus, from_spec

log = logging.getLogger(__name__)


def main(arguments: list[str]) -> int:
    """Run the study of a folder to its end, and say there how it went; 1 where it failed."""
    folder, started = Path(arguments[0]), time.perf_counter()
    stop = folder / "stop"
    try:
        with (folder / "snapshots.jsonl").open("w", encoding="utf-8") as lines:

            def watch(snapshot: dict[str, Any]) -> None:
                lines.write(json.dumps(snapshot) + "\n")
                lines.flush()

            study = from_spec(json.loads((folder / "study.json").read_bytes()))
            result = drain(study.run(folder, stop.exists), watch)
        outcome: dict[str, Any] = {"status": StudyStatus.STOPPED if stop.exists() else StudyStatus.FINISHED, "result": result}
    except L0Error as error:
        outcome = {"status": StudyStatus.FAILED, "message": str(error)}
    except MemoryError:
        outcome = {"status": StudyStatus.FAILED, "message": "Memory ran out: choose fewer rows or columns."}
    except Exception:
        log.exception("The study broke")
        outcome = {"status": StudyStatus.FAILED, "message": "The study broke; the end of its worker.log says why."}
    outcome["seconds"] = time.perf_counter() - started
    write_whole(folder / "outcome.json", lambda file: file.write(json.dumps(outcome).encode()))
    return int(outcome["status"] is StudyStatus.FAILED)


if __name__ == "__main__":
    os.nice(10)  # the pages go first
    sys.exit(main(sys.argv[1:]))
