"""Leftovers of a kill or a full disk: files that were being written, and folders on their way in or out.

No list says who writes: a job is queued, imported or reported on by processes that are no workers. So only what has not changed for long
is taken for left, whatever it is.
"""

from __future__ import annotations

import logging
import re
import shutil
import time
from contextlib import suppress
from pathlib import Path

from l0engine.jobs.disk.reserve import NAME
from l0engine.jobs.store import Store

log = logging.getLogger(__name__)

#: Seconds without a change after which a file or folder on its way in or out counts as left.
LEFT_SECONDS = 600.0
#: Names that `write_whole` writes under.
_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{8}")


def clear(store: Store) -> None:
    """Remove what was left in the folders of jobs that have no process, and folders on their way in or out, unchanged for long."""
    live = {job.id for job in store.live()}
    for folder in (*(store.root / "runs").iterdir(), *(store.root / "studies").glob("*")):
        if folder.name.startswith("."):
            _clear_folder(folder)
        elif folder.name not in live:
            _clear_files(folder)
    for folder in (store.root / "problems").glob(".*"):
        _clear_folder(folder)


def _clear_files(folder: Path) -> None:
    for file in folder.rglob(".*"):
        if file.name == NAME or _TEMPORARY.fullmatch(file.name):
            with suppress(OSError):
                if _is_left(file):
                    file.unlink()
                    log.info("Removed %s, which a process left", file)


def _clear_folder(folder: Path) -> None:
    with suppress(OSError):
        if all(_is_left(place) for place in (folder, *folder.rglob("*"))):
            shutil.rmtree(folder, ignore_errors=True)
            log.info("Removed %s, which a process left", folder)


def _is_left(place: Path) -> bool:
    return time.time() - place.lstat().st_mtime > LEFT_SECONDS
