"""Broken and hostile files: each is refused with one sentence that names the file, the place and the remedy."""

import io
import struct
import time
import zipfile

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy import sparse as sp

from l0engine.errors import ProblemError
from l0engine.io import limits, load_problem

GOOD = {
    "format": np.array(b"csr"),
    "shape": np.array([2, 3]),
    "data": np.array([1.0, 2.0, 3.0, 4.0]),
    "indices": np.array([0, 2, 1, 2], np.int32),
    "indptr": np.array([0, 2, 4], np.int32),
}
COO = {"format": np.array(b"coo"), "shape": GOOD["shape"], "data": GOOD["data"],
       "row": np.array([0, 0, 1, 1]), "col": np.array([0, 2, 1, 2])}  # fmt: skip
TARGETS = "target,value\na,1\nb,2\n"
HOUSEHOLDS = "household_id,base_weight\nh1,1\nh2,1\nh3,1\n"
LONG = "target,household_id,value\na,h1,1\na,h3,2\nb,h2,3\nb,h3,4\n"
DENSE = np.array([[1.0, 0.0, 2.0], [0.0, 3.0, 4.0]])


def refused(folder, **files):
    """The sentence for these files; sides that are not given are good."""
    files = {"targets.csv": TARGETS, "households.csv": HOUSEHOLDS, **files}
    for name, content in files.items():
        if content is not None:
            (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(ProblemError) as e:
        load_problem(folder)
    sentence = str(e.value)
    assert "\n" not in sentence and sentence.endswith(".") and str(folder) not in sentence
    assert ": " in sentence  # the remedy
    return sentence


def npz(arrays, **changes):
    out = io.BytesIO()
    np.savez(out, **{k: v for k, v in {**arrays, **changes}.items() if v is not None})
    return out.getvalue()


def test_the_good_files_are_good(tmp_path):
    (tmp_path / "targets.csv").write_text(TARGETS)
    (tmp_path / "households.csv").write_text(HOUSEHOLDS)
    for name, content in (("npz", npz(GOOD)), ("npz", npz(COO)), ("csv", LONG.encode())):
        (tmp_path / f"matrix.{name}").write_bytes(content)
        np.testing.assert_array_equal(load_problem(tmp_path).matrix.toarray(), DENSE)
        (tmp_path / f"matrix.{name}").unlink()


def i32(*x):
    return np.array(x, np.int32)


@pytest.mark.parametrize(
    "changes, place",
    [
        ({"indices": i32(0, 3, 1, 2)}, "member 'indices', entry 2: index 3 is outside the 3 columns"),
        ({"indices": i32(0, -1, 1, 2)}, "member 'indices', entry 2: index -1"),
        ({"indices": i32(0, 2, 1, 2_000_000_000)}, "member 'indices', entry 4: index 2,000,000,000"),
        ({"indices": i32(0, 2, 1, -2_000_000_000)}, "member 'indices', entry 4"),
        ({"indices": np.array([0, 2, 1, 2**64 - 1], np.uint64)}, "member 'indices': entry 4 is 18"),
        ({"indices": np.array([0.0, 2.5, 1, 2])}, "member 'indices': it holds 1-d float64"),
        ({"indices": i32(0, 2, 1)}, "'data' has 4 entries but 'indices' 3"),
        ({"data": np.arange(1.0, 7), "indices": i32(0, 2, 1, 2, 0, 1)}, "'indptr', entry 3: it is 4 where 6"),
        ({"indptr": i32(0, 9, 4)}, "member 'indptr', entry 3: it falls from 9 to 4"),
        ({"indptr": i32(0, -7, 4)}, "member 'indptr', entry 2: it falls from 0 to -7"),
        ({"indptr": i32(2, 0, 4)}, "member 'indptr', entry 1: it is 2 where 0"),
        ({"indptr": i32(0, 4)}, "member 'indptr': it has 2 entries where 3"),
        ({"indptr": np.array([0.0, 2, 4])}, "member 'indptr': it holds 1-d float64"),
        ({"data": np.array([1, np.nan, 3, 4])}, "row 1, column 3: the entry is nan"),
        ({"data": np.array([1, 2, 3, -np.inf])}, "row 2, column 3: the entry is -inf"),
        ({"data": np.array([1, 2, 3, 4j])}, "member 'data': it holds complex128"),
        ({"data": np.array(list("abcd"))}, "member 'data': it holds <U1"),
        ({"data": np.array([1, "x", None, {}], object)}, "member 'data': it holds object (objects are never unpickled)"),
        ({"data": np.ones((2, 2))}, "member 'data': it has 2 dimensions"),
        ({"shape": np.array([2, 10**12])}, "claims 2 x 1,000,000,000,000"),
        ({"shape": np.array([200, 2 * 10**9])}, "claims 200 x 2,000,000,000"),
        ({"shape": np.array([2, -3])}, "the matrix is 2 x -3"),
        ({"shape": np.array([2.0, 3.0])}, "member 'shape'"),
        ({"shape": np.array([2, 3, 4])}, "member 'shape'"),
        ({"shape": np.array([2, 4])}, "the matrix is 2 x 4 but targets.csv has 2 targets and there are 3 households"),
        ({"format": np.array(b"dia")}, "its sparse format is 'dia'"),
        ({"format": None}, "it holds 'shape', 'data', 'indices', 'indptr'"),
        ({"indptr": None}, "its member 'indptr' is missing"),
    ],
)  # fmt: skip
def test_csr_parts(changes, place, tmp_path):
    sentence = refused(tmp_path, **{"matrix.npz": npz(GOOD, **changes)})
    assert sentence.startswith("matrix.npz") and place in sentence


@pytest.mark.parametrize(
    "changes, place",
    [
        ({"row": np.array([0, 0, 1, 2])}, "member 'row', entry 4: index 2 is outside the 2 rows"),
        ({"col": np.array([0, -1, 1, 2])}, "member 'col', entry 2: index -1"),
        ({"col": np.array([0, 2, 1])}, "have 4, 4, 3 entries"),
        ({"data": np.array([1, 2, np.nan, 4])}, "row 2, column 2: the entry is nan"),
    ],
)
def test_coo_parts(changes, place, tmp_path):
    assert place in refused(tmp_path, **{"matrix.npz": npz(COO, **changes)})


def test_csc_names_row_and_column_the_right_way_round(tmp_path):
    m = sp.csc_matrix(DENSE)
    m.data[2] = np.nan  # column-major: (0,0), (1,1), (0,2)
    out = io.BytesIO()
    sp.save_npz(out, m)
    assert "row 1, column 3: the entry is nan" in refused(tmp_path, **{"matrix.npz": out.getvalue()})


def test_pickle_is_never_run(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    refused(tmp_path, **{"matrix.npz": npz({"a": np.array([[Bomb()]], object)})})
    assert not (tmp_path / "ran").exists()


def zipped(members, method=zipfile.ZIP_STORED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as z:
        for name, content in members.items():
            z.writestr(name, content)
    return out.getvalue()


def npy(array, shape=None):
    out = io.BytesIO()
    np.lib.format.write_array_header_1_0(out, {"descr": "<f8", "fortran_order": False, "shape": array.shape if shape is None else shape})
    return out.getvalue() + array.tobytes()


def test_npy_header_that_lies(tmp_path):
    content = zipped({"a.npy": npy(np.ones((2, 3)), shape=(10**6, 10**6))})
    assert "its header declares 8,000,000,000,000 bytes but 48 are there" in refused(tmp_path, **{"matrix.npz": content})


def test_zip_bomb(tmp_path):
    content = zipped({"a.npy": npy(np.zeros((2, 5 * 2**20)))}, zipfile.ZIP_DEFLATED)
    assert len(content) < 2**20
    assert "more than 200 times as much" in refused(tmp_path, **{"matrix.npz": content})


def test_zip_directory_that_claims_too_much(tmp_path):
    content = bytearray(zipped({"a.npy": npy(np.ones((2, 3)))}))
    at = content.index(b"PK\x01\x02") + 24  # uncompressed size in the central directory
    content[at : at + 4] = struct.pack("<I", 2**32 - 2)
    assert "unpack to 4,294,967,294, more than 200" in refused(tmp_path, **{"matrix.npz": bytes(content)})


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"not a zip", npz(GOOD)[:-40], npz(GOOD)[:100]])
def test_npz_that_is_no_archive(content, tmp_path):
    assert refused(tmp_path, **{"matrix.npz": content}).startswith("matrix.npz: it cannot be read as NPZ")


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2, zipfile.ZIP_DEFLATED])
def test_a_damaged_member_is_named(method, tmp_path):
    content = bytearray(zipped({"a.npy": npy(np.random.default_rng(0).random((2, 1250)))}, method))
    content[5000:5100] = bytes(100)
    assert refused(tmp_path, **{"matrix.npz": bytes(content), "households.csv": None}).startswith(
        "matrix.npz, member 'a': it cannot be read as an array"
    )


def test_a_header_without_an_end_is_named(tmp_path):
    content = npy(np.ones((2, 3))).replace(b"'shape': (2, 3), }", b"'shape': (2, 3), (")
    said = refused(tmp_path, **{"matrix.npz": zipped({"a.npy": content})})
    assert "member 'a': it cannot be read as an array (EOF in multi-line statement)" in said


def test_a_header_with_a_name_in_it_is_told_without_places_in_memory(tmp_path):
    """Mutant 737."""
    content = npy(np.ones((2, 3))).replace(b"'shape': (2, 3), }", b"'shape': (2, n), }")
    said = refused(tmp_path, **{"matrix.npz": zipped({"a.npy": content})})
    assert "member 'a': it cannot be read as an array (" in said and "0x" not in said


@pytest.mark.parametrize(
    "shape, said", [((2, 100_000_000), "claims 100,000,000 households but"), ((100_000_000, 3), "is 100,000,000 x 3 but")]
)
def test_a_shape_of_nothing_is_refused_from_the_header(shape, said, tmp_path):
    content = npz(COO, shape=np.array(shape))
    start = time.process_time()
    assert said in refused(tmp_path, **{"matrix.npz": content, "households.csv": None})
    (tmp_path / "matrix.npz").unlink()
    assert said in refused(tmp_path, **{"matrix.mtx": MM + f"{shape[0]} {shape[1]} 1\n1 1 1\n", "households.csv": None})
    assert time.process_time() - start < 0.5  # s


def test_npz_with_a_flipped_byte(tmp_path):
    content = bytearray(npz(GOOD))
    content[content.index(struct.pack("<d", 3.0))] ^= 255
    assert "CRC" in refused(tmp_path, **{"matrix.npz": bytes(content)})


MM = "%%MatrixMarket matrix coordinate real general\n"


@pytest.mark.parametrize(
    "content, place",
    [
        (MM + "2 3 1000000000\n1 1 1\n", "line 2: it claims 2 x 3 with 1,000,000,000 entries, more than the"),
        (MM + "2 3 2\n1 1 1\n0 1 1\n", "entry 2: row 0 is not one of 1 to 2"),
        (MM + "2 3 2\n1 1 1\n-1 1 1\n", "entry 2: row -1 is not"),
        (MM + "2 3 2\n1 1 1\n1 4 1\n", "entry 2: column 4 is not one of 1 to 3"),
        (MM + "2 3 3\n1 1 1\n1 2 1\n", "claims 3 entries of 3 numbers but 2 of 3"),
        (MM + "2 3 1\n1 1 1\n1 2 1\n", "claims 1 entries of 3 numbers but more of 3"),
        (MM + "2 3 1\n1 1 abc\n", "cannot be read as MatrixMarket"),
        (MM + "2 3 2\n1 1 1\n2 3 nan\n", "row 2, column 3: the entry is nan"),
        (MM + "2 999999999999 1\n1 1 1\n", "claims 2 x 999,999,999,999"),
        (MM.replace("real", "complex") + "2 3 1\n1 1 1 1\n", "line 1: it holds complex entries"),
        (MM.replace("general", "symmetric") + "3 3 1\n1 1 1\n", "line 1: it is symmetric"),
        (MM.replace("coordinate", "array") + "2 3000000\n1\n", "6,000,000 entries, more than the"),
        (MM + "2 3 1\n1 1 1.0000000000000000e", "cannot be read as MatrixMarket"),  # kills scipy.io.mmread
        (MM + "2 3 2\n1 1 1\n1 1.5 1\n", "entry 2: column 1.5 is not one of"),
        (MM + "2 3 2\n1 1 1\n1 2\n", "cannot be read as MatrixMarket"),
        (MM + "2 3 -1\n1 1 1\n", "line 2: it must give the size"),
        ("a,b\n1,2\n", "line 1: it does not begin with '%%MatrixMarket matrix"),
        (MM + "2 3 1\n", "claims 1 entries of 3 numbers but 0 of"),
        ("", "line 1"),
        (MM, "line 2: it must give the size in 3 whole numbers"),
    ],
)
def test_mtx(content, place, tmp_path):
    sentence = refused(tmp_path, **{"matrix.mtx": content})
    assert sentence.startswith("matrix.mtx") and place in sentence


WIDE = "household_id,a,b\nh1,1,0\nh2,0,3\nh3,2,4\n"
DAMAGED = "household_id,base_weight,name\nh1,1,ü\nh2,1,é\nh3,1,x\n".encode().replace(b"\xa9", b"\xff")


@pytest.mark.parametrize(
    "file, content, place",
    [
        ("targets.csv", "target,value\na,1\nb,\n", "targets.csv, line 3, column 'value': the cell is empty"),
        ("targets.csv", "target,value\n\na,1\nb,x1\n", "targets.csv, line 4, column 'value': 'x1' is not a number"),
        ("targets.csv", "target,value\na,1\nb,1e400\n", "line 3, column 'value': '1e400' is not a finite number"),
        ("targets.csv", "target,value\na,nan\nb,2\n", "line 2, column 'value': 'nan' is not a number; correct it, or: say which under"),
        ("targets.csv", 'target,value\na,1\nb,"5,500"\n', "line 3, column 'value': '5,500' may be 5.500 or 5,500"),
        ("targets.csv", "target,value\na,1\nb,5,5\n", "targets.csv, line 3: it has 3 cells but the header has 2"),
        ("targets.csv", "target,value\na,1\na,2\n", "line 3, column 'target': 'a' stands there a second time"),
        ("targets.csv", "target,value,value\na,1,1\nb,2,2\n", "column 3: the header 'value' stands there a second"),
        ("targets.csv", "target,value\na,1\n,2\n", "line 3, column 'target': the name is empty"),
        ("targets.csv", "target,value\na,1\n\"b\x1f\",2\n", "line 3, column 'target': the name holds a control"),
        ("targets.csv", "target,value,weight\na,1,1\nb,2,-1\n", "line 3, column 'weight': the weight is negative"),
        ("targets.csv", "a,1\nb,2\n", "targets.csv, line 1: 'a', '1' may be names or data"),
        ("targets.csv", "target,value\n", "targets.csv: it has no rows"),
        ("targets.csv", "", "targets.csv: it is empty"),
        ("targets.csv", "target,value\na,1\nc,2\n", "matrix.csv, line 4, column 'target': 'b' is not among the targets"),
        ("targets.csv", zipped({"xl/workbook.xml": "x"}), "targets.csv: it is not CSV but an Excel workbook"),
        ("targets.csv", b"\x1f\x8b\x08\0abc", "targets.csv: it cannot be read as gzip"),
        ("targets.csv", b"target,value\na,1\n\0\0,2\n", "targets.csv, line 3: it holds binary data"),
        ("households.csv", DAMAGED, "households.csv, line 3: it is not UTF-8 text, though the rest is"),
        ("households.csv", "household_id,base_weight\nh1,1\nh2,0\nh3,1\n", "line 3, column 'base_weight': it is 0;"),
        ("households.csv", "household_id\n007\n7\n007\n", "households.csv, line 4, column 'household_id': '007' stands"),
        ("households.csv", "id,w\nh1,1\n", "households.csv: column 'household_id' is missing"),
        ("households.csv", "household_id\nh1\nh2\n", "matrix.csv, line 3, column 'household_id': 'h3' is not among"),
        ("matrix.csv", LONG + "b,h1,1;2\n", "matrix.csv, line 6, column 'value': '1;2' is not a number"),
        ("matrix.csv", "1,2,3\n4,5,6\n", "matrix.csv, line 1: '1', '2', '3' may be names or data"),
        ("matrix.csv", "target,household_id\na,h1\n", "matrix.csv: column 'value' is missing"),
        ("matrix.csv", WIDE.replace("b", "c", 1), "matrix.csv, column 'c': no target has that name"),
        ("matrix.csv", "household_id,a\nh1,1\nh2,1\nh3,1\n", "matrix.csv: it lacks a column for target 'b'"),
        ("matrix.csv", WIDE.replace("h3,2,4\n", ""), "matrix.csv: it lacks a row for household 'h3'"),
        ("matrix.csv", WIDE + "h3,1,1\n", "matrix.csv, line 5, column 'household_id': 'h3' stands"),
        ("matrix.csv", WIDE.replace("h2,0", "h2,"), "matrix.csv, line 3, column 'a': the cell is empty"),
        ("matrix.csv", "target,h1,h2,h9\na,1,0,2\nb,0,3,4\n", "matrix.csv, column 'h9': no household has that name"),
        ("matrix.csv", "target,h1,h2,h3\na,1,0,2\n", "matrix.csv: it lacks a row for target 'b'"),
        ("matrix.csv", "household_id," + ",".join(map(str, range(200_000))) + "\n", "it has 200,001 columns; the limit"),
    ],
)  # fmt: skip
def test_csv(file, content, place, tmp_path):
    sentence = refused(tmp_path, **{"matrix.csv": LONG, file: content})
    assert sentence.startswith(place if ".csv" in place else file)
    assert place in sentence


def parquet(table, **how):
    out = io.BytesIO()
    pq.write_table(table if isinstance(table, pa.Table) else pa.Table.from_pandas(table, preserve_index=False), out, **how)
    return out.getvalue()


@pytest.mark.parametrize(
    "table, place",
    [
        (pd.DataFrame({"target": ["a", "b"], "value": [1, None]}), "row 2, column 'value': the cell is empty"),
        (pd.DataFrame({"target": ["a", "b"], "value": [1, np.inf]}), "row 2, column 'value': 'inf' is not a finite"),
        (pd.DataFrame({"target": ["a", "b"], "value": ["1", "2,500"]}), "row 2, column 'value': '2,500' may be 2.500 or 2,500"),
        (pd.DataFrame({"target": [1.5, 2.5], "value": [1, 2]}), "column 'target': it holds double"),
        (pa.table({"target": ["a", None], "value": [1, 2]}), "row 2, column 'target': the name is empty"),
        (pa.table({"target": ["a", "b"], "value": [[1], [2]]}), "column 'value': it holds lists or records"),
        (pa.table([["a", "b"], [1, 2], [3, 4]], names=["target", "value", "value"]), "column 3: the header 'value'"),
    ],
)  # fmt: skip
def test_parquet(table, place, tmp_path):
    sentence = refused(tmp_path, **{"targets.csv": None, "targets.parquet": parquet(table), "matrix.csv": LONG})
    assert sentence.startswith("targets.parquet") and place in sentence


def test_parquet_that_decodes_to_far_too_much(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "MAX_BYTES", 2**28)  # in place of 4 GiB, to keep the test quick
    column = pa.DictionaryArray.from_arrays(pa.array(np.zeros(1_250_000, np.int8)), pa.array([1.0]))
    content = parquet(pa.table({f"h{i}": column for i in range(30)}), compression="zstd")
    assert len(content) < 2**20
    assert "unpacks to 0.3 GiB; the limit is 0.25 GiB" in refused(tmp_path, **{"matrix.parquet": content})


@pytest.mark.parametrize("content", [b"", b"PAR1", parquet(pd.DataFrame({"a": [1]}))[:-20], b"target,value\na,1\n"])
def test_broken_parquet(content, tmp_path):
    sentence = refused(tmp_path, **{"matrix.parquet": content})
    assert sentence.startswith("matrix.parquet: it cannot be read as Parquet")


def test_files_missing_or_twice_there(tmp_path):
    assert "has no matrix file: add matrix.npz or" in refused(tmp_path)
    assert "There are 'matrix.npz', 'matrix.csv' for the matrix: keep one" in refused(
        tmp_path, **{"matrix.npz": npz(GOOD), "matrix.csv": LONG}
    )
    with pytest.raises(ProblemError, match="'nowhere' is not a folder"):
        load_problem(tmp_path / "nowhere")


def test_the_sum_of_duplicates_may_overflow(tmp_path):
    content = npz(COO, data=np.array([1e308, 1e308, 1, 1]), col=np.array([0, 0, 1, 2]))
    assert "inf" in refused(tmp_path, **{"matrix.npz": content})
