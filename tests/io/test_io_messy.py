"""Honest files as people have them: each is read right or asked about, and nothing is read wrongly. The right answers stand here, by hand."""

from __future__ import annotations

import gzip
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from reading import read_here

from l0engine.errors import AmbiguousTable, ProblemError
from l0engine.io import guarded, load_guarded, load_problem, recognise_uploads, table_guarded
from l0engine.io.tables import frame, read_table

MATRIX = "target,household_id,value\nmen,h1,1\nmen,h3,2\nwomen,h2,3\nwomen,h3,4\n"
HOUSEHOLDS = "household_id,base_weight\nh1,10\nh2,20.5\nh3,30\n"
TARGETS = "target,value\nmen,41580\nwomen,1234567.5\n"
DENSE = [[1.0, 0.0, 2.0], [0.0, 3.0, 4.0]]
VALUES, WEIGHTS = [41580.0, 1234567.5], [10.0, 20.5, 30.0]


class Case(NamedTuple):
    """One messy file in the place of a good one, what has to be said about it, and what is right."""

    file: str
    content: str | bytes
    said: dict[str, str] = {}  # noqa: RUF012 - never written to
    values: list[float] = VALUES
    weights: list[float] = WEIGHTS
    matrix: list[list[float]] = DENSE
    names: tuple[str, ...] = ("men", "women")


def targets(*rows: str, head: str = "target;value") -> str:
    return "\n".join((head, *rows)) + "\n"


WHOLE = [41580.0, 1234567.0]
CASES = {
    # decimal signs and separators of thousands
    "thousands points, proven by two": Case("targets.csv", targets("men;41.580", "women;1.234.567,5")),
    "thousands points, not proven": Case("targets.csv", targets("men;41.580", "women;234.567"), {"decimal": ","}, [41580, 234567]),
    "three decimals, not proven": Case("targets.csv", targets("men;41.580", "women;234.567"), {"decimal": "."}, [41.58, 234.567]),
    "decimal commas": Case("targets.csv", targets("men;41580,0", "women;1234567,5")),
    "decimal commas in quotes between commas": Case("targets.csv", 'target,value\nmen,"41580,0"\nwomen,"1234567,5"\n'),
    "thousands commas in quotes": Case("targets.csv", 'target,value\nmen,"41,580"\nwomen,"1,234,567.5"\n'),
    "thousands commas, not proven": Case("targets.csv", 'target,value\nmen,"41,580"\nwomen,"234,567"\n', {"decimal": "."}, [41580, 234567]),
    "spaces": Case("targets.csv", targets("men;41 580", "women;1 234 567,5")),
    "narrow and fixed spaces": Case("targets.csv", targets("men;41\u202f580", "women;1\u00a0234\u00a0567,5")),
    "apostrophes": Case("targets.csv", targets("men;41'580", "women;1’234’567.5")),
    "thousands points in weights": Case(
        "households.csv", "household_id;base_weight\nh1;1.010\nh2;20.500\nh3;3.000.000\n", {}, weights=[1010, 20500, 3e6]
    ),
    "thousands points in the matrix": Case(
        "matrix.csv", MATRIX.replace(",", ";").replace("h1;1", "h1;1.001").replace("h2;3", "h2;3.500"), {"decimal": ","},
        matrix=[[1001, 0, 2], [0, 3500, 4]],
    ),
    # what stands around numbers
    "currencies": Case("targets.csv", 'target,value\nmen,"$41,580"\nwomen,"$1,234,567.5"\n'),
    "units": Case("targets.csv", "target;value\nmen;41580 €\nwomen;1.234.567,50 EUR\n"),
    "per cent": Case("targets.csv", "target,value\nmen,41.5%\nwomen,58.5 %\n", {"factor": "0.01"}, [0.415, 0.585]),
    "parentheses": Case("targets.csv", 'target,value\nmen,41580\nwomen,"(1,234,567.5)"\n', {"parentheses": "negative"}, [41580, -1234567.5]),
    "a minus of typesetters": Case("targets.csv", "target,value\nmen,41580\nwomen,−1234567.5\n", {}, [41580, -1234567.5]),
    "thousands in the head": Case("targets.csv", "target,value (thousands)\nmen,41.58\nwomen,1234.5675\n", {"factor": "1000"}),
    "thousands in a title": Case("targets.csv", "Persons (in thousands)\ntarget,value\nmen,41.58\nwomen,1234.5675\n", {"factor": "1000"}),
    "thousands in a note": Case("targets.csv", "target,value\nmen,41.58\nwomen,1234.5675\nNote: all numbers in thousands\n", {"factor": "1000"}),
    "a title that says nothing": Case("targets.csv", "Persons (in thousands)\n" + TARGETS, {"factor": "1"}),
    "marks of footnotes": Case("targets.csv", 'target,value\nmen,41580 (p)\nwomen,"1,234,567.5"\nall,1276147*\nboys,3\ngirls,4\nothers,5\n', {},
        [41580, 1234567.5, 1276147, 3, 4, 5], matrix=[*DENSE, *[[0.0] * 3] * 4], names=("men", "women", "all", "boys", "girls", "others")),
    # cells without a value
    "withheld, left out": Case(
        "targets.csv", TARGETS + "girls,..\n", {"missing": "leave out"},
    ),
    "a dash, left out": Case("targets.csv", TARGETS.replace("women", "dash,-\nwomen"), {"missing": "leave out"}),
    "a dash, nought": Case("targets.csv", "target,value\nmen,41580\nwomen,-\n", {"missing": "0"}, [41580, 0]),
    "empty cells in a wide matrix": Case("matrix.csv", "household_id,men,women\nh1,1,\nh2,,3\nh3,2,4\n", {"missing": "0"}),
    "a row that is commented out": Case("targets.csv", "target,value\nmen,41580\n# girls,77\nwomen,1234567.5\n", {"comment": "#"}),
    "a total by its sum": Case("targets.csv", TARGETS + "Total population,1276147.5\n", {"last_rows": "1"}),
    "a wide matrix with attributes": Case(
        "matrix.csv", "Household ID\tmen\twomen\tstate\nh1\t1\t0\tME\nh2\t0\t3\tME\nh3\t2\t4\tVT\n", {"other_columns": "leave out"}
    ),
    # encodings and packing
    "UTF-16 with tabs": Case("targets.txt", TARGETS.replace(",", "\t").encode("utf-16")),
    "Latin-1": Case("targets.csv", "target,value,source\nmen,41580,Zürich\nwomen,1234567.5,Genève\n".encode("latin-1")),
    "gzip": Case("targets.csv.gz", gzip.compress(TARGETS.encode())),
    "a mark, CRLF and quotes": Case("targets.csv", '"target","value"\r\n"men","41580"\r\n"women","1234567.5"\r\n'.encode("utf-8-sig")),
    # lines that are no rows
    "sep=": Case("targets.csv", "sep=;\n" + targets("men;41580", "women;1234567,5")),
    "titles, blank lines, a footnote": Case(
        "targets.csv", "Table 1: Population, by sex\n\nArea: Maine\ntarget,value\n\nmen,41580\nwomen,1234567.5\n,\n\nSource: Census Bureau, 2024, own sums\n"
    ),
    "comments": Case("targets.csv", "# made by hand\n# see https://example.org\ntarget,value\nmen,41580\n# of these, some\nwomen,1234567.5\n"),
    "a totals row": Case("targets.csv", TARGETS + "Total,1276147.5\n", {"last_rows": "1"}),
    "a last row that counts": Case(
        "targets.csv", "target,value\nwomen,1234567.5\nmen,41580\nTotal,3\n", {"last_rows": "0"}, [1234567.5, 41580, 3],
        matrix=[DENSE[1], DENSE[0], [0, 0, 0]], names=("women", "men", "Total"),
    ),
    "a footnote with a number": Case("targets.csv", TARGETS + "Source: Census Bureau,2024\n", {"last_rows": "1"}),
    "a totals row of households": Case("households.csv", HOUSEHOLDS + "Total,60.5\n", {"last_rows": "1"}),
    # heads
    "capitals and units": Case("targets.csv", "Target;VALUE (persons);Group\nmen;41580;a\nwomen;1234567.5;a\n"),
    "no heads": Case("targets.csv", "men,41580\nwomen,1234567.5\n", {"header": "none"}),
    "other heads": Case("targets.csv", "name,total\nmen,41580\nwomen,1234567.5\n", {"target": "name", "value": "total"}),
    "weights by another name": Case("households.csv", HOUSEHOLDS.replace("base_weight", "wgt")),
    "two columns of weights": Case(
        "households.csv", "household_id,weight,hhwt\nh1,10,1\nh2,20.5,1\nh3,30,1\n", {"base_weight": "weight"}
    ),
    # delimiters
    "bars": Case("targets.csv", TARGETS.replace(",", "|")),
    "spaces between cells": Case("targets.txt", "target   value\nmen      41580\nwomen    1234567.5\n"),
    "a comma at the end of each line": Case("targets.csv", TARGETS.replace("\n", ",\n")),
    "row names, as R writes them": Case("targets.csv", '"target" "value"\n"1" "men" 41580\n"2" "women" 1234567.5\n'),
    # names
    "spaces behind ids": Case("households.csv", "household_id,base_weight\nh1 ,10\nh2  ,20.5\nh3\u00a0,30\n"),
    "é as two signs": Case(
        "targets.csv", TARGETS.replace("men", "mén"), values=VALUES, matrix=DENSE, names=("mén", "womén")
    ),
}  # fmt: skip
OTHERS = {
    "é as two signs": {"matrix.csv": MATRIX.replace("men", "me\u0301n")},
}


def read(case: Case, others: dict[str, str], tmp_path, load):
    """The problem, each question answered as the case says, and the settings that were asked for."""
    files = {"targets.csv": TARGETS, "matrix.csv": MATRIX, "households.csv": HOUSEHOLDS}
    files = (
        {name: text for name, text in files.items() if name.split(".")[0] != case.file.split(".")[0]} | others | {case.file: case.content}
    )
    contents = {f"my {name}": text if isinstance(text, bytes) else text.encode() for name, text in files.items()}
    said: dict[str, str] = {}
    for attempt in range(6):
        folder = tmp_path / f"{attempt}"
        try:
            recognise_uploads(contents, folder, {f"my {case.file}": said})
            return load(folder), list(said)
        except AmbiguousTable as question:
            assert question.file in (case.file, f"my {case.file}") and "\n" not in str(question)
            assert question.setting not in said and case.said[question.setting] in dict(question.options)
            said[question.setting] = case.said[question.setting]
    raise AssertionError("it asks on and on")


@pytest.mark.parametrize("name", CASES)
def test_read_right_or_asked_about(name, tmp_path):
    case = CASES[name]
    problem, asked = read(case, OTHERS.get(name, {}), tmp_path, load_problem)
    assert asked == list(case.said)
    assert tuple(problem.names) == case.names and list(problem.household_ids) == ["h1", "h2", "h3"]
    np.testing.assert_array_equal(problem.values, case.values)
    np.testing.assert_array_equal(problem.base_weights, case.weights)
    np.testing.assert_array_equal(problem.matrix.toarray(), case.matrix)


def test_leading_zeros_that_a_spreadsheet_took_are_offered(tmp_path, monkeypatch):
    monkeypatch.setattr(guarded, "_child", read_here)
    zeros = {"households.csv": HOUSEHOLDS.replace("h", "00").replace("00ouse00old", "household")}
    files = {"targets.csv": TARGETS, "matrix.csv": MATRIX.replace(",h", ",").replace("ouse", "house"), **zeros}
    contents = {name: text.encode() for name, text in files.items()}
    recognise_uploads(contents, tmp_path / "a")
    with pytest.raises(AmbiguousTable, match=r"matrix\.csv: '1' is not among the households, but '001' is") as question:
        load_guarded(tmp_path / "a", tmp_path / "out")
    assert question.value.file == "matrix.csv" and question.value.setting == "leading_zeros"
    recognise_uploads(contents, tmp_path / "b", {"matrix.csv": {"leading_zeros": "ignore"}})
    load_guarded(tmp_path / "b", tmp_path / "out")
    problem = load_problem(tmp_path / "out", ours=True)
    assert list(problem.household_ids) == ["001", "002", "003"]
    np.testing.assert_array_equal(problem.matrix.toarray(), DENSE)
    assert any("without leading zeros" in note for note in problem.notes)


def test_a_table_says_how_it_was_read(tmp_path, monkeypatch):
    monkeypatch.setattr(guarded, "_child", read_here)
    (tmp_path / "t.csv").write_bytes("Übersicht\n\nid;Betrag;Anteil\n007;1.234,50;5 %\n8;;7,5 %\n".encode("cp1252"))
    with pytest.raises(AmbiguousTable) as question:
        table_guarded(tmp_path / "t.csv", tmp_path / "t.parquet")
    assert question.value.setting == "factor"
    reading = table_guarded(tmp_path / "t.csv", tmp_path / "t.parquet", answers={"factor": "0.01"})
    assert (reading.encoding, reading.delimiter, reading.decimal, reading.thousands) == ("cp1252", ";", ",", ".")
    assert reading.header == 2 and reading.skipped == ("Übersicht",)
    frame = pd.read_parquet(tmp_path / "t.parquet")
    assert list(frame["id"]) == ["007", "8"] and list(frame["Anteil"]) == [0.05, 0.075]
    assert frame["Betrag"][0] == 1234.5 and np.isnan(frame["Betrag"][1])


def test_marks_of_footnotes_are_told_of_and_leave_names_alone(tmp_path):
    cells = ["12*", "3 r", "4", "5", "6 [a]", "7", "800p", "9"]
    (tmp_path / "t.csv").write_text("id,sum,kind\n" + "".join(f"{c},{c},{k}\n" for c, k in zip(cells, "ABCDEFGH", strict=True)))
    table = read_table(tmp_path / "t.csv")
    np.testing.assert_array_equal(table.numbers("sum"), [12, 3, 4, 5, 6, 7, 800, 9])
    assert "marks of footnotes behind numbers of column 'sum' left out ('12*')" in table.reading.sentence
    (tmp_path / "u.csv").write_text("kind,n\n" + "".join(f"{kind},1\n" for kind in ("1", "1p", "2", "3", "3e")))
    plain = read_table(tmp_path / "u.csv")
    assert list(frame(plain)["kind"]) == ["1", "1p", "2", "3", "3e"] and not plain.reading.sentence


def test_a_unit_in_a_title_leaves_years_and_ids_alone(tmp_path):
    (tmp_path / "t.csv").write_text("Households (in thousands)\nhh_id,year,households\n7,2024,41.5\n8,2025,12\n")
    with pytest.raises(AmbiguousTable, match=r"\(in thousands\)' stands above or below the table") as question:
        frame(read_table(tmp_path / "t.csv"))
    assert [value for value, _ in question.value.options] == ["1000", "1"]
    both = frame(read_table(tmp_path / "t.csv", {"factor": "1000"}))
    assert list(both["hh_id"]) == [7, 8] and list(both["year"]) == [2024, 2025] and list(both["households"]) == [41500, 12000]
    assert list(frame(read_table(tmp_path / "t.csv", {"factor": "1"}))["households"]) == [41.5, 12]


@pytest.mark.parametrize(
    "sign, between", [(".", ","), (".", ""), (".", " "), (".", "'"), (",", "."), (",", ""), (",", " "), (",", "\u202f")]
)
def test_numbers_in_every_notation(sign, between, tmp_path):
    rng = np.random.default_rng(5)
    numbers = np.round(rng.normal(size=300) * 10.0 ** rng.integers(0, 9, 300), rng.integers(1, 3))
    written = [f"{x:,.2f}".translate({ord(","): between, ord("."): sign}) for x in numbers]
    (tmp_path / "t.csv").write_text("a;b\n" + "".join(f"x;{w}\n" for w in written))
    np.testing.assert_array_equal(read_table(tmp_path / "t.csv").numbers("b"), np.round(numbers, 2))


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (["1.5", "2,5"], "'2,5' is no number where '.' is the decimal sign"),
        (["1.234.56", "3"], "'1.234.56' is not|'1.234.56' is no number"),
        (["12,34,5", "3"], "'12,34,5' is no number"),
        (["41.58k", "3"], "'41.58k' is not a number"),
        (["5*", "4*", "3"], r"'5\*' is not a number"),  # most of them: rather stars
        (["7m", "3", "4"], "'7m' is not a number"),
        (["5 %", "6"], "'6' has no % though others"),
        (["1e400", "3"], "'1e400' is not a finite number"),
        (["1 2345", "3"], "'1 2345' is no"),
    ],
)
def test_what_is_no_number_is_refused(cells, said, tmp_path):
    (tmp_path / "t.csv").write_text("a;b\n" + "".join(f"x;{c}\n" for c in cells))
    with pytest.raises(ProblemError, match=said) as refused:
        read_table(tmp_path / "t.csv").numbers("b")
    assert not isinstance(refused.value, AmbiguousTable) and str(refused.value).startswith("t.csv, line ")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[x", "cannot be read as TOML"),
        ('a = "b"', "give answers by file"),
        ('["targets.csv"]\ncolour = "red"', "'colour' is no setting"),
        ('["targets.csv"]\ndecimal = "x"', "decimal = 'x' is not known"),
        ('["targets.csv"]\nheader = "7"', "header = '7' is the number of no line"),
        ('["targets.csv"]\nlast_rows = "9"', "last_rows = '9' is no number of rows"),
        ('["targets.csv"]\nfactor = "1000"', "factor = '1000' has no effect, as no cell has a % and no head names that unit"),
        ('["targets.csv"]\nvalue = "price"', "value = 'price' is no column"),
    ],
)
def test_answers_that_make_no_sense_are_refused(text, said, tmp_path):
    for name, content in {"targets.csv": TARGETS, "matrix.csv": MATRIX, "reading.toml": text}.items():
        (tmp_path / name).write_text(content)
    with pytest.raises(ProblemError, match=said):
        load_problem(tmp_path)


def test_lines_are_those_of_the_file(tmp_path):
    (tmp_path / "t.csv").write_text('Title\n\nsource: us\n# c\na;b\n"x\ny";1,5\n\n# d\nz;oops\n')
    with pytest.raises(ProblemError, match=r"t\.csv, line 10, column 'b': 'oops' is not a number"):
        read_table(tmp_path / "t.csv").numbers("b")
