"""Task: what a job carries out, and the kinds there are. A new kind is a frozen dataclass, a function, and a line in `KINDS`."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, Generic, NamedTuple, Protocol, Self, TypeVar

import msgspec

from l0engine.calibration.results import Status
from l0engine.errors import L0Error

Result = TypeVar("Result")


class Kind(NamedTuple):
    """A kind of job; settings and function stand apart, so that pages know the one without what the other loads.

    Attributes
    ----------
    task, run : str
        The class of its settings (`Task`), and the function that carries it out (`Run`), as 'module:name'.
    places : int
        How many places it takes in the queue; see `JobShelf.claim_next`.
    """

    task: str
    run: str
    places: int = 1


KINDS: dict[str, Kind] = {
    "calibration": Kind("l0engine.jobs.records:Calibration", "l0engine.jobs.fitting:run", places=3),
    "samples": Kind("l0engine.studies.samples.settings:SampleStudy", "l0engine.studies.samples.run:run"),
    "features": Kind("l0engine.studies.features.settings:FeatureStudy", "l0engine.studies.features.run:run"),
    "pruning": Kind("l0engine.studies.pruning.settings:PruningStudy", "l0engine.studies.pruning.run:run"),
}


class Stored(Protocol):
    """What goes into the database as JSON and comes out of it."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Inverse of `to_dict`."""


class Step(Stored, Protocol):
    """A snapshot; it counts up and names its job's last step, for the cursor and the bar of a page that follows."""

    @property
    def step(self) -> int: ...

    @property
    def epochs(self) -> int: ...


class Task(Stored, Protocol):
    """Settings of a job: a frozen dataclass that loads no torch."""

    kind: ClassVar[str]
    __dataclass_fields__: ClassVar[dict[str, Any]]
    #: What it yields on the way, and what it ends in.
    snapshot: ClassVar[type[Any]]
    result: ClassVar[type[Any]]

    @property
    def label(self) -> str:
        """What it is about in a few words, for menus."""


class Context(NamedTuple):
    """What a task may use while it runs.

    Attributes
    ----------
    folder : Path
        Its inputs, and whatever it writes.
    should_stop : callable
        Polled often; once True the run ends soon, with a result of what there is. It waits while the job is paused.
    paused : float
        Seconds it waited so far.
    """

    task: Any
    folder: Path
    should_stop: Callable[[], bool]
    paused: float = 0.0


class Ending(NamedTuple, Generic[Result]):
    """How a run ended: with a result, where that is not kept already; as finished or stopped, where it does not know better."""

    result: Result | None = None
    status: Status | None = None
    message: str = ""


#: Yields snapshots and returns how it ended. An `L0Error` is told to the user as it stands.
Run = Generator[Any, None, Ending[Any]]


def task_class(kind: str) -> type[Task]:
    """The settings of a kind."""
    found: type[Task] = _named(KINDS[kind].task)
    return found


def task_of(kind: str, values: Mapping[str, Any]) -> Task:
    """The task that `Task.to_dict` made these values of.

    Raises
    ------
    L0Error
        The kind is unknown, or the settings are not of it.
    """
    try:
        task = task_class(kind).from_dict(values)
        if strange := set(values) - set(task.__dataclass_fields__):
            raise KeyError(*strange)
    except (KeyError, TypeError, AttributeError, msgspec.ValidationError) as error:
        raise L0Error("This job was made by another version: start it anew.") from error
    return task


def run_of(kind: str) -> Callable[[Any], Run]:
    """The function that carries out a kind."""
    found: Callable[[Any], Run] = _named(KINDS[kind].run)
    return found


def _named(place: str) -> Any:
    module, name = place.split(":")
    return getattr(import_module(module), name)
