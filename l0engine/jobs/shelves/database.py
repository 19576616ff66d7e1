"""The SQLite file of a store: schema, and short connections that any thread or process may open.

What is one job's stands under its id: its row in `jobs`, its snapshots, looks and points (the column `run`), its events.
"""

from __future__ import annotations

import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from l0engine.errors import L0Error
from l0engine.jobs.disk.edge import at_the_edge
from l0engine.jobs.shelves.adoption import adopt_studies

#: Seconds a connection waits for another one's write to end.
BUSY_SECONDS = 30.0
#: Statements that bring a file from one version to the next; those of version 0 make a new one.
_STEPS: tuple[tuple[str | Callable[[sqlite3.Connection, Path], None], ...], ...] = (
    (
        """CREATE TABLE problems (
            sha TEXT PRIMARY KEY, title TEXT NOT NULL, n_targets INTEGER NOT NULL, n_households INTEGER NOT NULL,
            nnz INTEGER NOT NULL, created REAL NOT NULL, source TEXT NOT NULL)""",
        """CREATE TABLE runs (
            id TEXT PRIMARY KEY, problem TEXT NOT NULL, config TEXT NOT NULL, status TEXT NOT NULL,
            message TEXT NOT NULL DEFAULT '', created REAL NOT NULL, started REAL, ended REAL, pid INTEGER,
            request TEXT NOT NULL DEFAULT 'none', checkpoint INTEGER, outcome TEXT)""",
        "CREATE INDEX runs_by_status ON runs (status, created)",
        "CREATE INDEX runs_by_time ON runs (created)",
        """CREATE TABLE snapshots (
            run TEXT NOT NULL, step INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY (run, step)) WITHOUT ROWID""",
    ),
    (
        "ALTER TABLE runs ADD COLUMN plan TEXT",
        "ALTER TABLE runs ADD COLUMN sweep TEXT",
        """CREATE TABLE points (
            number INTEGER PRIMARY KEY, run TEXT NOT NULL, key TEXT NOT NULL, body TEXT NOT NULL, UNIQUE (run, key))""",
    ),
    (
        """CREATE TABLE jobs (
            id TEXT PRIMARY KEY, kind TEXT NOT NULL, problem TEXT, task TEXT NOT NULL, status TEXT NOT NULL,
            message TEXT NOT NULL DEFAULT '', created REAL NOT NULL, started REAL, ended REAL, pid INTEGER,
            request TEXT NOT NULL DEFAULT 'none', checkpoint INTEGER, result TEXT, sweep TEXT)""",
        "CREATE INDEX jobs_by_status ON jobs (status, created)",
        "CREATE INDEX jobs_by_time ON jobs (kind, created)",
        """INSERT INTO jobs SELECT
            id, 'calibration', problem,
            '{"problem": "' || problem || '", "config": ' || config || ', "plan": ' || COALESCE(plan, 'null') || '}',
            status, message, created, started, ended, pid, request, checkpoint, outcome, sweep FROM runs""",
        "DROP TABLE runs",
        adopt_studies,
    ),
    (
        "ALTER TABLE jobs ADD COLUMN name TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE jobs ADD COLUMN note TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE jobs ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE jobs ADD COLUMN deleted REAL",
        "CREATE TABLE events (number INTEGER PRIMARY KEY, job TEXT NOT NULL, step INTEGER, body TEXT NOT NULL, time REAL NOT NULL)",
        "CREATE INDEX events_by_job ON events (job, number)",
    ),
    (
        "ALTER TABLE jobs ADD COLUMN imported REAL",
        "ALTER TABLE jobs ADD COLUMN bundle TEXT",
    ),
    (
        """CREATE TABLE looks (
            number INTEGER PRIMARY KEY, run TEXT NOT NULL, step INTEGER NOT NULL, errors BLOB NOT NULL, gates BLOB NOT NULL,
            UNIQUE (run, step))""",
    ),
)


class Database:
    """One SQLite file in write-ahead mode: readers never wait for the writer.

    Connections live for one call, so that none crosses a thread or a fork. One more stays open and idle: without it, every call would be
    the last to close, which makes SQLite empty its log and remove the files that a full disk then has no room for.

    Raises
    ------
    L0Error
        The file was written by a newer version.
    StorageError
        The disk is full, or the file cannot be used; also from `connect` and `write`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._turn = threading.Lock()  # threads take turns here: SQLite's own waiting is by sleeps, which grow to 0.1 s
        with self.connect() as db:
            if _version(db) == 0:
                _use_write_ahead(db)
        with self.write() as db:
            found = _version(db)
            for step in _STEPS[found:]:
                for statement in step:
                    db.execute(statement) if isinstance(statement, str) else statement(db, path.parent)
            if found < len(_STEPS):
                db.execute(f"PRAGMA user_version = {len(_STEPS)}")
            elif found > len(_STEPS):
                raise L0Error(
                    f"{path} has schema {found} but this version reads schema {len(_STEPS)}: "
                    "update l0engine, or set L0ENGINE_HOME to another folder."
                )
        with at_the_edge():
            held = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
            weakref.finalize(self, held.close)
            _version(held)

    @contextmanager
    def connect(self) -> Iterator[sqlite3.Connection]:
        """A connection for reading, closed at the end."""
        with at_the_edge(), closing(sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None)) as db:
            db.row_factory = sqlite3.Row
            db.execute("PRAGMA synchronous = NORMAL")
            yield db

    def rows(self, query: str, *values: Any) -> list[sqlite3.Row]:
        """What a query finds."""
        with self.connect() as db:
            return db.execute(query, values).fetchall()

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """A connection in one write transaction: all of it takes place, or none."""
        with self._turn, self.connect() as db:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def _use_write_ahead(db: sqlite3.Connection) -> None:
    # Switching the mode does not wait for other connections as statements do, so it is tried again here.
    for attempt in range(100):
        try:
            db.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError:
            if attempt == 99:
                raise
            time.sleep(0.05)
