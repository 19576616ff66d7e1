"""Uploads read in the tests' own process: a child of its own needs most of a second to begin."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

from l0engine.io import guard


def read_here(what: str, folder: Path, destination: Path, _memory: int, _seconds: float, answers: Mapping[str, str]) -> tuple[int, bytes]:
    """Stands in for `guarded._child`: the same checks and answers, without its limits and its process."""
    out = io.StringIO()
    return guard.check(what, folder, destination, answers, out), out.getvalue().encode()
