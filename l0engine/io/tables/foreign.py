"""Tables of other programs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa

from l0engine.errors import ProblemError
from l0engine.io.tables.reading import Reading

#: Endings.
FOREIGN: tuple[str, ...] = ()


def read_foreign(path: Path, file: str, answers: Mapping[str, str]) -> tuple[pa.Table, Reading]:
    """Read a file whose ending is one of `FOREIGN`."""
    raise ProblemError(f"{file}: this kind of file is not known: export it as CSV (UTF-8).")
