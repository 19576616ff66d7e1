"""Shared by all tests; that it stands here also puts `oracles`, `uploads` and `waiting` on the path."""

from __future__ import annotations

import gc
import itertools
import os
from pathlib import Path
from typing import Any

import pytest

from l0engine.machine import environment

#: Before numpy is imported, here and in the processes that tests start: threads that wait for each other while tests run side by side make
#: small steps of linear algebra twenty times slower.
os.environ.update(environment(1))


_HOMES = itertools.count()


#: Folders whose files take longest, begun first, so that no worker is left alone with one at the end.
LONG = ("browser", "studies", "jobs", "dashboard", "report", "calibration")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: tests wait for processes, servers and browsers a tenth of their time."""
    return (os.cpu_count() or 1) + 1


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """A file at a time, as `--dist loadfile`; all that drives Chromium by one worker, with one server."""
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return "tests/browser" if "browser/" in nodeid else str(super()._split_scope(nodeid))

    return Scheduling(config, log) if config.getoption("dist") == "loadfile" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = {folder: place for place, folder in enumerate(LONG)}
    items.sort(key=lambda item: places.get(item.nodeid.split("/")[1], len(LONG)))
    on_gpu = [item for item in items if item.get_closest_marker("cuda")]
    if on_gpu and not _has_gpu():
        for item in on_gpu:
            item.add_marker(pytest.mark.skip("needs a GPU"))


def _has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()


def pytest_collection_finish() -> None:
    """Streamlit looks for garbage after each run of a page: not among all that was imported."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store of its own for each test, in place of the one in the person's home; made by whoever needs it."""
    folder = tmp_path_factory.getbasetemp() / f"home-{next(_HOMES)}"
    monkeypatch.setenv("L0ENGINE_HOME", str(folder))
    return folder


@pytest.fixture
def device() -> str:
    """Of tests marked `cuda`: they hold this device to the CPU."""
    return "cuda"
