"""A small problem as the files people upload, in every format; written here by plain pandas and SciPy, not by the library."""

from __future__ import annotations

import io
import zipfile
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import sparse as sp
from scipy.io import mmwrite

SAMPLES = Path(__file__).parent.parent / "sample_data"
FORMATS = ("npz", "mtx", "long csv", "wide csv", "parquet", "zip")
MIME = {"csv": "text/csv", "zip": "application/zip"}


class Plain(NamedTuple):
    """A problem in dense arrays."""

    matrix: np.ndarray
    targets: pd.DataFrame
    households: pd.DataFrame


@cache
def massachusetts() -> Plain:
    """The sample, read without the library."""
    folder = SAMPLES / "massachusetts"
    entries = pd.read_csv(folder / "matrix.csv", dtype={"household_id": str})
    targets = pd.read_csv(folder / "targets.csv")
    households = pd.read_parquet(folder / "households.parquet").astype({"household_id": str})
    row = pd.Index(targets["target"]).get_indexer(entries["target"])
    column = pd.Index(households["household_id"]).get_indexer(entries["household_id"])
    dense = np.zeros((len(targets), len(households)))
    dense[row, column] = entries["value"]
    return Plain(dense, targets, households)


@cache
def small() -> Plain:
    """Every fourth household of Massachusetts, with totals that some positive weights meet; no other file has these numbers."""
    whole = massachusetts()
    matrix, households = whole.matrix[:, ::4], whole.households.iloc[::4].reset_index(drop=True)
    truth = households["base_weight"].to_numpy() * np.random.default_rng(7).uniform(0.6, 1.4, len(households))
    some = (matrix != 0).sum(axis=1) >= 8
    targets = whole.targets.loc[some, ["target", "group"]].assign(value=np.round(matrix[some] @ truth, 2)).reset_index(drop=True)
    return Plain(matrix[some], targets, households)


@cache
def files(kind: str) -> dict[str, bytes]:
    """Names and contents of the files of `small`, in one of `FORMATS`."""
    matrix, targets, households = small()
    text = {"targets.csv": _csv(targets), "households.csv": _csv(households)}
    names, ids = targets["target"], households["household_id"]
    if kind == "npz":
        buffer = io.BytesIO()
        sp.save_npz(buffer, sp.csr_array(matrix))
        return {"matrix.npz": buffer.getvalue(), **text}
    if kind == "mtx":
        buffer = io.BytesIO()
        mmwrite(buffer, sp.coo_array(matrix), precision=17)
        return {"matrix.mtx": buffer.getvalue(), **text}
    if kind == "long csv":
        i, j = np.nonzero(matrix)
        return {
            "matrix.csv": _csv(pd.DataFrame({"target": names[i].to_numpy(), "household_id": ids[j].to_numpy(), "value": matrix[i, j]})),
            **text,
        }
    wide = pd.DataFrame({"household_id": ids, **{name: matrix[i] for i, name in enumerate(names)}})
    if kind == "wide csv":
        return {"matrix.csv": _csv(wide), **text}
    if kind == "parquet":
        return {"matrix.parquet": _parquet(wide), "targets.parquet": _parquet(targets), "households.parquet": _parquet(households)}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files("wide csv").items():
            archive.writestr(f"my problem/{name}", content)
    return {"everything.zip": buffer.getvalue()}


def mime(name: str) -> str:
    """What a browser would call a file."""
    return MIME.get(name.rsplit(".", 1)[-1], "application/octet-stream")


def _csv(table: pd.DataFrame) -> bytes:
    return table.to_csv(index=False).encode()


def _parquet(table: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False)
    return buffer.getvalue()
