"""The teacher's process shows what the functions show; refusals and breakdowns are sentences."""

import io
import sys
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
import pytest
from waiting import until

from l0engine.errors import L0Error
from l0engine.lessons import wire
from l0engine.lessons.ask import Ask, choice
from l0engine.lessons.made import households
from l0engine.lessons.shown.households import VIEWS, HouseholdsAsk, HouseholdsPicture
from l0engine.lessons.teacher import Teacher


class Part(NamedTuple):
    name: str
    value: float


class Whole(NamedTuple):
    numbers: np.ndarray
    bytes: np.ndarray
    parts: tuple[Part, ...]
    none: Part | None


def test_messages_come_back_as_they_were():
    sent = Whole(np.arange(6.0).reshape(2, 3), np.array([[[7]]], np.uint8), (Part("a", float("nan")),), None)
    pipe = io.BytesIO()
    wire.send(pipe, sent)
    pipe.seek(0)
    back = wire.receive(pipe, Whole)
    np.testing.assert_array_equal(back.numbers, sent.numbers)
    assert back.bytes.dtype == np.uint8 and back.parts[0].name == "a" and np.isnan(back.parts[0].value) and back.none is None
    assert not back.numbers.flags.writeable
    for cut in (b"", pipe.getvalue()[:-1]):
        with pytest.raises(EOFError):
            wire.receive(io.BytesIO(cut), Whole)


@dataclass(frozen=True)
class UnknownAsk(Ask):
    made: ClassVar[str] = "os:abort"
    picture: ClassVar[type] = Whole
    seed: int = choice(0, "", "", (0, 1))


@pytest.fixture
def teacher():
    found = Teacher()
    yield found
    found.close()


def test_the_process_shows_what_the_function_shows(teacher, monkeypatch):
    ask = HouseholdsAsk(view=VIEWS[1], price=0.8)
    shown, here = teacher.show(ask), households.show(ask)
    assert isinstance(shown, HouseholdsPicture) and shown.survey is None and shown.two.ends == here.two.ends
    np.testing.assert_array_equal(shown.two.loss, here.two.loss)
    np.testing.assert_allclose(shown.two.path, here.two.path, atol=1e-6)
    assert teacher.show(HouseholdsAsk(view=VIEWS[1], price=0.8)) is shown  # kept
    teacher.prepare(ask)
    until(lambda: all(teacher.keeps(n) for n in ask.neighbours()))
    monkeypatch.setattr(HouseholdsAsk, "texts", lambda self: {"price": "9"})
    with pytest.raises(L0Error, match="price is '9' in this lesson"):
        teacher.show(HouseholdsAsk(view=VIEWS[1], price=3.2))
    monkeypatch.setattr(teacher, "_answer", lambda ask: pytest.fail("what was refused is asked for again"))
    with pytest.raises(L0Error, match="price is '9' in this lesson"):
        teacher.show(HouseholdsAsk(view=VIEWS[1], price=3.2))


@pytest.mark.slow  # each process takes seconds to begin
def test_a_process_that_breaks_is_told_of_and_started_again(teacher):
    teacher.wake()
    teacher._child.kill()
    assert teacher.show(HouseholdsAsk(view=VIEWS[1], price=1.6)).two is not None
    with pytest.raises(L0Error, match="broke the process"):
        teacher.show(UnknownAsk())
    assert teacher.show(HouseholdsAsk(view=VIEWS[1], price=3.2)).two is not None


@pytest.mark.slow  # tests/test_imports.py says the same without a process
def test_asking_loads_no_torch():
    import subprocess

    code = "import sys, dashboard.state.lessons; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
