"""Files that are almost right: a valid problem in every kind of file, and changes to its bytes.

``python tests/mutants.py FIRST LAST [ONLY]`` reads each of a range of them in one process, by `load_problem` and by the command line, and
writes a line of JSON on each; the process must live to the end.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import resource
import sys
import tempfile
import time
import zipfile
from functools import cache
from pathlib import Path

import numpy as np
import openpyxl
import ordered
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from scipy import sparse as sp
from scipy.io import mmwrite

ROOT = Path(__file__).parent
Q, N = 12, 300
NAMES, IDS = [f"total {i:02}" for i in range(Q)], [f"h{i:04}" for i in range(N)]
_SPECIAL = [0, 1, -1, 2**15, 2**31 - 1, -(2**31), 2**32 - 1, 10**12, 2**62, 2**63 - 1]


@cache
def dense() -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.where(rng.random((Q, N)) < 0.2, rng.integers(1, 9, (Q, N)).astype(float), 0.0)


def _bytes(write) -> bytes:
    out = io.BytesIO()
    write(out)
    return out.getvalue()


def _path(suffix: str, write) -> bytes:
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch, f"x{suffix}")
        write(path)
        return path.read_bytes()


def _parquet(frame: pd.DataFrame) -> bytes:
    return _bytes(lambda f: pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), f, write_page_checksum=True))


@cache
def seeds() -> dict[str, dict[str, bytes]]:
    """Problem folders; the first file of each is the one that is changed."""
    import pyreadstat
    from test_io_foreign import SAS, _vector, rds

    i, j = np.nonzero(dense())
    long = pd.DataFrame({"target": np.array(NAMES)[i], "household_id": np.array(IDS)[j], "value": dense()[i, j]})
    wide = pd.DataFrame(dense().T, columns=NAMES).assign(household_id=IDS)
    targets = pd.DataFrame({"target": NAMES, "value": dense().sum(axis=1), "group": "g"})
    households = pd.DataFrame({"household_id": IDS, "base_weight": 1.5, "state": ["ME", "VT"] * (N // 2)})
    book = openpyxl.Workbook()
    for row in [list(targets), *targets.itertuples(index=False)]:
        book.active.append(list(row))
    frame = rds({"household_id": _vector(16, IDS), "base_weight": _vector(14, [1.5] * N)}, rows=N)
    csv = {"targets.csv": targets.to_csv(index=False).encode(), "households.csv": households.to_csv(index=False).encode()}
    matrix = {"matrix.npz": _bytes(lambda f: sp.save_npz(f, sp.csr_array(dense())))}
    no = {"targets.csv": csv["targets.csv"]}
    return {
        "csr": {**matrix, **csv},
        "coo": {"matrix.npz": _bytes(lambda f: sp.save_npz(f, sp.coo_array(dense()), compressed=False)), **csv},
        "dense": {"matrix.npz": _bytes(lambda f: np.savez_compressed(f, dense())), **csv},
        "alone": {"matrix.npz": _bytes(lambda f: sp.save_npz(f, sp.csc_array(dense()), compressed=False)), **no},
        "mtx": {"matrix.mtx": _bytes(lambda f: mmwrite(f, sp.coo_array(dense()))), **csv},
        "long csv": {"matrix.csv": long.to_csv(index=False).encode(), **csv},
        "wide csv": {"matrix.csv": wide.to_csv(index=False).encode(), **no},
        "long parquet": {"matrix.parquet": _parquet(long), **csv},
        "wide parquet": {"matrix.parquet": _parquet(wide), **no},
        "targets": {"targets.csv": csv["targets.csv"], "households.csv": csv["households.csv"], **matrix},
        "households": {"households.parquet": _parquet(households), **no, **matrix},
        "xlsx": {"targets.xlsx": _path(".xlsx", book.save), "households.csv": csv["households.csv"], **matrix},
        "dta": {"households.dta": _path(".dta", lambda p: households.to_stata(p, write_index=False)), **no, **matrix},
        "sav": {"households.sav": _path(".sav", lambda p: pyreadstat.write_sav(households, p)), **no, **matrix},
        "sas": {"households.sas7bdat": SAS.read_bytes(), **no, **matrix},
        "rds": {"households.rds": gzip.compress(frame), **no, **matrix},
        "arrow": {"households.arrow": _path(".arrow", lambda p: households.to_feather(p, compression="zstd")), **no, **matrix},
        "ordered": {"problem.npz": ordered.packed(ordered.parts(dense(), dense().sum(axis=1).tolist(), [1.5] * N, IDS))},
    }


def mutate(content: bytes, rng: np.random.Generator) -> bytes:
    """A few bytes flipped, overwritten, cut out, doubled or cut off; in archives as often inside a member, which is packed again."""
    if content[:4] == b"PK\3\4" and rng.random() < 0.6:
        with zipfile.ZipFile(io.BytesIO(content)) as z:
            members = {n: z.read(n) for n in z.namelist()}
        name = rng.choice(sorted(members))
        members[name] = mutate(members[name], rng)
        return _bytes(lambda f: _pack(f, members))
    if content[:2] == b"\x1f\x8b" and rng.random() < 0.8:
        return gzip.compress(mutate(gzip.decompress(content), rng), 1)
    b = bytearray(content)
    for _ in range(int(rng.integers(1, 4))):
        near = rng.random() < 0.4  # headers and footers rule the rest
        at = int(rng.integers(min(len(b), 200) if near else max(len(b), 1))) if b else 0
        at = len(b) - 1 - at if near and rng.random() < 0.5 else at
        length = int(rng.integers(1, 40))
        act = rng.integers(7)
        if act < 2 and b:
            b[at % len(b)] ^= 1 << int(rng.integers(8))
        elif act == 2:
            size = int(rng.choice([2, 4, 8]))
            value = int(rng.choice(len(_SPECIAL)))
            b[at : at + size] = (_SPECIAL[value] % 2 ** (8 * size)).to_bytes(size, str(rng.choice(["little", "big"])))
        elif act == 3:
            del b[at : at + length]
        elif act == 4:
            b[at:at] = b[at : at + length]
        elif act == 5:
            b[at : at + length] = rng.bytes(length)
        else:
            b = b[: int(rng.integers(len(b) + 1))]
    return bytes(b)


def _pack(file, members: dict[str, bytes]) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as z:
        for name, member in members.items():
            z.writestr(name, member)


def mutant(number: int, only: str = "") -> tuple[str, dict[str, bytes]]:
    """A kind of seed, and its files with the first one changed."""
    kinds = [only] if only else list(seeds())
    kind = kinds[number % len(kinds)]
    (name, content), *rest = seeds()[kind].items()
    return kind, {name: mutate(content, np.random.default_rng(number)), **dict(rest)}


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:  # Windows writes so, and it is read so, with a note
        return content.decode("cp1252")


def expected(files: dict[str, bytes]) -> tuple[np.ndarray, np.ndarray] | None:
    """Matrix and values as plain code reads them; None for kinds of file that nothing plain reads.

    A changed digit cannot be told from a right one; a number that is not what the file says can.
    """
    (name, content), *_ = files.items()
    values = dense().sum(axis=1)
    if name == "targets.csv":
        table = pd.read_csv(io.StringIO(_decoded(content)), dtype=str, keep_default_na=False)
        return dense(), np.array([float(v) for v in table["value"]])
    if name == "problem.npz":
        a = np.load(io.BytesIO(content))
        m = sp.csr_array((a["data"], a["indices"], a["indptr"]), shape=(Q, N)).toarray()
        return m[:, a["weights"] > 0], a["targets"]
    if name == "matrix.npz":
        a = np.load(io.BytesIO(content))
        if "format" not in a:
            m = a[a.files[0]]
        else:
            kind, out = str(a["format"].astype(str)), np.zeros(a["shape"])
            along = (
                (a["row"], a["col"]) if kind == "coo" else (np.repeat(np.arange(len(a["indptr"]) - 1), np.diff(a["indptr"])), a["indices"])
            )
            np.add.at(out, along if kind != "csc" else along[::-1], a["data"])
            m = out
        return (m if m.shape[0] == Q else m.T), values
    if name == "matrix.mtx":
        lines = [line.split() for line in content.decode("latin-1").splitlines() if line.strip() and line[0] != "%"]
        m = np.zeros([int(x) for x in lines[0][:2]])
        for row, column, value in lines[1:]:
            m[int(float(row)) - 1, int(float(column)) - 1] += float(value)
        return m, values
    if name == "matrix.csv":
        table = pd.read_csv(io.StringIO(_decoded(content)), dtype=str, keep_default_na=False)
        if "value" in table:
            m = np.zeros((Q, N))
            np.add.at(
                m,
                (pd.Index(NAMES).get_indexer(table["target"]), pd.Index(IDS).get_indexer(table["household_id"])),
                table["value"].astype(float),
            )
            return m, values
        return table[NAMES].astype(float).to_numpy().T, values
    return (dense(), values) if name.endswith("parquet") else None


def _peak() -> float:
    """Largest resident memory since it was last reset, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return float(next(line.split()[1] for line in lines if line.startswith("VmHWM"))) * 1024


def _tried(number: int, only: str, folder: Path) -> dict[str, object]:
    from l0engine.__main__ import main
    from l0engine.errors import ProblemError
    from l0engine.io import load_problem

    kind, files = mutant(number, only)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    size = sum(map(len, files.values()))
    Path("/proc/self/clear_refs").write_text("5")
    before, start, said, problem = _peak(), time.process_time(), "", None
    try:
        problem = load_problem(folder)
    except ProblemError as refused:
        said = str(refused)
    seconds = time.process_time() - start
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as err:
        code = main(["check", str(folder)])
    return {"number": number, "kind": kind, "seconds": seconds, "bytes": _peak() - before, "size": size, "said": said, "right": problem is None or _right(problem, files),
            "code": code, "command": err.getvalue()}  # fmt: skip


def _right(problem, files: dict[str, bytes]) -> bool:
    try:
        found = expected(files)
    except Exception as e:  # noqa: BLE001  # accepted, though plain code cannot read it
        print(json.dumps({"odd": repr(e)}))
        return False
    if found is None:
        return True
    matrix, values = found
    return bool(np.array_equal(problem.matrix.toarray(), matrix) and np.array_equal(problem.values, values))


def run(first: int, last: int, only: str = "") -> None:
    sys.path.insert(0, str(ROOT / "io"))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with tempfile.TemporaryDirectory() as scratch:
        for number in range(first, last):
            folder = Path(scratch, str(number))
            folder.mkdir()
            print(json.dumps({"number": number}), flush=True)
            print(json.dumps(_tried(number, only, folder)), flush=True)


if __name__ == "__main__":
    run(int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
