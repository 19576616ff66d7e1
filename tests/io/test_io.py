"""Every format and orientation gives one and the same problem, held against a dense matrix written down here."""

import runpy
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from scipy import io as sio
from scipy import sparse as sp

from l0engine.calibration.problem.problem import Problem
from l0engine.errors import ProblemError
from l0engine.io import load_problem, save_problem

SAMPLES = Path(__file__).parents[2] / "sample_data"
DENSE = np.array([[1, 0, 2.5, 0, 1], [0, 0.1, 0, -3, 1], [0, 0, 0, 0, 0], [7, 1e-3, 0, 12345678.9, 1]], dtype=np.float64)
NAMES = ["AL/agi[1,10)", "NA", "empty", "x y"]
IDS = ["00123", "9007199254740993", "NA", "d-4", "e,5"]
VALUES = [10.0, -2.5, 3.0, 1e9]
WEIGHTS = np.array([1.5, 2.0, 0.25, 3.0, 1.0])


def write_sides(folder: Path, order: list[int] | None = None) -> None:
    pd.DataFrame({"target": NAMES, "value": VALUES, "group": list("aabb"), "source": "s"}).to_csv(folder / "targets.csv", index=False)
    households = pd.DataFrame({"household_id": IDS, "base_weight": WEIGHTS, "state": ["ME"] * 5, "zip": ["02139"] * 5})
    households.to_csv(folder / "households.csv", index=False)


def long_table() -> pd.DataFrame:
    i, j = np.nonzero(DENSE)
    return pd.DataFrame({"target": np.array(NAMES)[i], "household_id": np.array(IDS)[j], "value": DENSE[i, j]})


def wide_table() -> pd.DataFrame:
    return pd.DataFrame(DENSE.T, columns=NAMES).assign(household_id=IDS)


def transposed_table() -> pd.DataFrame:
    return pd.concat([pd.DataFrame({"target": NAMES}), pd.DataFrame(DENSE, columns=IDS)], axis=1)


MTX = """%%MatrixMarket  matrix coordinate REAL general
% a comment

4 5 10
1 1 1
  1 3   2.5
1 5 +1e0

2 2 .1
2 4 -3
2 5 1
4 1 7
4 2 1e-3
4 4 12345678.9
4 5 1"""

WRITERS = {
    "csr": lambda f: sp.save_npz(f / "matrix.npz", sp.csr_matrix(DENSE)),
    "csc array": lambda f: sp.save_npz(f / "matrix.npz", sp.csc_array(DENSE), compressed=False),
    "coo": lambda f: sp.save_npz(f / "matrix.npz", sp.coo_array(DENSE)),
    "csr turned": lambda f: sp.save_npz(f / "matrix.npz", sp.csr_array(DENSE.T)),
    "coo turned": lambda f: sp.save_npz(f / "matrix.npz", sp.coo_matrix(DENSE.T)),
    "dense": lambda f: np.savez(f / "matrix.npz", DENSE),
    "dense fortran": lambda f: np.savez_compressed(f / "matrix.npz", m=np.asfortranarray(DENSE)),
    "big endian": lambda f: np.savez(f / "matrix.npz", DENSE.astype(">f8")),
    "mtx": lambda f: sio.mmwrite(f / "matrix.mtx", sp.coo_array(DENSE), precision=17),
    "mtx array": lambda f: sio.mmwrite(f / "matrix.mtx", DENSE, precision=17),
    "mtx comments, blanks": lambda f: (f / "matrix.mtx").write_text(MTX),
    "mtx turned": lambda f: sio.mmwrite(f / "matrix.mtx", sp.coo_array(DENSE.T), precision=17),
    "long csv": lambda f: long_table().to_csv(f / "matrix.csv", index=False),
    "long csv shuffled": lambda f: long_table().sample(frac=1, random_state=1).to_csv(f / "matrix.csv"),
    "long csv tabs": lambda f: long_table().to_csv(f / "matrix.csv", index=False, sep="\t"),
    "long csv BOM, CRLF": lambda f: long_table().to_csv(f / "matrix.csv", index=False, encoding="utf-8-sig", lineterminator="\r\n"),
    "long parquet": lambda f: long_table().to_parquet(f / "matrix.parquet"),
    "long parquet categories": lambda f: long_table().astype({"target": "category"}).to_parquet(f / "matrix.parquet"),
    "wide csv": lambda f: wide_table().to_csv(f / "matrix.csv", index=False),
    "wide csv shuffled": lambda f: wide_table().iloc[::-1, [2, 4, 0, 1, 3]].to_csv(f / "matrix.csv", index=False),
    "wide csv semicolons": lambda f: wide_table().to_csv(f / "matrix.csv", index=False, sep=";"),
    "wide parquet": lambda f: wide_table().to_parquet(f / "matrix.parquet"),
    "transposed csv": lambda f: transposed_table().to_csv(f / "matrix.csv", index=False),
    "transposed parquet shuffled": lambda f: transposed_table().iloc[::-1, ::-1].to_parquet(f / "matrix.parquet"),
}


@pytest.fixture
def oracle() -> Problem:
    return Problem.create(DENSE, VALUES, names=NAMES, groups=list("aabb"), base_weights=WEIGHTS, household_ids=IDS)


@pytest.mark.parametrize("kind", WRITERS)
def test_every_format_gives_the_same_problem(kind, tmp_path, oracle):
    write_sides(tmp_path)
    WRITERS[kind](tmp_path)
    p = load_problem(tmp_path)
    np.testing.assert_array_equal(p.matrix.toarray(), DENSE)
    np.testing.assert_allclose(p.estimates(WEIGHTS), DENSE @ WEIGHTS, rtol=1e-15)
    assert list(p.household_ids) == IDS and list(p.names) == NAMES
    assert p.fingerprint == oracle.fingerprint
    assert list(p.attributes.columns) == ["state", "zip"] and list(p.attributes["zip"]) == ["02139"] * 5
    assert p.notes and p.notes[0].startswith("Matrix: ")
    assert ("turned" in p.notes[0]) == ("turned" in kind)
    assert ("by name" in p.notes[0]) == any(k in kind for k in ("long", "wide", "transposed"))


def test_fingerprint_sees_a_difference(tmp_path, oracle):
    write_sides(tmp_path)
    table = long_table()
    table.loc[0, "value"] = np.nextafter(table.loc[0, "value"], 2)
    table.to_csv(tmp_path / "matrix.csv", index=False)
    assert load_problem(tmp_path).fingerprint != oracle.fingerprint


def test_notes_of_delimiters_and_duplicates(tmp_path):
    write_sides(tmp_path)
    table = pd.concat([long_table(), long_table().iloc[:2]])
    table.to_csv(tmp_path / "matrix.csv", index=False, sep=";")
    p = load_problem(tmp_path)
    expected = DENSE.copy()
    expected[0, [0, 2]] *= 2
    np.testing.assert_array_equal(p.matrix.toarray(), expected)
    assert "separated by semicolons" in p.notes[0]
    assert p.notes[1] == "Matrix: 2 repeated entries were added to their first."


@pytest.mark.parametrize("layout", [long_table, wide_table, transposed_table])
def test_households_come_from_the_table_without_their_own_file(layout, tmp_path):
    write_sides(tmp_path)
    (tmp_path / "households.csv").unlink()
    layout().to_csv(tmp_path / "matrix.csv", index=False)
    p = load_problem(tmp_path)
    assert list(p.household_ids) == (list(dict.fromkeys(long_table()["household_id"])) if layout is long_table else IDS)
    at = [IDS.index(i) for i in p.household_ids]
    np.testing.assert_array_equal(p.matrix.toarray(), DENSE[:, at])
    assert "No base weights were given" in p.notes[-1]


def test_square_matrix_is_taken_as_targets_by_households(tmp_path):
    square = np.arange(16.0).reshape(4, 4)
    write_sides(tmp_path)
    (tmp_path / "households.csv").unlink()
    np.savez(tmp_path / "matrix.npz", square)
    p = load_problem(tmp_path)
    np.testing.assert_array_equal(p.matrix.toarray(), square)
    assert "square" in p.notes[0] and "numbered from 1" in p.notes[0]


def test_single_precision_stays_single(tmp_path):
    write_sides(tmp_path)
    sp.save_npz(tmp_path / "matrix.npz", sp.csr_array(DENSE.astype(np.float32)))
    assert load_problem(tmp_path).matrix.dtype == np.float32


def test_target_weights_parquet_and_integer_ids(tmp_path):
    pd.DataFrame({"target": ["a"], "value": [4], "weight": [0.5]}).to_parquet(tmp_path / "targets.parquet")
    pd.DataFrame({"household_id": [2**60 + 1, 7]}).to_parquet(tmp_path / "households.parquet")
    np.savez(tmp_path / "matrix.npz", np.array([[1, 2]]))
    p = load_problem(tmp_path)
    assert list(p.household_ids) == ["1152921504606846977", "7"]
    assert p.target_weights.tolist() == [0.5] and p.matrix.toarray().tolist() == [[1.0, 2.0]]


def test_save_and_load_keep_everything(tmp_path, oracle):
    rng = np.random.default_rng(3)
    attributes = pd.DataFrame({"n": [1, 2, 3, 4, 5], "t": list("abcde"), "x": rng.normal(size=5)})
    p = Problem.create(
        DENSE, VALUES, names=NAMES, groups=["", "é", "b", "b"], target_weights=[1, 0, 0.3, 2], base_weights=WEIGHTS,
        household_ids=IDS, attributes=attributes, notes=["One.", "Zwei: ü."],
    )  # fmt: skip
    save_problem(p, tmp_path / "saved")
    q = load_problem(tmp_path / "saved", ours=True)
    assert q.fingerprint == p.fingerprint != oracle.fingerprint
    assert q.notes == ("One.", "Zwei: ü.")
    assert list(q.groups) == ["", "é", "b", "b"] and q.target_weights.tolist() == [1, 0, 0.3, 2]
    pd.testing.assert_frame_equal(q.attributes, attributes, check_dtype=False)
    assert sp.load_npz(tmp_path / "saved" / "matrix.npz").toarray().tolist() == DENSE.tolist()
    assert [f.name for f in tmp_path.iterdir()] == ["saved"]
    with pytest.raises(ProblemError, match=r"'saved' exists already: choose another"):
        save_problem(p, tmp_path / "saved")


def test_save_that_fails_leaves_nothing(tmp_path):
    p = Problem.create(DENSE, VALUES, attributes=pd.DataFrame({"a": [1, "x", None, {}, 2]}))
    with pytest.raises(ProblemError, match=r"households\.parquet: it cannot be written"):
        save_problem(p, tmp_path / "saved")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("sample, shape, nnz", [("massachusetts", (35, 3044), 14463), ("new_england", (210, 18261), 86629)])
def test_slices_agree_with_the_full_problem(sample, shape, nnz):
    p = load_problem(SAMPLES / sample)
    full = pq.read_table(SAMPLES / "us" / "households.parquet", columns=["household_id"])["household_id"].to_pylist()
    at = {h: i for i, h in enumerate(full)}
    targets = pd.read_csv(SAMPLES / "us" / "targets.csv")
    row = {t: i for i, t in enumerate(targets["target"])}
    m = sp.csr_matrix(sp.load_npz(SAMPLES / "us" / "matrix.npz"))
    part = m[[row[t] for t in p.names]][:, [at[h] for h in p.household_ids]]
    assert p.matrix.shape == shape and p.matrix.nnz == nnz == part.nnz
    assert (abs(sp.csr_matrix(p.matrix) - part)).max() == 0
    # the targets' own rows reach no household outside the slice
    assert m[[row[t] for t in p.names]].nnz == nnz


def test_us_sample_has_the_published_oddities():
    p = load_problem(SAMPLES / "us")
    assert (p.n_targets, p.n_households, p.matrix.nnz) == (2413, 200576, 4302090)
    support = pd.read_csv(SAMPLES / "us" / "targets.csv")["support"]
    np.testing.assert_array_equal(p.support, support)
    assert (p.support == 0).sum() == 18 and (p.matrix.data < 0).sum() == 1196
    assert (p.values < 0).sum() == 55


def test_cut_slices_writes_the_same_bytes(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["cut_slices.py", "--out", str(tmp_path)])
    runpy.run_path(str(SAMPLES / "cut_slices.py"), run_name="__main__")
    made = sorted(f.relative_to(tmp_path) for f in tmp_path.rglob("*.*"))
    assert len(made) == 8
    for f in made:
        if f.suffix == ".parquet":  # its bytes name the version of pyarrow
            assert pq.read_table(tmp_path / f).equals(pq.read_table(SAMPLES / f))
        else:
            assert (tmp_path / f).read_bytes() == (SAMPLES / f).read_bytes()
