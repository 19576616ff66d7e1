"""The guarded child: a good folder passes, and nothing a bad one does reaches this process."""

import io
import json
import os
import resource

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from further import further
from reading import read_here
from scipy import sparse as sp

from l0engine.errors import AmbiguousTable, ProblemError
from l0engine.io import guard, guarded, load_guarded, load_problem, table_guarded, upload_guarded


@pytest.fixture
def folder(tmp_path):
    out = tmp_path / "problem"
    out.mkdir()
    (out / "targets.csv").write_text("target,value,group\na,3,g\nb,4,g\n")
    (out / "matrix.npz").write_bytes(npz())
    return out


def npz() -> bytes:
    out = io.BytesIO()
    sp.save_npz(out, sp.csr_matrix([[1.0, 2.0, 0.0], [0.0, 0.5, 1.0]]))
    return out.getvalue()


def test_a_good_folder_arrives_whole_and_what_a_stranger_wrote_is_not_taken_for_ours(folder, tmp_path):
    """Nor is anything in it: the notes of a folder are believed only where `save_problem` wrote it, in the child."""
    (folder / "notes.json").write_text(json.dumps(["This problem was checked by the IRS."]))
    (folder / "artifact.json").write_text("{")
    load_guarded(folder, tmp_path / "out")
    p, q = load_problem(folder), load_problem(tmp_path / "out", ours=True)
    assert q.fingerprint == p.fingerprint and q.notes == p.notes and "IRS" not in " ".join(p.notes)
    assert sorted(f.name for f in tmp_path.iterdir()) == ["out", "problem"]


def test_the_sentence_of_the_child_is_ours(folder, tmp_path):
    (folder / "targets.csv").write_text("target,value\na,3\nb,é4\n", encoding="utf-8")
    with pytest.raises(ProblemError) as here:
        load_problem(folder)
    with pytest.raises(ProblemError) as there:
        load_guarded(folder, tmp_path / "out")
    assert str(there.value) == str(here.value) and "line 3" in str(there.value)
    assert not (tmp_path / "out").exists()


def test_a_memory_hog_is_stopped(folder, tmp_path):
    (folder / "matrix.npz").unlink()
    same = pa.array(np.zeros(20_000_000, np.int8))  # kilobytes that ask for gigabytes
    columns = {"target": "a", "household_id": "h", "value": 1.0}
    pq.write_table(
        pa.table({k: pa.DictionaryArray.from_arrays(same, pa.array([v])) for k, v in columns.items()}), folder / "matrix.parquet"
    )
    assert (folder / "matrix.parquet").stat().st_size < 200_000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ProblemError, match=r"^Reading 'problem' needs more than 1 GiB of memory: give a smaller"):
        load_guarded(folder, tmp_path / "out", memory_bytes=2**30)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kB
    assert not (tmp_path / "out").exists()


def test_a_slow_one_is_stopped(folder, tmp_path):
    (folder / "targets.csv").unlink()
    (folder / "households.csv").write_text("household_id\n1\n2\n3\n")
    with (folder / "targets.csv").open("w") as f:
        f.write("target,value\n")
        f.writelines(f"t{i}, {i}\n" for i in range(900_000))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with pytest.raises(ProblemError, match=r"^Reading 'problem' took longer than 0.6 seconds"):
        load_guarded(folder, tmp_path / "out", seconds=0.6)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 5  # seconds of the processor


def test_a_crash_stays_in_the_child(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "sitecustomize.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n")
    with pytest.raises(ProblemError, match=r"^Reading 'problem' broke the reader \(exit code -11\)"):
        load_guarded(folder, tmp_path / "out")


def test_the_child_sets_its_limits(folder, tmp_path, monkeypatch, capsys):
    seen = {}
    monkeypatch.setattr(resource, "setrlimit", lambda what, value: seen.update({what: value}))
    (folder / "matrix.npz").unlink()
    assert guard.main(["problem", str(folder), str(tmp_path / "out"), "12345", "7"]) == 3
    assert seen[resource.RLIMIT_AS] == (12345, 12345) and seen[resource.RLIMIT_CPU][0] == 7
    assert "has no matrix file" in json.loads(capsys.readouterr().out)
    assert os.listdir(tmp_path) == ["problem"]


def test_a_table_comes_back_as_plain_parquet(tmp_path):
    source = tmp_path / "t.csv"
    source.write_text("zip,income,state\n02139,1.5,MA\n10001,,NY\n94110,-2e3,CA\n")
    table_guarded(source, tmp_path / "t.parquet")
    frame = pd.read_parquet(tmp_path / "t.parquet")
    assert list(frame["zip"]) == ["02139", "10001", "94110"] and list(frame["state"]) == ["MA", "NY", "CA"]  # a leading zero stays
    assert frame["income"].dtype == np.float64 and frame["income"].isna().tolist() == [False, True, False] and frame["income"][2] == -2000


@pytest.mark.parametrize(("text", "said"), [("a,a\n1,2\n", "second time"), *further(("a,b\n", "no rows"), ("a,b\n1\n", "t.csv"))])
def test_a_table_that_is_none_is_refused_with_its_name(tmp_path, monkeypatch, text, said):
    monkeypatch.setattr(guarded, "_child", read_here)
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(ProblemError, match=said) as refused:
        table_guarded(tmp_path / "t.csv", tmp_path / "t.parquet")
    assert "t.csv" in str(refused.value) and not (tmp_path / "t.parquet").exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["t.csv"]


def test_a_table_that_takes_too_much_says_what_to_do(tmp_path):
    (tmp_path / "t.csv").write_text("a\n" + "1\n" * 200_000)
    with pytest.raises(ProblemError, match="fewer rows or columns"):
        table_guarded(tmp_path / "t.csv", tmp_path / "t.parquet", seconds=0.01)


def test_uploads_are_recognised_in_the_child_too(tmp_path, monkeypatch):
    files = {"../Totals targets.csv": b"target;value\na;1.234\nb;2.345\n", "m.npz": npz()}
    with monkeypatch.context() as here, pytest.raises(AmbiguousTable) as asked:
        here.setattr(guarded, "_child", read_here)
        upload_guarded(files, tmp_path / "out")
    assert asked.value.file == "Totals targets.csv" and asked.value.setting == "decimal" and "Totals targets.csv" in str(asked.value)
    found = upload_guarded(files, tmp_path / "out", answers={"../Totals targets.csv": {"decimal": ",", "thousands": "."}})
    assert [(one.role, one.name) for one in found] == [("matrix", "m.npz"), ("targets", "Totals targets.csv")]
    assert load_problem(tmp_path / "out", ours=True).values.tolist() == [1234, 2345]
    monkeypatch.setattr(guarded, "_child", read_here)
    with pytest.raises(ProblemError, match=r"^x\.exe: this kind of file is not known"):
        upload_guarded({"x.exe": b""}, tmp_path / "more")
