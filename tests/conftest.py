"""Shared by all tests; that it stands here also puts `oracles`, `uploads` and `waiting` on the path."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store of its own for each test, in place of the one in the person's home."""
    folder = tmp_path / "l0engine-home"
    monkeypatch.setenv("L0ENGINE_HOME", str(folder))
    return folder
