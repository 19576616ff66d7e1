"""Shared by all tests; that it stands here also puts `oracles`, `uploads` and `waiting` on the path."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

#: Before numpy is imported, here and in the processes that tests start: threads that wait for each other while tests run side by side make
#: small steps of linear algebra twenty times slower.
os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", OMP_WAIT_POLICY="PASSIVE")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store of its own for each test, in place of the one in the person's home."""
    folder = tmp_path / "l0engine-home"
    monkeypatch.setenv("L0ENGINE_HOME", str(folder))
    return folder
