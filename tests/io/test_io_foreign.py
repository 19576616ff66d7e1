"""Files of other programs, written by those who know them: Excel by openpyxl, Stata and Feather by pandas, SPSS by pyreadstat, R by hand."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pyarrow as pa
import pyreadstat
import pytest
from reading import read_here

from l0engine.errors import AmbiguousTable, ProblemError
from l0engine.io import guarded, load_problem, table_guarded
from l0engine.io.tables import attributes, frame, read_table

#: Ids as numbers, a category with labels, a missing number.
PEOPLE = pd.DataFrame(
    {"household_id": [3.0, 1.0, 2.0], "base_weight": [1.5, 2.0, 0.25], "state": [23.0, 50.0, 23.0], "age": [61.0, None, 7.5]}
)
STATES = {23: "Maine", 50: "Vermont"}
READ = {"household_id": [3, 1, 2], "base_weight": [1.5, 2.0, 0.25], "state": ["Maine", "Vermont", "Maine"], "age": [61.0, None, 7.5]}
SAS = Path(__file__).parents[1] / "data" / "three.sas7bdat"


def _word(*numbers: int) -> bytes:
    return struct.pack(f">{len(numbers)}i", *numbers)


def _text(text: str | None) -> bytes:
    raw = (text or "").encode()
    return _word(9 | 1 << 15, -1 if text is None else len(raw)) + raw


def _vector(kind: int, values, attributes: bytes = b"") -> bytes:
    head = _word(kind | (0x200 if attributes else 0), len(values))
    body = {13: lambda: np.array(values, ">i4").tobytes(), 14: lambda: np.array(values, ">f8").tobytes(),
            16: lambda: b"".join(map(_text, values)), 19: lambda: b"".join(values)}[kind]()  # fmt: skip
    return head + body + attributes


def _attributes(**items: bytes) -> bytes:
    return b"".join(_word(2 | 0x400) + _word(1) + _text(name) + item for name, item in items.items()) + _word(254)


def rds(columns: dict[str, bytes], kind: str = "data.frame", version: int = 3, rows: int = 3) -> bytes:
    """A data frame as saveRDS writes it."""
    own = _attributes(names=_vector(16, list(columns)), **{"class": _vector(16, [kind]), "row.names": _vector(13, [-(2**31), -rows])})
    head = b"X\n" + _word(version, 4 << 16, 3 << 16 | 5 << 8) + (_word(5) + b"UTF-8" if version == 3 else b"")
    return head + _vector(19, list(columns.values()), own)


def _sequence(n: int, start: int) -> bytes:
    """1:n, as R keeps it."""
    described = b"".join(_word(2) + item for item in (_word(1) + _text("compact_intseq"), _word(1) + _text("base"), _vector(13, [13])))
    return _word(238) + described + _word(254) + _vector(14, [n, start, 1]) + _word(254)


R = {
    "household_id": _vector(13, [3, 1, 2]),
    "base_weight": _vector(14, [1.5, 2.0, 0.25]),
    "state": _vector(13, [1, 2, 1], _attributes(levels=_vector(16, ["Maine", "Vermont"]), **{"class": _vector(16, ["factor"])})),
    "age": _vector(14, [61.0, np.nan, 7.5]),
}


def _xlsx(path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append([])
    book.active.append(list(READ))
    for row in zip(*READ.values(), strict=True):
        book.active.append(row)
    book.save(path)


def _arrow_stream(path: Path, table: pa.Table) -> None:
    with pa.ipc.new_stream(path, table.schema) as writer:
        writer.write_table(table, max_chunksize=2)


WRITERS = {
    "t.dta": lambda p: PEOPLE.astype({"state": int}).to_stata(p, write_index=False, value_labels={"state": STATES}),
    "t.sav": lambda p: pyreadstat.write_sav(PEOPLE, p, variable_value_labels={"state": STATES}),
    "t.zsav": lambda p: pyreadstat.write_sav(PEOPLE, p, compress=True, variable_value_labels={"state": STATES}),
    "t.rds": lambda p: p.write_bytes(gzip.compress(rds(R))),
    "t.feather": lambda p: pd.DataFrame(READ).to_feather(p),
    "t.arrow": lambda p: _arrow_stream(p, pa.table(READ)),
}


@pytest.mark.parametrize("name", WRITERS)
def test_what_was_written_is_read(tmp_path, name):
    WRITERS[name](tmp_path / name)
    read = read_table(tmp_path / name)
    assert read.data.to_pydict() == READ
    assert read.texts("household_id").to_pylist() == ["3", "1", "2"]


def test_a_workbook_is_read_as_its_text(tmp_path):
    _xlsx(tmp_path / "t.xlsx")
    read = read_table(tmp_path / "t.xlsx")
    assert read.columns == list(READ) and read.texts("household_id").to_pylist() == ["3", "1", "2"]
    assert read.numbers("base_weight").tolist() == READ["base_weight"] and read.texts("state").to_pylist() == READ["state"]


def test_sas_as_pandas_reads_it():
    expected = pd.read_sas(SAS, encoding="utf-8")
    pd.testing.assert_frame_equal(read_table(SAS).data.to_pandas(), expected, check_dtype=False)
    assert expected["state"].tolist() == ["ME", "Québec", "VT"]


def test_a_workbook_of_several_sheets_is_asked_about(tmp_path):
    book = openpyxl.Workbook()
    book.create_sheet("Totals").append(["target", "value"])
    book["Totals"].append(["a", 2.5])
    book.active.append(["About this table"])
    book.create_sheet("Empty")
    book.save(tmp_path / "t.xlsx")
    with pytest.raises(
        AmbiguousTable, match=r'it has 2 sheets .* sheet = "Totals" .sheet .Totals. of 2 rows, which begins with .target., .value.'
    ) as asked:
        read_table(tmp_path / "t.xlsx")
    assert asked.value.setting == "sheet" and [value for value, _ in asked.value.options] == ["Sheet", "Totals"]
    read = read_table(tmp_path / "t.xlsx", {"sheet": "Totals"})
    assert read.columns == ["target", "value"] and read.notes == ("t.xlsx: read from the sheet 'Totals'.",)


def test_labels_are_taken_where_every_value_has_one(tmp_path):
    frame = pd.DataFrame({"age": [1.0, 90.0], "kind": [1.0, 2.0]})
    pyreadstat.write_sav(frame, tmp_path / "t.sav", variable_value_labels={"age": {90: "90 and more"}, "kind": {1: "other", 2: "other"}})
    read = read_table(tmp_path / "t.sav")
    assert read.data.to_pydict() == {"age": [1, 90], "kind": ["other (1)", "other (2)"]}
    assert read.notes == ("t.sav: labels of single values of column 'age' left out (90.0 = '90 and more').",)


def test_what_else_r_keeps_in_a_frame(tmp_path):
    classed = {"date": ["Date"], "time": ["POSIXct", "POSIXt"], "integer64": ["integer64"]}
    marks = {name: _attributes(**{"class": _vector(16, kinds)}) for name, kinds in classed.items()}
    columns = {
        "sequence": _sequence(3, 7),
        "date": _vector(14, [0.0, np.nan, 19000.0], marks["date"]),
        "time": _vector(14, [0.0, 1.5, 86400.0], marks["time"]),
        "long": _vector(14, np.array([1, 2**60 + 1, -(2**63)]).view(float), marks["integer64"]),
        "text": _vector(16, ["é", None, ""]),
    }
    (tmp_path / "t.rds").write_bytes(rds(columns, version=2))
    assert read_table(tmp_path / "t.rds").data.to_pydict() == {
        "sequence": [7, 8, 9],
        "date": ["1970-01-01", None, "2022-01-08"],
        "time": ["1970-01-01 00:00:00", "1970-01-01 00:00:01", "1970-01-02 00:00:00"],
        "long": [1, 2**60 + 1, None],
        "text": ["é", None, ""],
    }


def _far_cell(path: Path) -> None:
    """A workbook of a few kilobytes whose two cells span a table of 17 thousand million."""
    _xlsx(path)
    with zipfile.ZipFile(path) as z:
        members = {name: z.read(name) for name in z.namelist()}
    sheet = members["xl/worksheets/sheet1.xml"].replace(
        b"</sheetData>", b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>'
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as z:
        for name, content in {**members, "xl/worksheets/sheet1.xml": sheet}.items():
            z.writestr(name, content)


def _damaged_arrow() -> bytes:
    out = io.BytesIO()
    with pa.ipc.new_stream(out, pa.schema({"a": pa.string()})) as writer:
        writer.write_batch(pa.record_batch({"a": ["x", "yy", "zzz"]}))
    return out.getvalue().replace(struct.pack("<4i", 0, 1, 3, 6), struct.pack("<4i", 0, 1, 3, 2**30))


def _arrow_named(name: bytes) -> bytes:
    out = io.BytesIO()
    with pa.ipc.new_stream(out, pa.schema({"z" * len(name) + "name": pa.int32()})) as writer:
        writer.write_batch(pa.record_batch({"z" * len(name) + "name": pa.array([1], pa.int32())}))
    return out.getvalue().replace(b"z" * len(name) + b"name", name + b"name")


def _nameless(path: Path) -> None:
    pyreadstat.write_sav(pd.DataFrame({"aa": [1.0, 2.0]}), path)
    raw = path.read_bytes()
    path.write_bytes(raw.replace(b"AA", b"\xffA", 1))


def _rows_of_nothing() -> bytes:
    """A file whose column of nothing claims far more rows than it has bytes."""
    out = io.BytesIO()
    with pa.ipc.new_stream(out, pa.schema({"a": pa.null()})) as writer:
        writer.write_batch(pa.record_batch({"a": pa.nulls(2 * 10**9)}))
    return out.getvalue()


HOSTILE = {
    "far cell.xlsx": (_far_cell, "reaches to row 1,048,576 and column 16,384"),
    "no book.xlsx": (lambda p: p.write_bytes(b"PK\3\4"), "cannot be read as Excel"),
    "table.dta": (lambda p: p.write_bytes(b"a,b\n1,2\n"), "cannot be read as Stata"),
    "short.sav": (lambda p: p.write_bytes(b"$FL2" + bytes(200)), "cannot be read as SPSS"),
    "nameless.sav": (_nameless, "a column has no name"),  # found by fuzzing
    "short.sas7bdat": (lambda p: p.write_bytes(SAS.read_bytes()[:5000]), "cannot be read as SAS"),
    "offsets.arrow": (lambda p: p.write_bytes(_damaged_arrow()), "cannot be read as Arrow"),
    "name.arrow": (lambda p: p.write_bytes(_arrow_named(b"\xa0\xff")), "cannot be read as Arrow"),  # found by fuzzing
    "rows.arrow": (lambda p: p.write_bytes(_rows_of_nothing()), "unpacks to 14.9 GiB"),  # found by fuzzing
    "old.feather": (lambda p: p.write_bytes(b"FEA1" + bytes(64)), "version 1"),
    "vector.rds": (lambda p: p.write_bytes(rds(R, kind="list")), "not a data frame"),
    "function.rds": (lambda p: p.write_bytes(b"X\n" + _word(2, 0, 0, 3)), "more than a plain data frame"),
    "level.rds": (lambda p: p.write_bytes(rds({"state": R["state"].replace(_word(1, 2, 1), _word(1, 7, 1))})), "level that it does not have"),
    "lengths.rds": (lambda p: p.write_bytes(rds({**R, "x": _vector(14, [1.0])})), "differ in length"),
    "claims.rds": (lambda p: p.write_bytes(b"X\n" + _word(2, 0, 0, 14, 2**30)), "1,073,741,824 elements"),
    "bomb.rds": (lambda p: p.write_bytes(gzip.compress(b"X\n" + bytes(100 * 2**20))), "more than 200 times as much"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_refused_in_a_sentence(tmp_path, name):
    write, said = HOSTILE[name]
    write(tmp_path / name)
    with pytest.raises(ProblemError, match=said) as refused:
        read_table(tmp_path / name)
    assert str(refused.value).startswith(name) and "\n" not in str(refused.value) and str(refused.value).endswith(".")


def test_a_problem_of_such_files(tmp_path):
    np.savez(tmp_path / "matrix.npz", np.array([[1.0, 0, 2], [0, 3, 0]]))
    PEOPLE[["household_id", "base_weight"]].to_stata(tmp_path / "households.dta", write_index=False)
    book = openpyxl.Workbook()
    for row in (["target", "value"], ["a", 4], ["b", 5.5]):
        book.active.append(row)
    book.save(tmp_path / "targets.xlsx")
    p = load_problem(tmp_path)
    assert list(p.household_ids) == ["3", "1", "2"] and p.values.tolist() == [4, 5.5] and p.base_weights.tolist() == [1.5, 2.0, 0.25]


def _sheet(path: Path, cells: list[object]) -> None:
    book = openpyxl.Workbook()
    for row in (["name", "n"], *zip("abcdefgh", cells, strict=False)):
        book.active.append(row)
    book.save(path)


#: Text cells as numbers, among them such as are stored as numbers: what they are with decimal points and with decimal commas.
NOT_PROVEN = {
    "thousands or decimals": (["10.000", "11.000", "9.000"], [10.0, 11, 9], [10000.0, 11000, 9000]),
    "one cell": (["81,789"], [81789.0], [81.789]),
    "with a space": (["10 000", "11.000"], [10000.0, 11], [10000.0, 11000]),
}
MIXED = {
    "whole numbers beside": ([10000, "11.000", 9000], [10000.0, 11, 9000], [10000.0, 11000, 9000]),
    "fractions beside": ([81.789, "112,833", -0.5, 1e-7], [81.789, 112833, -0.5, 1e-7], [81.789, 112.833, -0.5, 1e-7]),
}
PROVEN = {"points": (["12.5", "1,234.5"], [12.5, 1234.5]), "commas": (["12,5", "1.234,5"], [12.5, 1234.5])}
TEXTS = {
    "t.xlsx": _sheet,
    "t.parquet": lambda p, cells: pd.DataFrame({"n": cells}).to_parquet(p),
    "t.dta": lambda p, cells: pd.DataFrame({"n": cells}).to_stata(p, write_index=False),
    "t.sav": lambda p, cells: pyreadstat.write_sav(pd.DataFrame({"n": cells}), p),
    "t.rds": lambda p, cells: p.write_bytes(rds({"n": _vector(16, cells)}, rows=len(cells))),
    "t.arrow": lambda p, cells: _arrow_stream(p, pa.table({"n": pa.array(cells).dictionary_encode()})),
}


def _both_ways(path: Path, points: list[float], commas: list[float]) -> None:
    for read in (lambda t: t.numbers("n"), lambda t: frame(t)["n"]):
        with pytest.raises(AmbiguousTable, match="may be") as asked:
            read(read_table(path))
        assert asked.value.setting == "decimal"
        assert read(read_table(path, {"decimal": "."})).tolist() == points
        assert read(read_table(path, {"decimal": ","})).tolist() == commas


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("case", NOT_PROVEN)
def test_text_that_may_be_two_numbers_is_asked_about_in_every_file(tmp_path, name, case):
    cells, points, commas = NOT_PROVEN[case]
    TEXTS[name](tmp_path / name, cells)
    _both_ways(tmp_path / name, points, commas)


@pytest.mark.parametrize("case", MIXED)
def test_numbers_of_a_sheet_prove_nothing_of_its_text_and_stay_what_they_are(tmp_path, case):
    cells, points, commas = MIXED[case]
    _sheet(tmp_path / "t.xlsx", cells)
    _both_ways(tmp_path / "t.xlsx", points, commas)


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("case", PROVEN)
def test_text_that_is_a_number_in_one_way_is_read_in_every_file(tmp_path, name, case):
    cells, right = PROVEN[case]
    TEXTS[name](tmp_path / name, cells)
    read = read_table(tmp_path / name)
    assert read.numbers("n").tolist() == right and frame(read)["n"].tolist() == right


def test_cells_of_a_sheet_beside_text_with_signs(tmp_path):
    book = openpyxl.Workbook()
    for row in (
        ["as of 2.5"],
        ["id", "a", "b", "kind", "code"],
        [1, 0.1, "2,5", 1.5, 12.5],
        [2, None, 7.25, "1.5.b", "012"],
        [3, 3, "-", "x", 7],
    ):
        book.active.append(row)
    book.save(tmp_path / "t.xlsx")
    read = read_table(tmp_path / "t.xlsx", {"missing": "0"})
    assert read.texts("kind").to_pylist() == ["1.5", "1.5.b", "x"] and read.texts("code").to_pylist() == ["12.5", "012", "7"]
    assert read.texts("id").to_pylist() == ["1", "2", "3"]
    assert read.numbers("a").tolist() == [0.1, 0, 3] and read.numbers("b").tolist() == [2.5, 7.25, 0]
    with pytest.raises(AmbiguousTable, match="the cell is empty"):
        read_table(tmp_path / "t.xlsx").numbers("a")
    book.active.append(["Total", 3.1, "2,5", 1.5, 12.5])
    book.save(tmp_path / "t.xlsx")
    with pytest.raises(AmbiguousTable, match=r"3\.1") as asked:
        read_table(tmp_path / "t.xlsx")
    assert asked.value.setting == "last_rows" and "e-0" not in str(asked.value)
    read = read_table(tmp_path / "t.xlsx", {"last_rows": "1"})
    assert "Total, 3.1, 2,5" in read.notes[0] and "e-0" not in read.notes[0]


def test_a_saved_problem_keeps_text_as_it_is(tmp_path):
    pd.DataFrame({"n": ["10.000", "x"], "code": ["01.5", "02.5"]}).to_parquet(tmp_path / "t.parquet")
    assert attributes(read_table(tmp_path / "t.parquet"), ["n", "code"]).to_dict("list") == {"n": ["10.000", "x"], "code": ["01.5", "02.5"]}


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_a_factor_is_taken_where_the_head_names_it(tmp_path, name):
    given = pd.DataFrame({"region": ["a", "b"], "Households (1000)": [10, 11], "share": [0.5, 2.0]})
    given.to_csv(tmp_path / name, index=False) if name == "t.csv" else given.to_parquet(tmp_path / name)
    assert frame(read_table(tmp_path / name))["Households (1000)"].tolist() == [10, 11]
    read = frame(read_table(tmp_path / name, {"factor": "1000"}))
    assert read["Households (1000)"].tolist() == [10000, 11000] and read["share"].tolist() == [0.5, 2.0]
    with pytest.raises(ProblemError, match=r"factor = '0.01' has no effect"):
        read_table(tmp_path / name, {"factor": "0.01"})


def test_the_guarded_child_reads_them_too(tmp_path, monkeypatch):
    monkeypatch.setattr(guarded, "_child", read_here)  # a process for each test takes most of a second
    WRITERS["t.dta"](tmp_path / "t.dta")
    table_guarded(tmp_path / "t.dta", tmp_path / "t.parquet")
    assert pd.read_parquet(tmp_path / "t.parquet")["state"].tolist() == READ["state"]


def test_a_factor_is_taken_once(tmp_path):
    pd.DataFrame({"a": ["x", "y"], "n (1000)": ["1.5", "2"]}).to_parquet(tmp_path / "t.parquet")
    assert frame(read_table(tmp_path / "t.parquet", {"factor": "1000"}))["n (1000)"].tolist() == [1500, 2000]


def test_values_that_spss_declares_missing_are_missing_and_said(tmp_path):
    frame_ = pd.DataFrame({"id": ["a", "b", "c", "d"], "income": [5.0, -9, 7, -8], "tenure": [1.0, 2, 9, 1], "kind": ["x", "NA", "y", "x"]})
    declared = {"income": [{"lo": -9, "hi": -8}], "tenure": [9], "kind": ["NA"]}
    path = tmp_path / "t.sav"
    pyreadstat.write_sav(frame_, path, missing_ranges=declared, variable_value_labels={"tenure": {1: "own", 2: "rent", 9: "refused"}})
    table = read_table(path)
    read = frame(table)
    assert read["income"].sum() == 12 and read["income"].isna().tolist() == [False, True, False, True]
    assert read["tenure"].fillna("").tolist() == ["own", "rent", "", "own"] and read["kind"].isna().sum() == 1
    said = table.reading.sentence
    assert "-9 to -8 of column 'income' taken as no value" in said and "9 of column 'tenure'" in said and "NA of column 'kind'" in said


def test_a_labelled_refusal_among_amounts_is_no_value_and_a_category_stays_one(tmp_path):
    frame_ = pd.DataFrame({"income": [5.0, -9, 7, -8, 99], "tenure": [1.0, 2, 9, 1, 2], "top": [1.0, 2, 3, 4, 99]})
    labels = {
        "income": {-9: "Refused", -8: "Don't know"}, "tenure": {1: "own", 2: "rent", 9: "Refused"}, "top": {99: "99 or more"},
    }  # fmt: skip
    pyreadstat.write_dta(frame_, tmp_path / "t.dta", variable_value_labels=labels)
    table = read_table(tmp_path / "t.dta")
    read = frame(table)
    assert read["income"].fillna(0).tolist() == [5, 0, 7, 0, 99] and read["income"].isna().sum() == 2
    assert read["tenure"].tolist() == ["own", "rent", "Refused", "own", "rent"] and read["top"].tolist() == [1, 2, 3, 4, 99]
    said = table.reading.sentence
    assert "-9 ('Refused'), -8 ('Don't know') of column 'income' taken as no value, as their labels say" in said
    assert "labels of single values of column 'top' left out" in said
