"""Study: what a study is, and the kinds there are. A new kind is a frozen dataclass in a file and a line in `KINDS`."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import asdict
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Protocol

from l0engine.errors import L0Error

#: Name of a kind: module and class.
KINDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "samples": ("l0engine.studies.samples.study", "SampleStudy"),
        "features": ("l0engine.studies.features.study", "FeatureStudy"),
        "pruning": ("l0engine.studies.pruning.study", "PruningStudy"),
    }
)


class Study(Protocol):
    """Settings of a study: a frozen dataclass whose fields are numbers, texts and tuples of them."""

    kind: ClassVar[str]
    #: Dataclass fields, by name.
    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def label(self) -> str:
        """What it is about in a few words, for menus."""

    def run(self, folder: Path, should_stop: Callable[[], bool]) -> Generator[dict[str, Any], None, dict[str, Any]]:
        """Yield snapshots and return the result, both plain JSON; files that go with it are read from and written to `folder`.

        `should_stop` is polled often; once True the run ends soon, with a result of what there is. An `L0Error` is told to
        the user as it stands.
        """


class StudyStatus(StrEnum):
    """Where a study is; `failed` and `interrupted` come with a sentence."""

    RUNNING = "running"
    FINISHED = "finished"
    STOPPED = "stopped"
    FAILED = "failed"
    INTERRUPTED = "interrupted"

    @property
    def ended(self) -> bool:
        return self is not StudyStatus.RUNNING

    @property
    def has_result(self) -> bool:
        return self in (StudyStatus.FINISHED, StudyStatus.STOPPED)


def to_spec(study: Study) -> dict[str, Any]:
    """A study as plain JSON, its kind included; `from_spec` reads it back."""
    return {"kind": study.kind, "settings": asdict(study)}


def from_spec(spec: Mapping[str, Any]) -> Study:
    """A study from what `to_spec` made of it.

    Raises
    ------
    L0Error
        The kind is unknown, or the settings are not of it.
    """
    try:
        module, name = KINDS[spec["kind"]]
        settings = {key: _tuples(value) for key, value in spec["settings"].items()}
        study: Study = getattr(import_module(module), name)(**settings)
    except (KeyError, TypeError, AttributeError) as error:
        raise L0Error("This study was made by another version: start it anew.") from error
    return study


def _tuples(value: Any) -> Any:
    """JSON's lists are tuples here, at any depth."""
    return tuple(map(_tuples, value)) if isinstance(value, list) else value
