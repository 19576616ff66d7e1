"""Honest files as people have them: each is read right or asked about, and nothing is read wrongly. The right answers stand here, by hand."""

from __future__ import annotations

import gzip
from typing import NamedTuple

import numpy as np
import pytest

from l0engine.errors import AmbiguousTable
from l0engine.io import load_problem, recognise_uploads

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
    # cells without a value
    "withheld, left out": Case(
        "targets.csv", TARGETS + "girls,..\n", {"missing": "leave out"},
    ),
    "a dash, left out": Case("targets.csv", TARGETS.replace("women", "dash,-\nwomen"), {"missing": "leave out"}),
    "a dash, nought": Case("targets.csv", "target,value\nmen,41580\nwomen,-\n", {"missing": "0"}, [41580, 0]),
    "empty cells in a wide matrix": Case("matrix.csv", "household_id,men,women\nh1,1,\nh2,,3\nh3,2,4\n", {"missing": "0"}),
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
OTHERS = {"é as two signs": {"matrix.csv": MATRIX.replace("men", "me\u0301n")}}


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
