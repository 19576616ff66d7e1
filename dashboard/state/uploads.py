"""Uploaded tables and images: parsed in a guarded child process, and kept once for the same content."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal, NamedTuple

import pandas as pd
import pyarrow.parquet as pq
import streamlit as st

from dashboard.state.opened.problems import DEFAULT_SAMPLE, SAMPLES
from dashboard.state.quotas import admit, took
from l0engine.errors import L0Error
from l0engine.io import load_guarded, table_guarded
from l0engine.io.logs import CalibrationLog, load_log, read_log
from l0engine.io.tables import TABLES as ENDINGS
from l0engine.io.tables import ending
from l0engine.io.whole import write_whole
from l0engine.jobs.shelves.problems import default_root


class Uploads(NamedTuple):
    """A kind of upload.

    Attributes
    ----------
    folder : str
        Below the store.
    suffix : str
        Of what is kept.
    types : tuple of str
        Endings that are taken; what has another is read as the first.
    parse : callable
        Checks a file, writes what is kept, in a process of its own, and says how the file was read where that is not plain; takes the
        file, the path to write to, and answers to what is unclear.
    """

    folder: str
    suffix: str
    types: tuple[str, ...]
    parse: Callable[[Path, Path, Mapping[str, str]], str]

    def keep(self, name: str, content: bytes) -> str:
        """As `read`, without answers; the path alone."""
        return self.read(name, content, {})[0]

    def read(self, name: str, content: bytes, answers: Mapping[str, str]) -> tuple[str, str]:
        """Parse an upload and keep it, once for the same content; its path, and how it was read.

        Raises
        ------
        AmbiguousTable
            It can be read in several ways, see `answers` of `read_table`.
        L0Error
            The session or the store is full.
        ProblemError
            A sentence that names file, place and remedy.
        """
        path = Path(name.replace("\\", "/"))
        said = json.dumps(answers, sort_keys=True).encode() if answers else b""
        kept = self._root / f"{hashlib.sha256(content + said).hexdigest()}{self.suffix}"
        if not kept.with_suffix(".json").exists():
            admit(len(content))
            self._root.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory() as scratch:
                kind = ending(path.name)
                raw = Path(scratch, f"{path.stem[:60] or self.folder}{kind if kind in self.types else self.types[0]}")
                raw.write_bytes(content)
                reading = self.parse(raw, kept, answers)
            note = json.dumps({"title": path.name[:60], "reading": reading}).encode()
            write_whole(kept.with_suffix(".json"), note)
            took(len(content))
        return str(kept), str(json.loads(kept.with_suffix(".json").read_text()).get("reading", ""))

    @property
    def endings(self) -> list[str]:
        """What the types end in, as an uploader wants them."""
        return sorted({kind.rsplit(".", 1)[-1] for kind in self.types})

    def titles(self) -> dict[str, str]:
        """All that are kept: path, title; newest first."""
        notes = sorted(self._root.glob("*.json"), key=lambda p: p.stat().st_mtime, reverse=True)
        return {str(note.with_suffix(self.suffix)): json.loads(note.read_text())["title"] for note in notes}

    @property
    def _root(self) -> Path:
        return default_root() / self.folder


def _table(raw: Path, kept: Path, answers: Mapping[str, str]) -> str:
    return table_guarded(raw, kept, answers=answers).sentence


def plain(what: Literal["images", "log", "previous"]) -> Callable[[Path, Path, Mapping[str, str]], str]:
    """Of a kind of file that can be read in one way only."""

    def parsed(raw: Path, kept: Path, _: Mapping[str, str]) -> str:
        load_guarded(raw, kept, what)
        return ""

    return parsed


TABLES = Uploads("tables", ".parquet", ENDINGS, _table)
LOGS = Uploads("logs", ".npz", (".csv", ".parquet"), plain("log"))
IMAGES = Uploads("images", ".npz", (".npz",), plain("images"))


def sample_tables() -> dict[str, str]:
    """Bundled tables: path, title; the largest first."""
    found = [(p.parent, json.loads((p.parent / "sample.json").read_text())["title"]) for p in SAMPLES.glob("*/households.parquet")]
    largest_first = sorted(found, key=lambda f: f[0].name != DEFAULT_SAMPLE)
    return {str(folder / "households.parquet"): f"Households: {title}" for folder, title in largest_first}


@st.cache_resource(max_entries=8, show_spinner="Reading the table …")
def table(path: str) -> pd.DataFrame:
    """A bundled or uploaded table; not to be changed."""
    if path not in sample_tables() and path not in TABLES.titles():
        raise L0Error("This table is no longer here: choose another one, or upload it again.")
    return pq.read_table(path).to_pandas()


def logs() -> dict[str, str]:
    """Uploaded calibration logs, and the bundled one: path, title; the newest first."""
    samples = {str(p): "Sample: Massachusetts, l0-python 0.6.2" for p in SAMPLES.glob("massachusetts/calibration_log.csv")}
    return {**LOGS.titles(), **samples}


@st.cache_resource(max_entries=3, show_spinner="Reading the log …")
def calibration_log(path: str) -> CalibrationLog:
    """A bundled or uploaded calibration log."""
    if path not in logs():
        raise L0Error("This log is no longer here: choose another one, or upload it again.")
    return read_log(Path(path)) if path.endswith(".csv") else load_log(Path(path))
