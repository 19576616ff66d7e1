"""The dashboard without a browser: fresh caches, a store of its own, no thread left behind."""

from __future__ import annotations

import itertools
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from functools import cache, lru_cache
from pathlib import Path

import pytest
import streamlit as st
from helpers import Visit, carry_out
from reading import read_here
from streamlit import env_util
from streamlit.components.v2 import manifest_scanner
from streamlit.runtime.scriptrunner.script_cache import ScriptCache
from streamlit.testing.v1 import AppTest, app_test, local_script_runner
from waiting import end_workers

from dashboard import state
from dashboard.state import lessons, resources
from dashboard.state.opened import problems
from l0engine.calibration.problem.problem import Problem
from l0engine.io import guarded, load_problem, save_problem
from l0engine.jobs.execution import Execution
from l0engine.jobs.shelves import problems as shelves
from l0engine.jobs.store import Store, default_root
from l0engine.jobs.supervisor import Supervisor
from l0engine.lessons.school import picture_of

APP = str(Path(__file__).parents[2] / "dashboard" / "app.py")


CHILD = guarded._child


@pytest.fixture(scope="session", autouse=True)
def _one_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What a server does once, each `AppTest` does anew: look through all installed packages (seconds), compile the pages, read the samples
    and keep them, begin a store; and each looks a thousand times a second whether its page has ended."""
    scripts = ScriptCache()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest_scanner, "scan_component_manifests", cache(manifest_scanner.scan_component_manifests))
        for module in (app_test, local_script_runner):
            patch.setattr(module, "ScriptCache", lambda: scripts)
        patch.setattr(local_script_runner, "require_widgets_deltas", until_it_ends)
        patch.setattr(problems, "load_problem", cached_samples())
        patch.setattr(env_util, "is_repl", bool)  # it reads the source of all that is being run
        patch.setattr(shelves, "save_problem", saved_once(tmp_path_factory.mktemp("saved")))
        patch.setattr(shelves, "load_problem", read_once())
        patch.setattr(resources, "Store", begun(tmp_path_factory.mktemp("empty")))
        yield


WATCHED = local_script_runner.require_widgets_deltas


def until_it_ends(runner: local_script_runner.LocalScriptRunner, timeout: float) -> None:
    """Wait for the page's thread; one that takes too long is stopped as ever."""
    runner._script_thread.join(timeout)
    WATCHED(runner, 1.0 if runner.script_stopped() else 0.0)


def cached_samples() -> Callable[..., Problem]:
    """`load_problem`, which reads a bundled problem once; all else anew."""
    kept = cache(load_problem)
    return lambda folder, **how: load_problem(folder, **how) if how or state.SAMPLES not in Path(folder).parents else kept(folder)


def saved_once(folder: Path) -> Callable[[Problem, Path], None]:
    """`save_problem`, which writes a problem once and copies its files afterwards."""

    @lru_cache(maxsize=8)
    def written(problem: Problem) -> Path:
        save_problem(problem, own := folder / str(next(numbers)))
        return own

    numbers = itertools.count()
    return lambda problem, into: shutil.copytree(written(problem), into)


def read_once() -> Callable[..., Problem]:
    """`load_problem`, which reads a folder again only where a file is of another size or time."""
    kept: dict[object, Problem] = {}

    def read(folder: Path, **how: bool) -> Problem:
        files = sorted((file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in Path(folder).glob("*"))
        key = (folder.name, *files, *how.items())
        if key not in kept:
            kept[key] = load_problem(folder, **how)
        return kept[key]

    return read


def begun(folder: Path) -> Callable[[], Store]:
    """A `Store` that has its tables already where there is none yet."""
    Store(folder)

    def opened() -> Store:
        root = default_root()
        if not root.exists() and root.parent.is_dir():
            root.mkdir(mode=0o700)
            shutil.copy(folder / "store.sqlite", root)
        return Store(root)

    return opened


class Inline:
    """Carries out what is queued, as a worker does, but in a thread: a process needs seconds of the processor to begin."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._stopping, self._waking = threading.Event(), threading.Event()
        self._execution: Execution | None = None
        self._thread = threading.Thread(target=self._work)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        self._waking.set()

    def stop(self) -> None:
        self._stopping.set()
        self.wake()
        if self._execution is not None:
            self._execution.terminate()
        self._thread.join()

    def _work(self) -> None:
        while not self._stopping.is_set():
            self._waking.wait(0.2)
            self._waking.clear()
            while not self._stopping.is_set() and (claimed := self._store.claim_next()) is not None:
                self._execution = Execution(self._store, self._store.begin(claimed.id, os.getpid()))
                if self._stopping.is_set():
                    self._execution.terminate()
                self._execution.carry_out()


class _Teacher:
    """Shows what lessons ask for here, and keeps it for the next visit."""

    wake = prepare = close = lambda *_: None
    keeps = staticmethod(lambda _: True)
    show = staticmethod(cache(lambda ask: picture_of(type(ask).__name__, ask.texts())))


class _Supervisors:
    """What `resources.Supervisor` is while a test runs: real ones with so many slots, or `Inline`; all are stopped at the end."""

    def __init__(self) -> None:
        self.slots, self.inline, self.made = 0, False, []

    def __call__(self, store: Store) -> Supervisor | Inline:
        self.made.append(Inline(store) if self.inline else Supervisor(store, self.slots, poll=0.05 if self.slots else 1.0))
        return self.made[-1]


@pytest.fixture
def supervisors(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[_Supervisors]:
    """No slots: whatever is started stays in the queue, unless `working` or `processes` is asked for before the first visit."""
    st.cache_resource.clear()
    state.samples.cache_clear()
    factory = _Supervisors()
    monkeypatch.setattr(resources, "Supervisor", factory)
    monkeypatch.setattr(lessons, "Teacher", _Teacher)
    monkeypatch.setattr(guarded, "_child", read_here)
    monkeypatch.setattr(problems, "DEFAULT_SAMPLE", "massachusetts")
    yield factory
    for supervisor in factory.made:
        supervisor.stop()
    if factory.slots:
        end_workers(home)
    st.cache_resource.clear()
    state.samples.cache_clear()


@pytest.fixture
def children(supervisors: _Supervisors, monkeypatch: pytest.MonkeyPatch) -> None:
    """Uploads are read by real child processes."""
    monkeypatch.setattr(guarded, "_child", CHILD)


@pytest.fixture
def visit(supervisors: _Supervisors) -> Callable[..., Visit]:
    """Arrive as a new visitor: `visit("calibrate", run=...)`."""

    def arrive(page: str = "data", **query: str) -> Visit:
        at = AppTest.from_file(APP, default_timeout=300)
        for name, value in query.items():
            at.query_params[name] = value
        (at.switch_page(f"app_pages/{page}.py") if page != "data" else at).run()
        if getattr(at.session_state, "first_waits", False):  # a browser would say that it has drawn
            at.session_state["first_waits"] = False
            at.run()
        return Visit(at)

    return arrive


@pytest.fixture
def working(supervisors: _Supervisors) -> None:
    """Runs are carried out."""
    supervisors.inline = True


@pytest.fixture
def processes(supervisors: _Supervisors) -> None:
    """Runs are carried out by real worker processes, one at a time."""
    supervisors.slots = 1


@pytest.fixture(scope="session")
def _finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A store with one finished run of Massachusetts."""
    from l0engine.calibration.config import Config

    home = tmp_path_factory.mktemp("finished") / "home"
    store = Store(home)
    sha = store.add_problem(load_problem(state.SAMPLES / "massachusetts"), "Massachusetts", "sample massachusetts").sha
    run = store.create_run(sha, Config(epochs=60, seed=3, budget=200, relax=False))
    carry_out(store)
    assert store.run(run.id).status.has_result, store.run(run.id)
    return home, run.id


@pytest.fixture
def finished(_finished: tuple[Path, str], home: Path) -> str:
    """Id of a finished run in this test's own store."""
    shutil.copytree(_finished[0], home)
    return _finished[1]
