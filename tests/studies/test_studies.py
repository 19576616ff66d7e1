"""Studies: folders, processes, stops and bad ends, with a toy study."""

from __future__ import annotations

import json
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest
from waiting import until

from l0engine.errors import L0Error, ProblemError
from l0engine.studies import shelf as shelf_module
from l0engine.studies import study as study_module
from l0engine.studies import worker
from l0engine.studies.shelf import StudyShelf
from l0engine.studies.study import StudyStatus, from_spec, to_spec


@dataclass(frozen=True)
class Counting:
    """Counts to `steps`, `pause` seconds each; `breaks` is how it ends."""

    kind: ClassVar[str] = "counting"
    steps: int = 3
    pause: float = 0.0
    breaks: str = ""
    pairs: tuple[tuple[str, str], ...] = ()

    label = "counting"

    def run(self, folder, should_stop):
        done = 0
        for step in range(1, self.steps + 1):
            if should_stop():
                break
            time.sleep(self.pause)
            done = step
            yield {"step": step, "epochs": self.steps}
        if self.breaks == "refused":
            raise ProblemError("Column 'x' is empty: choose another.")
        if self.breaks:
            raise {"memory": MemoryError, "bug": ZeroDivisionError}[self.breaks]("a private detail")
        (folder / "made.txt").write_text("made")
        return {"done": done, "input": (folder / "in.txt").read_text() if (folder / "in.txt").exists() else ""}


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """A shelf whose worker processes know the toy: a start-up file on their path registers it."""
    monkeypatch.setattr(study_module, "KINDS", {"counting": (__name__, "Counting")})
    extra = tmp_path / "path"
    extra.mkdir()
    here = str(Path(__file__).parent), str(Path(__file__).parents[1])
    (extra / "sitecustomize.py").write_text(
        f"import sys\nsys.path += {here!r}\nimport l0engine.studies.study as s\ns.KINDS = {{'counting': ('test_studies', 'Counting')}}\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(extra))
    monkeypatch.setattr(shelf_module, "worker_environment", lambda slots: {})
    return StudyShelf(tmp_path / "studies")


def ended(shelf, study_id):
    until(lambda: shelf.record(study_id).status.ended, story=lambda: shelf.record(study_id))
    return shelf.record(study_id)


def test_a_study_runs_in_a_process_of_its_own_with_its_inputs(shelf, tmp_path):
    (tmp_path / "source").write_text("given")
    name = shelf.start(Counting(steps=4), {"in.txt": tmp_path / "source"})
    record = ended(shelf, name)
    assert record.status is StudyStatus.FINISHED and record.result == {"done": 4, "input": "given"} and not record.message
    assert [s["step"] for s in shelf.snapshots(name)] == [1, 2, 3, 4] and [s["step"] for s in shelf.snapshots(name, 3)] == [4]
    assert (shelf.folder(name) / "made.txt").read_text() == "made" and record.seconds > 0
    assert shelf.recent("counting") == [name] and shelf.recent("other") == []
    again = StudyShelf(shelf.folder(name).parent).record(name)  # as after a restart of the server
    assert again == record and again.study == Counting(steps=4)


def test_stop_ends_it_soon_with_what_there_is(shelf):
    name = shelf.start(Counting(steps=10_000, pause=0.01))
    until(lambda: shelf.snapshots(name))
    assert shelf.record(name).status is StudyStatus.RUNNING
    shelf.stop(name)
    record = ended(shelf, name)
    assert record.status is StudyStatus.STOPPED and 0 < record.result["done"] < 10_000


def test_a_killed_study_is_interrupted_and_keeps_its_snapshots(shelf):
    name = shelf.start(Counting(steps=10_000, pause=0.01))
    until(lambda: shelf.snapshots(name))
    stranger = StudyShelf(shelf.folder(name).parent)
    assert stranger.record(name).status is StudyStatus.RUNNING  # seen through the process table
    os.kill(int((shelf.folder(name) / "pid").read_text()), signal.SIGKILL)
    record = ended(shelf, name)
    assert record.status is StudyStatus.INTERRUPTED and "start it again" in record.message and shelf.snapshots(name)
    assert stranger.record(name).status is StudyStatus.INTERRUPTED


def test_too_many_at_a_time_are_refused(shelf, monkeypatch):
    monkeypatch.setattr(shelf_module, "MOST_RUNNING", 1)
    name = shelf.start(Counting(steps=10_000, pause=0.01))
    with pytest.raises(L0Error, match="wait for one to end"):
        shelf.start(Counting())
    shelf.stop(name)
    ended(shelf, name)
    assert ended(shelf, shelf.start(Counting())).status is StudyStatus.FINISHED


@pytest.mark.parametrize(
    ("breaks", "message"),
    [
        ("refused", "Column 'x' is empty: choose another."),
        ("memory", "Memory ran out"),
        ("bug", "The study broke; the end of its worker.log"),
    ],
)
def test_bad_ends_are_told_in_a_sentence(shelf, tmp_path, breaks, message):
    folder = tmp_path / "studies" / "20260101-000000-abcd"
    folder.mkdir(parents=True)
    (folder / "study.json").write_text(json.dumps({**to_spec(Counting(breaks=breaks)), "created": 0.0}))
    assert worker.main([str(folder)]) == 1
    record = shelf.record(folder.name)
    assert record.status is StudyStatus.FAILED and record.message.startswith(message) and "private" not in record.message
    assert len(shelf.snapshots(folder.name)) == 3


def test_a_snapshot_half_written_is_not_seen(shelf):
    name = shelf.start(Counting(steps=1))
    ended(shelf, name)
    with (shelf.folder(name) / "snapshots.jsonl").open("a") as file:
        file.write('{"step": 2, "epo')
    assert [s["step"] for s in shelf.snapshots(name)] == [1]


def test_specs_come_back_equal_and_strange_ones_are_refused(shelf):
    study = Counting(pairs=(("a", "b"), ("c", "d")))
    assert from_spec(json.loads(json.dumps(to_spec(study)))) == study
    for spec in ({"kind": "no", "settings": {}}, {"kind": "counting", "settings": {"more": 1}}, {}):
        with pytest.raises(L0Error, match="another version"):
            from_spec(spec)


@pytest.mark.parametrize("name", ["", "../x", "20260101-000000-abcd", "20260101-000000-abcd/..", "x" * 500])
def test_ids_from_addresses_are_checked(shelf, name):
    with pytest.raises(L0Error, match="no study"):
        shelf.record(name)
