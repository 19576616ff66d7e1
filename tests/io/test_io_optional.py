"""Columns that only some problems have: read from text and Parquet, written back, exported."""

import numpy as np
import pandas as pd
import pytest

from l0engine.calibration.problem.problem import Problem
from l0engine.errors import ProblemError
from l0engine.io import csv_bytes, load_problem, save_problem, targets_table, weights_table

MATRIX = "target,household_id,value\na,1,1\na,2,1\nb,2,1\nb,3,-1\nc,4,2\n"
TARGETS = "target,value,scale,tolerance,standard_error,source,year\na,100,,0.05,2.5,census,2021\nb,0,40,,,,\nc,7,,0.1,,register,2023\n"
HOUSEHOLDS = "household_id,base_weight,protected,frozen,min_weight,max_weight,state\n1,10,yes,,5,,CA\n2,20,,TRUE,,,NY\n3,30,0,no,,60,NY\n4,40,,,,,CA\n"


def folder(tmp_path, targets=TARGETS, households=HOUSEHOLDS):
    for name, text in {"matrix": MATRIX, "targets": targets, "households": households}.items():
        (tmp_path / f"{name}.csv").write_text(text)
    return tmp_path


def test_they_are_read_from_text(tmp_path):
    p = load_problem(folder(tmp_path))
    assert p.sizes.tolist() == [100, 40, 7]
    assert p.details.to_dict("list") | {"tolerance": 0, "standard_error": 0} == {
        "tolerance": 0, "standard_error": 0, "source": ["census", "", "register"], "year": ["2021", "", "2023"],
    }  # fmt: skip
    np.testing.assert_array_equal(p.tolerances, [0.05, np.nan, 0.1])
    np.testing.assert_array_equal(p.standard_errors, [2.5, np.nan, np.nan])
    protected, low, high = p.rules
    assert protected.tolist() == [True, True, False, False]
    assert low.tolist() == [5, 20, 0, 0] and high.tolist() == [np.inf, 20, 60, np.inf]  # the frozen one stays at its base weight
    assert list(p.attributes.columns) == ["state"]
    assert "Households: 2 are never dropped, 2 have a smallest weight, 2 have a largest weight." in p.notes


def test_they_come_back_from_a_saved_folder(tmp_path):
    first = load_problem(folder(tmp_path))
    save_problem(first, tmp_path / "saved")
    again = load_problem(tmp_path / "saved")
    assert again.fingerprint == first.fingerprint
    assert again.details.equals(first.details)
    for one, other in zip(again.rules, first.rules, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_problem_without_them_is_written_without_them(tmp_path):
    p = Problem.create([[1, 1]], [2])
    save_problem(p, tmp_path / "saved")
    assert list(pd.read_parquet(tmp_path / "saved" / "targets.parquet")) == ["target", "value", "group", "weight"]
    assert list(pd.read_parquet(tmp_path / "saved" / "households.parquet")) == ["household_id", "base_weight"]


def test_empty_columns_are_none(tmp_path):
    p = load_problem(
        folder(
            tmp_path,
            "target,value,scale,tolerance,year\na,1,,,\nb,1,,,\nc,1,,,\n",
            "household_id,protected,frozen\n1,,\n2,0,\n3,,no\n4,,\n",
        )
    )
    assert p.details.empty and not p.rules.given and p.sizes.tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("yes", "perhaps", "households.csv, line 2, column 'protected': 'perhaps' is neither true nor false"),
        (",base_weight", ",basis", "households.csv: a frozen household keeps its base weight: add the column 'base_weight'"),
        (",60,", ",a lot,", "households.csv, line 4, column 'max_weight': 'a lot' is not a number"),
        (",60,", ",0,", "Household '3' has a largest weight that is not above 0"),
        ("0.05", "-0.05", "The tolerance of target 'a' is -0.05"),
        ("0.05", "5", r"targets\.csv: a tolerance of 5 lets a total miss by 500 %: write 0\.05 for 5 %"),
        ("b,0,40", "b,0,-40", "The scale of target 'b' is -40"),
        ("2.5", "two", "targets.csv, line 2, column 'standard_error': 'two' is not a number"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_place(tmp_path, old, new, message):
    with pytest.raises(ProblemError, match=message):
        load_problem(folder(tmp_path, TARGETS.replace(old, new), HOUSEHOLDS.replace(old, new)))


def test_an_attribute_by_their_name_is_not_written(tmp_path):
    p = Problem.create([[1, 1]], [2], attributes=pd.DataFrame({"frozen": ["north", "south"]}))
    with pytest.raises(ProblemError, match="'frozen' has the name of a column of ours"):
        save_problem(p, tmp_path / "saved")


def test_exports_carry_them(tmp_path):
    p = load_problem(folder(tmp_path))
    w = np.array([60.0, 20, 0, 4])
    kept = weights_table(p, w, ["state"])
    assert list(kept.columns) == ["household_id", "weight", "base_weight", "protected", "min_weight", "max_weight", "state"]
    assert kept["protected"].tolist() == [True, True, False] and kept["state"].tolist() == ["CA", "NY", "CA"]
    table = targets_table(p, w, np.ones(3, bool))
    assert list(table.columns)[7:] == ["scale", "tolerance", "standard_error", "source", "year", "within_tolerance"]
    assert table["within_tolerance"].tolist() == ["no", "", "no"]  # 80 of 100; no tolerance; 8 of 7
    assert b"b,0.0,20.0,0.5,all,yes,,40.0,,,,," in csv_bytes(table)
