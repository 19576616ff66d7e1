import re

import numpy as np
import pandas as pd
import pytest
from scipy import sparse as sp

from l0engine.calibration.problem.problem import Problem
from l0engine.errors import ProblemError

M = np.array([[2.0, 0.0, 1.0], [0.0, 3.0, -4.0]])
Y = [10.0, -6.0]


def test_defaults():
    p = Problem.create(M, Y)
    assert (p.n_targets, p.n_households) == (2, 3)
    assert p.names.tolist() == ["target 1", "target 2"]
    assert p.groups.tolist() == ["all", "all"]
    assert p.household_ids.tolist() == ["1", "2", "3"]
    assert p.base_weights == pytest.approx(10 / 3)  # the only positive target over its row sum
    assert "3.333" in p.notes[0]


@pytest.mark.parametrize("kind", ["csr", "csc", "coo", "lil", "dok", "dia", "bsr"])
@pytest.mark.parametrize("flavour", ["array", "matrix"])
def test_every_sparse_kind_is_the_same_problem(kind, flavour):
    made = Problem.create(getattr(sp, f"{kind}_{flavour}")(M), Y)
    assert made.fingerprint == Problem.create(M, Y).fingerprint
    assert isinstance(made.matrix, sp.csr_array)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble, np.int8, np.int64, np.uint8, bool, ">f8", ">i4"])
def test_every_number_type_is_taken(dtype):
    dense = np.array([[1, 0, 1], [0, 1, 1]], dtype=dtype)
    p = Problem.create(dense, Y)
    assert p.matrix.dtype == (np.float32 if dtype is np.float32 else np.float64)
    assert p.matrix.toarray().tolist() == [[1, 0, 1], [0, 1, 1]]


def test_duplicate_entries_add_up_and_zeros_go():
    coo = sp.coo_array(([1.0, 2.0, 0.0, 5.0], ([0, 0, 1, 1], [1, 1, 0, 2])), shape=(2, 3))
    p = Problem.create(coo, Y)
    assert p.matrix.toarray().tolist() == [[0, 3, 0], [0, 0, 5]]
    assert p.matrix.nnz == 2


def test_derived_quantities_by_hand():
    p = Problem.create([[2, 0, 1], [0, 3, -4], [0, 0, 0], [1, 1, 0], [0, -1, 0]], [10, -6, 0, -1, 0], base_weights=[1, 2, 3])
    assert p.support.tolist() == [2, 2, 0, 2, 1]
    assert p.floors.tolist() == [3, 12, 0, 2, 2]
    assert p.scales.tolist() == [10, 12, 1, 2, 2]
    assert p.reachable.tolist() == [True, True, False, False, True]
    assert p.estimates(np.array([1.0, 1.0, 2.0])).tolist() == [4, -5, 0, 2, -1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"matrix": [[1, np.nan, 1], [1, 1, 1]]}, "target 1 and household 2 is nan.*(1 such)"),
        ({"matrix": sp.csr_array([[1, 1, 1], [1, 1, np.inf]])}, "target 2 and household 3 is inf"),
        ({"matrix": sp.csr_array([[1, 1, 1], [1, 1e308, 1]])}, "target 2 and household 2 is 1e.308: correct it, or take larger units"),
        ({"matrix": [["a", 1, 1], [1, 1, 1]]}, "not a number"),
        ({"matrix": np.ones((2, 3)) * 1j}, "complex128 entries"),
        ({"values": np.ones(2) * 1j}, "not a number"),
        ({"matrix": [[1, 2], [1]]}, "not a number"),
        ({"matrix": np.ones(3)}, r"shape \(3,\)"),
        ({"matrix": np.ones((0, 3))}, "at least one target"),
        ({"matrix": sp.csr_array((2, 0))}, "at least one target"),
        ({"values": [1.0, np.nan]}, "target values hold nan at position 2"),
        ({"values": [1.0]}, "2 targets"),
        ({"values": [[1.0, 2.0]]}, "give one number each"),
        ({"values": ["x", 1]}, "not a number"),
        ({"names": ["a", "a"]}, "target name 'a' stands more than once"),
        ({"names": ["a"]}, "1 target names for 2 places"),
        ({"groups": ["a", "b", "c"]}, "3 target groups for 2 places"),
        ({"target_weights": [1, -1]}, "weight of target 'target 2' is negative"),
        ({"base_weights": [1, 0, 1]}, "household '2' is 0.*must be positive"),
        ({"base_weights": [1, 1]}, "3 households"),
        ({"base_weights": [1, np.inf, 1]}, "base weights hold inf"),
        ({"household_ids": ["x", "y", "x"]}, "household id 'x' stands more than once"),
        ({"attributes": pd.DataFrame({"a": [1, 2]})}, "household table has 2 rows"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_place(change, message):
    parts = {"matrix": M, "values": Y, **change}
    with pytest.raises(ProblemError, match=message):
        Problem.create(parts.pop("matrix"), parts.pop("values"), **parts)


FULL = {
    "matrix": M, "values": Y, "names": ["a", "b"], "groups": ["g", "h"], "target_weights": [1.0, 2.0],
    "base_weights": [1.0, 2.0, 3.0], "household_ids": ["x", "y", "z"],
}  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        {"matrix": M * 2}, {"matrix": M[:, [1, 0, 2]]}, {"values": [10.0, -6.5]}, {"names": ["a", "c"]}, {"names": ["ab", ""]},
        {"groups": ["g", "g"]}, {"target_weights": [1.0, 1.0]}, {"base_weights": [1.0, 2.0, 4.0]}, {"household_ids": ["x", "z", "y"]},
    ],
)  # fmt: skip
def test_any_change_changes_the_fingerprint(change):
    def fingerprint(parts):
        parts = dict(parts)
        p = Problem.create(parts.pop("matrix"), parts.pop("values"), **parts)
        assert re.fullmatch("[0-9a-f]{64}", p.fingerprint)
        return p.fingerprint

    assert fingerprint(FULL) == fingerprint({**FULL, "matrix": sp.coo_array(M)})
    assert fingerprint({**FULL, **change}) != fingerprint(FULL)


def test_arrays_are_copies_and_read_only():
    values, matrix = np.array(Y), sp.csr_array(M)
    p = Problem.create(matrix, values)
    values[0], matrix.data[0] = 99.0, 99.0
    assert p.values[0] == 10.0
    assert p.matrix[0, 0] == 2.0
    for a in (p.values, p.base_weights, p.matrix.data, p.names):
        with pytest.raises(ValueError, match="read-only"):
            a[0] = 1
