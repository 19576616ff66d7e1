"""Cut the state slices from the US problem, byte for byte the same every time: ``python sample_data/cut_slices.py``.

A slice holds the households of its states and the targets of those geographies; national totals are left out, as one
state cannot reach them. Targets that no household reaches stay in: real problems have them.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse as sp

HERE = Path(__file__).resolve().parent
STATES = {"new_england": ("CT", "MA", "ME", "NH", "RI", "VT"), "massachusetts": ("MA",)}


def cut(us: Path, states: tuple[str, ...]) -> tuple[sp.coo_array, pd.DataFrame, pd.DataFrame]:
    """Matrix, targets and households of some states, in the order of the US problem."""
    targets = pd.read_csv(us / "targets.csv", keep_default_na=False)
    households = pd.read_parquet(us / "households.parquet")
    rows = np.flatnonzero(targets["geography"].isin(states))
    columns = np.flatnonzero(households["state"].isin(states))
    matrix = sp.csr_array(sp.load_npz(us / "matrix.npz"))[rows][:, columns]
    matrix.sort_indices()
    targets = targets.iloc[rows].drop(columns="support").reset_index(drop=True)
    return matrix.tocoo(), targets, households.iloc[columns].reset_index(drop=True)


def exact(number: float) -> str:
    """The shortest text that reads back, in double precision, as exactly this number."""
    return repr(int(number)) if float(number).is_integer() else repr(float(number))


def write_new_england(out: Path, matrix: sp.coo_array, targets: pd.DataFrame, households: pd.DataFrame) -> None:
    """MatrixMarket, Parquet targets, CSV households."""
    lines = ["%%MatrixMarket matrix coordinate real general", f"{matrix.shape[0]} {matrix.shape[1]} {matrix.nnz}"]
    lines += [f"{i + 1} {j + 1} {exact(v)}" for i, j, v in zip(*matrix.coords, matrix.data, strict=True)]
    (out / "matrix.mtx").write_text("\n".join(lines) + "\n", encoding="ascii", newline="\n")
    targets.to_parquet(out / "targets.parquet", compression="zstd", index=False)
    households.to_csv(out / "households.csv", index=False, lineterminator="\n")


def write_massachusetts(out: Path, matrix: sp.coo_array, targets: pd.DataFrame, households: pd.DataFrame) -> None:
    """Long CSV table, CSV targets, Parquet households."""
    i, j = matrix.coords
    table = {"target": targets["target"].to_numpy()[i], "household_id": households["household_id"].to_numpy()[j]}
    frame = pd.DataFrame({**table, "value": [exact(v) for v in matrix.data]})
    frame.to_csv(out / "matrix.csv", index=False, lineterminator="\n")
    targets.to_csv(out / "targets.csv", index=False, lineterminator="\n")
    households.to_parquet(out / "households.parquet", compression="zstd", index=False)


WRITERS = {"new_england": write_new_england, "massachusetts": write_massachusetts}
TITLES = {"new_england": "New England", "massachusetts": "Massachusetts"}
FORMATS = {
    "new_england": "MatrixMarket, Parquet targets, CSV households",
    "massachusetts": "a long CSV table, CSV targets, Parquet households",
}


def main() -> None:
    """Write every slice."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--us", type=Path, default=HERE / "us", help="folder of the US problem")
    parser.add_argument("--out", type=Path, default=HERE, help="where the slice folders go")
    arguments = parser.parse_args()
    for name, states in STATES.items():
        matrix, targets, households = cut(arguments.us, states)
        out = arguments.out / name
        out.mkdir(parents=True, exist_ok=True)
        WRITERS[name](out, matrix, targets, households)
        place = "six states" if len(states) > 1 else "one state"
        card = {
            "title": TITLES[name],
            "sentence": f"{len(households):,} CPS households of {place}, {len(targets):,} published totals; {FORMATS[name]}.",
        }
        (out / "sample.json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
