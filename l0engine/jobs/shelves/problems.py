"""ProblemShelf: problems kept once each, by fingerprint."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import time
from pathlib import Path

from l0engine.calibration.problem.problem import Problem
from l0engine.errors import L0Error, StorageError
from l0engine.io import load_problem, save_problem
from l0engine.io.folder import RECIPE
from l0engine.io.saving import recipe_in
from l0engine.io.whole import flush_folder, write_whole
from l0engine.jobs.disk.edge import at_the_edge
from l0engine.jobs.records import ProblemRecord
from l0engine.jobs.shelves.database import Database

#: Ids of problems.
SHA = re.compile(r"[0-9a-f]{64}")


def default_root() -> Path:
    """Folder of the store: the environment's L0ENGINE_HOME, else ~/.l0engine."""
    return Path(os.environ.get("L0ENGINE_HOME") or "~/.l0engine").expanduser()


class ProblemShelf:
    """The half of `Store` that keeps problems, under `root`/problems/<sha>/."""

    def __init__(self, root: Path | str | None = None) -> None:
        self.root = Path(root) if root is not None else default_root()
        with at_the_edge():
            try:
                self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
                for name in ("problems", "runs"):
                    (self.root / name).mkdir(exist_ok=True)
            except (FileNotFoundError, FileExistsError, NotADirectoryError, PermissionError) as error:
                raise StorageError(
                    f"{self.root} cannot be made or written ({error.strerror}): name another folder by L0ENGINE_HOME."
                ) from error
        self._database = Database(self.root / "store.sqlite")

    @at_the_edge()
    def add_problem(self, problem: Problem, title: str, source: str = "", recipe: str = "") -> ProblemRecord:
        """Keep a problem, and the recipe it was made by, if any; one that is there already keeps its first title and recipe."""
        folder = self._problem_folder(problem.fingerprint)
        if not folder.exists():
            staged = self._staging()
            try:
                save_problem(problem, staged)
                _move_in(staged, folder)
            finally:
                shutil.rmtree(staged, ignore_errors=True)
        return self._register(problem, title, source, recipe)

    @at_the_edge()
    def adopt_problem(self, folder: Path | str, title: str, source: str = "upload", recipe: str = "") -> ProblemRecord:
        """Move a folder that `save_problem` wrote into the store, as `add_problem` does; it is gone from its old place afterwards."""
        problem = load_problem(folder, ours=True)
        staged = self._staging()
        os.utime(folder)  # it may be old, and must not be taken for left over on its way
        shutil.move(folder, staged)
        try:
            _move_in(staged, self._problem_folder(problem.fingerprint))
        finally:
            shutil.rmtree(staged, ignore_errors=True)
        return self._register(problem, title, source, recipe)

    def problems(self) -> list[ProblemRecord]:
        """All problems, newest first."""
        return [ProblemRecord(**row) for row in self._database.rows("SELECT * FROM problems ORDER BY created DESC, sha")]

    def problem_record(self, sha: str) -> ProblemRecord:
        """What is known of one problem, without its matrix."""
        rows = self._database.rows("SELECT * FROM problems WHERE sha = ?", _checked_sha(sha))
        if not rows:
            back = "open it on the Data page, or bring its runs in again from a bundle with their microdata"
            raise L0Error(f"There is no problem {sha[:12]} in {self.root}: {back}.")
        return ProblemRecord(**rows[0])

    def problem(self, sha: str) -> Problem:
        """The problem itself."""
        self.problem_record(sha)
        return load_problem(self._problem_folder(sha), ours=True)

    def recipe(self, sha: str) -> str:
        """The recipe by which a problem was made of tables, as TOML; empty where it was not."""
        return recipe_in(self._problem_folder(sha))

    def _problem_folder(self, sha: str) -> Path:
        return self.root / "problems" / _checked_sha(sha)

    def _staging(self) -> Path:
        return self.root / "problems" / f".new-{secrets.token_hex(8)}"

    def _register(self, problem: Problem, title: str, source: str, recipe: str) -> ProblemRecord:
        sha, p = problem.fingerprint, problem
        file = self._problem_folder(sha) / RECIPE
        if recipe and not file.exists():  # it may have come as a matrix before
            write_whole(file, recipe.encode())
        with self._database.write() as db:
            db.execute(
                "INSERT OR IGNORE INTO problems VALUES (?, ?, ?, ?, ?, ?, ?)",
                (sha, title.strip()[:200], p.n_targets, p.n_households, int(p.matrix.nnz), time.time(), source),
            )
        return self.problem_record(sha)


def _move_in(staged: Path, folder: Path) -> None:
    """Rename a complete folder to its place, where no other process was quicker."""
    try:
        os.rename(staged, folder)
    except OSError:
        if not folder.is_dir():
            raise
    flush_folder(folder.parent)


def _checked_sha(sha: str) -> str:
    if not SHA.fullmatch(sha):
        raise L0Error(f"{sha[:40]!r} is not the id of a problem: choose one from the list.")
    return sha
