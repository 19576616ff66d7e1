"""PruningStudy: a network of gated weights learns to tell images apart, and what is left of it becomes a small ordinary one."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from l0engine.studies.pruning.images import load
from l0engine.studies.pruning.settings import PruningSettings


@dataclass(frozen=True)
class PruningStudy(PruningSettings):
    """A study of the settings. Its folder holds uploaded images as images.npz."""

    kind: ClassVar[str] = "pruning"

    @property
    def label(self) -> str:
        """For menus: 'digits, mlp of 256, λ L0 0.5'."""
        return f"{self.title or self.source}, {self.network} of {self.hidden}, λ L0 {self.lambda_l0:g}"

    def run(self, folder: Path, should_stop: Callable[[], bool]) -> Generator[dict[str, Any], None, dict[str, Any]]:
        """Yield a snapshot an epoch; write drawing.npz, examples.npz, model.npz and model.py. See `run`.

        Raises
        ------
        ConfigError, ProblemError
            A setting is out of bounds, or training broke.
        """
        self.check()
        images = load(self.source, folder, self.seed)
        from l0engine.studies.pruning.run import carry_out  # loads torch, which the pages do without

        return (yield from carry_out(self, images, folder, should_stop))
