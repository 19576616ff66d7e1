"""Uploads: roles recognised, names of others never used as paths, and a plain sentence where it is unclear."""

import io
import pickle
import zipfile

import numpy as np
import pandas as pd
import pytest
from scipy import sparse as sp

from l0engine.errors import ProblemError
from l0engine.io import Recognised, load_problem, pickles, recognise_uploads, upload_title
from l0engine.io.limits import RATIO_FREE_BYTES

DENSE = np.array([[1.0, 0.0, 2.0], [0.0, 3.0, 4.0]])
TARGETS = b"target,value\na,1\nb,2\n"
HOUSEHOLDS = b"household_id,base_weight\nh1,1\nh2,1\nh3,1\n"
ONLY_ATTRIBUTES = b"household_id,state\nh1,ME\nh2,ME\nh3,VT\n"
LONG = b"target,household_id,value\na,h1,1\na,h3,2\nb,h2,3\nb,h3,4\n"
WIDE = b"household_id,a,b\nh1,1,0\nh2,0,3\nh3,2,4\n"
TURNED = b"target,h1,h2,h3\na,1,0,2\nb,0,3,4\n"


def npz() -> bytes:
    out = io.BytesIO()
    sp.save_npz(out, sp.csr_matrix(DENSE))
    return out.getvalue()


def parquet(csv: bytes) -> bytes:
    return pd.read_csv(io.BytesIO(csv)).to_parquet()


def zipped(files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
        for name, content in files.items():
            z.writestr(name, content)
    return out.getvalue()


@pytest.mark.parametrize(
    "files",
    [
        {"my_Matrix.npz": npz(), "TARGETS v2.csv": TARGETS, "households-final.csv": HOUSEHOLDS},
        {"x.npz": npz(), "y.csv": TARGETS, "z.csv": HOUSEHOLDS},
        {"x.csv": LONG, "y.tsv": TARGETS.replace(b",", b"\t"), "z.parquet": parquet(ONLY_ATTRIBUTES)},
        {"targets by household.csv": LONG, "y.csv": TARGETS, "z.csv": ONLY_ATTRIBUTES},
        {"c.csv": WIDE, "a.csv": ONLY_ATTRIBUTES, "b.csv": TARGETS},
        {"c.parquet": parquet(WIDE), "b.csv": TARGETS},
        {"c.csv": TURNED, "b.parquet": parquet(TARGETS)},
        {"all.ZIP": zipped({"p/matrix.npz": npz(), "p/targets.csv": TARGETS, "p/README.md": b"x", "p/sample.json": b"{}",
                            "__MACOSX/p/._targets.csv": b"\0"})},
        {"all.zip": zipped({"../../../../tmp/evil.csv": LONG, "/etc/b.csv": TARGETS, "C:\\h.csv": HOUSEHOLDS})},
        {"../../../tmp/evil_matrix.csv": WIDE, "..\\..\\targets.csv": TARGETS},
    ],
)  # fmt: skip
def test_roles(files, tmp_path):
    home = tmp_path / "a" / "b" / "c" / "problem"
    found = recognise_uploads(files, home)
    everything = {p.relative_to(tmp_path) for p in tmp_path.rglob("*") if p.is_file()}
    assert everything == {(home / f.file).relative_to(tmp_path) for f in found}
    assert [f.role for f in found] == ["matrix", "targets", "households"][: len(found)]
    assert all(f.file.split(".")[0] == f.role and "/" not in f.name and "\\" not in f.name for f in found)
    p = load_problem(home)
    np.testing.assert_array_equal(p.matrix.toarray(), DENSE)


def test_answer_names_the_users_file(tmp_path):
    source = tmp_path / "src.bin"
    source.write_bytes(npz())
    found = recognise_uploads({"q.npz": source, "t.csv": TARGETS}, tmp_path / "p")
    assert found == (Recognised("matrix", "q.npz", "matrix.npz"), Recognised("targets", "t.csv", "targets.csv"))
    assert (tmp_path / "p" / "matrix.npz").read_bytes() == npz() and source.exists()


@pytest.mark.parametrize(
    "files, sentence",
    [
        ({}, "No file was given"),
        ({"a.npz": npz()}, "The targets file is missing (recognised: a.npz as the matrix): add it"),
        ({"t.csv": TARGETS, "h.csv": HOUSEHOLDS},
         "The matrix file is missing (recognised: t.csv as the targets, h.csv as the households)"),
        ({"a.npz": npz(), "b.npz": npz(), "t.csv": TARGETS}, "'a.npz', 'b.npz' both look like the matrix"),
        ({"a.npz": npz(), "t.docx": b"PK\3\4"}, "t.docx: this kind of file is not known"),
        ({"a.npz": npz(), "t.xlsx": b"PK\3\4"}, "t.xlsx: it cannot be read as Excel"),
        ({"a.npz": npz(), "t": TARGETS}, "t: this kind of file is not known"),
        ({"a.npz": npz(), "t.csv": b"1,2\n3,4\n"}, "t.csv, line 1: '1', '2' may be names or data"),
        ({"a.npz": npz(), "t.csv": b"PK\3\4"}, "t.csv: it is not CSV but an Excel workbook"),
        ({"a.npz": npz(), "p/t.parquet": b"x"}, "t.parquet: it cannot be read as Parquet"),
        ({"a.zip": b"PK\3\4"}, "a.zip: it cannot be read as a ZIP archive"),
        ({"a.zip": zipped({"x.txt.md": b"1"})}, "a.zip: it holds 0 data files"),
        ({"a.zip": zipped({}), "b.csv": TARGETS}, "'a.zip', 'b.csv': give either one .zip or separate files"),
        ({"../x\n<b>" + "y" * 300 + ".exe": b""}, "x?<b>yyy"),
    ],
)  # fmt: skip
def test_unclear_uploads_are_refused_and_leave_nothing(files, sentence, tmp_path):
    with pytest.raises(ProblemError) as e:
        recognise_uploads(files, tmp_path / "p")
    assert sentence in str(e.value) and len(str(e.value)) < 300 and "\n" not in str(e.value)
    assert not (tmp_path / "p").exists() or not any((tmp_path / "p").iterdir())


def test_an_archive_that_unpacks_to_far_more_is_refused(tmp_path):
    swollen = {"a.zip": zipped({"t.csv": bytes(RATIO_FREE_BYTES + 1)})}
    test_unclear_uploads_are_refused_and_leave_nothing(swollen, "more than 200 times as much", tmp_path)


def test_a_folder_in_use_is_refused(tmp_path):
    (tmp_path / "x").write_text("")
    with pytest.raises(ProblemError, match="is not empty: choose another"):
        recognise_uploads({"a.npz": npz(), "t.csv": TARGETS}, tmp_path)


@pytest.mark.parametrize(
    ("names", "title"),
    [
        (["everything.zip"], "everything"),
        (["C:\\surveys\\maine 2024.ZIP"], "maine 2024"),
        (["matrix.npz", "targets.csv", "households.csv"], "Upload of 2,413 targets × 200,576 households"),
        (["households.zip"], "Upload of 2,413 targets × 200,576 households"),
        (["maine_matrix.npz", "maine_targets.csv", "maine_households.parquet"], "maine"),
        (["matrix-maine.npz", "Targets.csv"], "maine"),
        (["x/maine_household_2024.csv", "../maine_target_2024.csv", "maine_matrix_2024.mtx"], "maine_2024"),
        (["a.npz", "b.csv"], "a, b"),
        (["matrix v1.npz", "targets v2.csv"], "matrix v1, targets v2"),
        (["matrixes of maine.npz", "targets.csv"], "matrixes of maine"),
        ([f"{'m' * 50}_matrix.npz", f"{'n' * 50}_targets.csv"], "m" * 50 + "_matrix, …"),
    ],
)
def test_titles(names, title):
    assert upload_title(names, 2413, 200576) == title
    assert upload_title(names, 2413, 200576, [title, f"{title} (2)"]) == f"{title} (3)"


def test_the_three_lines_for_a_pickle_make_a_problem_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    package = {
        "X_sparse": sp.csr_matrix(DENSE), "targets_df": pd.DataFrame({"value": [1.0, 2.0]}), "target_names": ["a", "b"], "metadata": {}
    }  # fmt: skip
    (tmp_path / "calibration_package.pkl").write_bytes(pickle.dumps(package))
    for read in (load_problem, lambda path: recognise_uploads({path.name: path}, tmp_path / "p")):
        with pytest.raises(ProblemError, match="never opened here"):
            read(tmp_path / "calibration_package.pkl")
    exec(pickles.LINES)  # noqa: S102
    p = load_problem(tmp_path / "problem")
    assert list(p.names) == ["a", "b"] and p.values.tolist() == [1, 2] and p.matrix.toarray().tolist() == DENSE.tolist()
