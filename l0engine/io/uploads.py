"""Uploaded files: which is the matrix, which the targets, which the households; stored under names of our own."""

from __future__ import annotations

import re
import shutil
import zipfile
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import tomli_w

from l0engine.errors import ProblemError
from l0engine.io.folder import ANSWERS, ROLES
from l0engine.io.limits import check_unpacked, clipped, listed, readable, shown
from l0engine.io.matrices.ordered import is_ordered
from l0engine.io.pickles import refuse_pickle
from l0engine.io.tables import TABLES, column_names, ending, read_table
from l0engine.io.tables.heads import known_heads
from l0engine.io.tables.reading import KNOWN, checked_answers
from l0engine.io.whole import write_whole

_STEMS = {"matrix": "matrix", "target": "targets", "household": "households"}
#: Endings of files that are taken.
KINDS = (".npz", ".mtx", *TABLES)
_NEEDED = ("matrix", "targets")
_ROLE_WORD = re.compile(r"[\s_.-]*(matrix|targets?|households?)(?![a-z])", re.IGNORECASE)
_MAX_FILES = 1000


class Recognised(NamedTuple):
    """One uploaded file.

    Attributes
    ----------
    role : str
        'matrix', 'targets' or 'households'; or 'problem', an ordered problem of microcosm.
    name : str
        The user's name for it, for display only.
    file : str
        Our name for it, in the problem folder.
    """

    role: str
    name: str
    file: str


@dataclass(frozen=True, eq=False)
class _Staged:
    name: str
    path: Path
    answers: dict[str, str]

    @property
    def columns(self) -> list[str]:
        """Its columns, known ones under our names."""
        columns = column_names(self.path, shown(self.name), self.answers)
        ours = {theirs: name for name, theirs in known_heads(columns, KNOWN, self.answers).items()}
        return [ours.get(c, c) for c in columns]


def recognise_uploads(
    files: Mapping[str, bytes | Path], folder: str | Path, answers: Mapping[str, Mapping[str, str]] | None = None
) -> tuple[Recognised, ...]:
    """Decide what each uploaded file is and store it under our own name in `folder`, ready for `load_guarded`.

    Parameters
    ----------
    files : mapping of str to bytes or Path
        Untrusted file names, never used as paths, and the contents. One ``.zip`` of such files will do as well.
    folder : str or Path
        An empty or new folder.
    answers : mapping of str to (mapping of str to str), optional
        What was said about a file, by the user's name for it, as `AmbiguousTable` asks; kept in the folder for `load_problem`.

    Returns
    -------
    tuple of Recognised
        In the order matrix, targets, households.

    Raises
    ------
    AmbiguousTable
        A file can be read in several ways; it is named as the user does, here, and as in `Recognised.file` by `load_guarded`.
    ProblemError
        A file or role is missing, twice there, or unclear; says which file was taken for what.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise ProblemError(f"The folder '{shown(folder)}' is not empty: choose another.")
    if not files:
        raise ProblemError("No file was given: add a matrix and targets, and households if you have them.")
    staging = folder / ".uploads"
    try:
        staging.mkdir()
        staged = _stage(files, staging, answers or {})
        roles = _roles(staged)
        out = []
        for role in ROLES:
            if role in roles:
                target = folder / f"{role}{ending(roles[role].path.name)}"
                roles[role].path.replace(target)
                out.append(Recognised(role, shown(roles[role].name), target.name))
        said = {r.file: roles[r.role].answers for r in out if roles[r.role].answers}
        if said:
            write_whole(folder / ANSWERS, lambda file: tomli_w.dump(said, file))
        return tuple(out)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def upload_title(names: Sequence[str], n_targets: int, n_households: int, taken: Container[str] = ()) -> str:
    """A title by which a person knows an upload again.

    It is what the file names say beyond their roles, 'maine' for maine_matrix.npz and targets.csv, or for maine.zip. Where they say
    nothing, it is the size; where they say different things, it is the names.

    Parameters
    ----------
    names : sequence of str
        Untrusted names of the uploaded files.
    n_targets, n_households : int
    taken : container of str
        Titles of other problems: a title that is among them gets a number.
    """
    stems = [shown(name).rsplit(".", 1)[0] for name in names]
    said = dict.fromkeys(filter(None, (_ROLE_WORD.sub("", stem).strip(" _.-") for stem in stems)))
    title = next(iter(said), f"Upload of {n_targets:,} targets × {n_households:,} households")
    title = clipped(", ".join(stems) if len(said) > 1 else title, 60)
    number, numbered = 1, title
    while numbered in taken:
        number += 1
        numbered = f"{title} ({number})"
    return numbered


def _stage(files: Mapping[str, bytes | Path], staging: Path, answers: Mapping[str, Mapping[str, str]]) -> list[_Staged]:
    """Copy every file to a name of ours, with only its suffix kept."""
    if any(_suffix(n) == ".zip" for n in files):
        if len(files) > 1:
            raise ProblemError(f"{listed(map(shown, files))}: give either one .zip or separate files.")
        name, content = next(iter(files.items()))
        archive = _copy(content, staging / "upload.zip")
        return _unzip(archive, shown(name), staging, answers)
    out = []
    for i, (name, content) in enumerate(files.items()):
        refuse_pickle(name)
        if _suffix(name) not in KINDS:
            raise ProblemError(
                f"{shown(name)}: this kind of file is not known: give .npz, .mtx, a table such as .csv, .xlsx or .parquet, or one .zip."
            )
        out.append(_Staged(name, _copy(content, staging / f"{i}{_suffix(name)}"), _said(name, answers)))
    return out


def _said(name: str, answers: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    return checked_answers(shown(name), answers.get(name, answers.get(shown(name))))


def _copy(content: bytes | Path, path: Path) -> Path:
    if isinstance(content, Path):
        shutil.copyfile(content, path)
    else:
        path.write_bytes(content)
    return path


def _unzip(archive: Path, name: str, staging: Path, answers: Mapping[str, Mapping[str, str]]) -> list[_Staged]:
    """Data files of an archive; its own paths are never used, other files are left out."""
    with readable(name, "a ZIP archive"), zipfile.ZipFile(archive) as z:
        files = [m for m in z.infolist() if not m.is_dir() and _suffix(m.filename) in KINDS]
        members = [m for m in files if not shown(m.filename).startswith(".") and not m.filename.startswith("__MACOSX")]
        if not members or len(z.infolist()) > _MAX_FILES:
            raise ProblemError(f"{name}: it holds {len(members):,} data files: put matrix, targets and households into it.")
        if any(m.flag_bits & 1 for m in members):
            raise ProblemError(f"{name}: it is encrypted: pack it without a password.")
        check_unpacked(name, sum(m.file_size for m in members), archive.stat().st_size)
        out = []
        for i, m in enumerate(members):
            path = staging / f"{i}{_suffix(m.filename)}"
            with z.open(m) as source, path.open("wb") as target:
                shutil.copyfileobj(source, target)
            out.append(_Staged(m.filename, path, _said(m.filename, answers)))
        return out


def _suffix(name: str) -> str:
    return ending(shown(name) if len(name) <= 60 else name)


def _roles(staged: list[_Staged]) -> dict[str, _Staged]:
    """One file a role: by name where that says it, by content elsewhere, by what is left last."""
    possible = {f: _possible(f) for f in staged}
    target_names = None
    for f, roles in possible.items():
        if len(roles) > 1:  # a row per household: the matrix if its columns are targets, else the households
            if target_names is None:
                target_names = _target_names([g for g, r in possible.items() if r == {"targets"}])
            is_matrix = bool(target_names & set(f.columns))
            possible[f] = {"matrix"} if is_matrix else {"households"}
    out: dict[str, _Staged] = {}
    for f, roles in possible.items():
        for role in roles:
            if role in out:
                raise ProblemError(f"{listed([shown(out[role].name), shown(f.name)])} both look like the {role}: give one of them.")
            out[role] = f
    if "problem" in out:
        if len(out) > 1:
            raise ProblemError(f"{shown(out['problem'].name)}: it is a whole problem of its own: give it alone.")
        return out
    missing = [r for r in _NEEDED if r not in out]
    if missing:
        known = ", ".join(f"{shown(f.name)} as the {role}" for role, f in out.items())
        need = "columns target, value" if missing[0] == "targets" else "NPZ, MTX, or a table with household_id"
        raise ProblemError(f"The {missing[0]} file is missing (recognised: {known or 'none'}): add it ({need}).")
    return out


def _possible(f: _Staged) -> set[str]:
    """Roles a file may play, by suffix, then stem, then column names."""
    if ending(f.path.name) not in TABLES:
        return {"problem"} if f.path.suffix == ".npz" and is_ordered(f.path) else {"matrix"}
    stem = shown(f.name).lower().rsplit(".", 1)[0]
    named = {role for word, role in _STEMS.items() if word in stem}
    if len(named) == 1:
        return named
    columns = set(f.columns)
    if {"target", "household_id", "value"} <= columns:
        return {"matrix"}
    if {"target", "value"} <= columns:
        return {"targets"}
    if "household_id" in columns:
        return {"households"} if "base_weight" in columns else {"matrix", "households"}
    if "target" in columns:
        return {"matrix"}
    raise ProblemError(
        f"{shown(f.name)}: its columns {listed(sorted(columns))} tell nothing of its role: name it matrix, targets or households."
    )


def _target_names(files: list[_Staged]) -> set[str]:
    """Names in the targets file, where there is one that can be read; `load_problem` says later why it cannot."""
    try:
        return {name for f in files for name in read_table(f.path, f.answers).known("target").texts("target").to_pylist()}
    except (ProblemError, KeyError):
        return set()
