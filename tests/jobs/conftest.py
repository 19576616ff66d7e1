"""A store of its own for each test, and a tiny problem in it."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_store import a_problem

from l0engine.jobs.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "home")


@pytest.fixture
def sha(store: Store) -> str:
    return store.add_problem(a_problem(), "tiny").sha
