"""PointShelf: the frontier of a run, point by point as it is computed."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from l0engine.calibration.frontier.point import FrontierPoint
from l0engine.calibration.results import Measures
from l0engine.errors import L0Error
from l0engine.io.whole import read_arrays, write_arrays
from l0engine.jobs.disk.edge import at_the_edge
from l0engine.jobs.job import checked_id
from l0engine.jobs.records import PointRecord
from l0engine.jobs.shelves.looks import LookShelf

#: Keys of points, which become names of files.
KEY = re.compile(r"[a-z0-9]{1,20}-[0-9]{1,12}")


class PointShelf(LookShelf):
    """The part of `Store` that keeps frontier points, under runs/<id>/points/<key>.npz and in the database."""

    @at_the_edge()
    def save_point(self, run_id: str, point: FrontierPoint) -> PointRecord:
        """Keep a point; one of the same key is replaced.

        Raises
        ------
        StorageError
            Its weights could not be written; it is not recorded.
        """
        p = point
        record = PointRecord(p.method, p.budget, p.measures, p.held_out, p.seconds, p.note, certificate=p.certificate, mu=p.mu)
        file = self._point_file(run_id, record.key)
        file.parent.mkdir(exist_ok=True)
        write_arrays(file, {"households": p.households, "weights": p.weights, "start": p.start})
        self._record(run_id, record)
        return record

    @at_the_edge()
    def save_curve(self, run_id: str, point: PointRecord, curve: Sequence[tuple[float, Measures]]) -> None:
        """Add its curve of error against effective sample size to a point."""
        self._record(run_id, replace(point, curve=tuple(curve)))

    def points(self, run_id: str) -> list[PointRecord]:
        """Points of a run, in the order in which they were computed."""
        rows = self._database.rows("SELECT body FROM points WHERE run = ? ORDER BY number", checked_id(run_id))
        return [PointRecord.from_dict(json.loads(row["body"])) for row in rows]

    def point_weights(self, run_id: str, key: str, n_households: int) -> np.ndarray:
        """Weights of all households at a point, shape (n_households,), read-only.

        Raises
        ------
        L0Error
            There is no such point.
        """
        weights = self._of_point(run_id, key, n_households, "weights")
        assert weights is not None  # every version wrote them
        return weights

    def point_start(self, run_id: str, key: str, n_households: int) -> np.ndarray | None:
        """What the refit of a point held the weights to, as `point_weights`; None in what an earlier version wrote."""
        return self._of_point(run_id, key, n_households, "start")

    def _of_point(self, run_id: str, key: str, n_households: int, name: str) -> np.ndarray | None:
        try:
            arrays = read_arrays(self._point_file(run_id, key))
        except OSError:
            raise L0Error(f"Run {run_id} has no point {key[:40]!r}: choose one on the Frontier page.") from None
        if name not in arrays:
            return None
        full = np.zeros(n_households)
        full[arrays["households"]] = arrays[name]
        full.setflags(write=False)
        return full

    def _point_file(self, run_id: str, key: str) -> Path:
        if not KEY.fullmatch(key):
            raise L0Error(f"{key[:40]!r} is not the name of a point: choose one on the Frontier page.")
        return self.folder(run_id) / "points" / f"{key}.npz"

    def _record(self, run_id: str, record: PointRecord) -> None:
        with self._database.write() as db:
            db.execute(
                "INSERT INTO points (run, key, body) VALUES (?, ?, ?) ON CONFLICT (run, key) DO UPDATE SET body = excluded.body",
                (checked_id(run_id), record.key, json.dumps(record.to_dict())),
            )
