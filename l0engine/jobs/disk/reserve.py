"""Reserve: a little room on the disk that a job holds, so that it can say that the disk is full."""

from __future__ import annotations

import logging
import os
import shutil
from contextlib import suppress
from pathlib import Path

log = logging.getLogger(__name__)

NAME = ".reserve"
#: Bytes: enough for a few entries in the log of the database.
SIZE = 2**18


class Reserve:
    """A file in the folder of a job that is given up when the disk is full, and taken again when there is room."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / NAME

    def take(self) -> bool:
        """Hold the room; False where the disk has not a few times as much, so that what goes on does not stop again at once."""
        try:
            if shutil.disk_usage(self._file.parent).free < 4 * SIZE:
                return False
            self._file.write_bytes(os.urandom(SIZE))  # a file of zeros may take no room
        except OSError as error:
            log.info("No room could be held: %s", error)
            self.give()
            return False
        return True

    def give(self) -> None:
        """Give the room back."""
        with suppress(OSError):
            self._file.unlink(missing_ok=True)
