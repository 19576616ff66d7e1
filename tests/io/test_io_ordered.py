"""Ordered problems of microcosm in, ordered solutions out; the other side is tests/ordered.py, which knows nothing of ours."""

import hashlib

import numpy as np
import ordered
import pytest
from ordered import IDS, MATRIX, VALUES, WEIGHTS, packed, parts, target
from reading import read_here

from l0engine import __main__ as command_line
from l0engine.errors import ProblemError
from l0engine.io import Recognised, guarded, load_guarded, load_problem, recognise_uploads, solution_bytes


@pytest.fixture
def read(tmp_path):
    def from_bytes(content):
        file = tmp_path / "problem.npz"
        file.write_bytes(content)
        return load_problem(file)

    return from_bytes


def test_all_parts_arrive(read):
    targets = [target("a", 10.0, source="ACS", tolerance=0.5), target("b", 21.0, "2025", metadata={"family": "money"})]
    skipped = [{"target": target("c", 1.0), "reason": "no column"}]
    p = read(content := packed(parts(targets=targets, skipped=skipped)))
    np.testing.assert_array_equal(p.matrix.toarray(), MATRIX)
    assert p.values.tolist() == VALUES and p.base_weights.tolist() == WEIGHTS
    assert p.names.tolist() == ["a@2024", "b@2025"] and p.groups.tolist() == ["ACS", "money"]
    details = p.details.astype(object).where(p.details.notna(), None)
    assert details.to_dict("list") == {"tolerance": [0.05, None], "source": ["ACS", ""], "year": ["2024", "2025"]}  # of the value
    assert p.household_ids.tolist() == ["10", "20", "x", "40"] and p.artifact.entity_ids == tuple(IDS)
    assert p.artifact.sha256 == hashlib.sha256(content).hexdigest()
    assert p.notes[0].endswith("2 targets x 4 households, 5 entries, in its own order; its design weights are the base weights.")
    assert p.notes[1] == "Targets that its writer could not compute, and that are not in it: 1."


def test_an_upload_keeps_what_the_solution_needs(tmp_path, monkeypatch):
    monkeypatch.setattr(guarded, "_child", read_here)  # a process for each test takes most of a second
    content = packed(parts())
    found = recognise_uploads({"surface.npz": content}, tmp_path / "raw")
    assert found == (Recognised("problem", "surface.npz", "problem.npz"),)
    load_guarded(tmp_path / "raw", tmp_path / "kept")
    p, q = load_problem(tmp_path / "raw"), load_problem(tmp_path / "kept", ours=True)
    assert q.artifact == p.artifact and q.fingerprint == p.fingerprint and q.notes == p.notes
    weights = np.array([0.0, 4.5, 1 / 3, 2.0])
    out = solution_bytes(q, weights)
    assert out == solution_bytes(p, weights)
    np.testing.assert_array_equal(ordered.solution(out, hashlib.sha256(content).hexdigest(), IDS), weights)


def test_households_of_weight_0_stay_at_0(read):
    p = read(content := packed(parts(weights=[2.0, 0.0, 1.0, 0.0])))
    np.testing.assert_array_equal(p.matrix.toarray(), MATRIX[:, [0, 2]])
    assert p.notes[-1] == "Households of weight 0, which stay at 0: 2."
    got = ordered.solution(solution_bytes(p, np.array([3.0, 7.0])), hashlib.sha256(content).hexdigest(), IDS)
    assert got.tolist() == [3.0, 0.0, 7.0, 0.0]


def test_equal_numbers_of_another_file_are_another_problem(read):
    first, second = read(packed(parts())), read(packed(parts(bindings={"selector": "all"})))
    assert first.fingerprint != second.fingerprint


def test_the_command_line_writes_the_solution_back(tmp_path):
    (tmp_path / "p.npz").write_bytes(content := packed(parts()))
    arguments = ["fit", str(tmp_path / "p.npz"), "--out", str(tmp_path / "out"), "--lambda-l0", "0", "--lambda-l2", "0", "--epochs", "50"]
    assert command_line.main(arguments) == 0
    weights = ordered.solution((tmp_path / "out" / "solution.npz").read_bytes(), hashlib.sha256(content).hexdigest(), IDS)
    np.testing.assert_allclose(MATRIX @ weights, VALUES, rtol=1e-3)


def without(name):
    return {k: v for k, v in parts().items() if k != name}


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        (without("weights"), r"holds 'data', .*: give an ordered problem, or a folder"),
        ({**parts(), "more": np.ones(1)}, r"and 1 more, and an ordered problem"),
        (parts(schema="microcosm.calibrate.ordered-problem.v2"), r"its schema is 'microcosm.*v2'; what can be read is"),
        ({**parts(), "metadata": np.frombuffer(b'{"a":1,"a":2}', np.uint8)}, r"a key of its metadata stands twice"),
        ({**parts(), "metadata": np.frombuffer(b'{"a":NaN}', np.uint8)}, r"its metadata hold NaN"),
        ({**parts(), "metadata": np.frombuffer(b"[" * 100_000, np.uint8)}, r"cannot be read as an ordered problem"),
        ({**parts(), "metadata": np.array(["{}"])}, r"must be JSON as bytes"),
        (parts(shape=[2, 5]), r"'weights': it has 4 entries where the shape says 5"),
        (parts(shape=[2, "4"]), r"'shape' must be two whole numbers"),
        (parts(shape=[2, 10**12]), r"the limits are"),
        (parts(ids=[10, 20, 1.5, 40]), r"the entity id 1.5 is no whole number and no text"),
        (parts(ids=[10, 20, "10", 40]), r"household id '10' stands more than once"),
        (parts(weights=[1.0, -2.0, 1.0, 1.0]), r"'weights': that of '20' is -2"),
        (parts(targets=[target("t0", 10.0), target("t1", 22.0)]), r"target 't1@2024' is 21 in 'targets', and 't1' of 22.0 in its description"),
        (parts(names=["t0@2024", "t9@2024"]), r"target 't9@2024' is 21 in 'targets', and 't1' of 21"),
        ({**parts(), "indices": np.array([0, 1, 3, 0, 4])}, r"index 4 is outside the 4 columns"),
        ({**parts(), "data": np.array([1, 1, np.nan, 1, 1])}, r"row 1, column 4: the entry is nan"),
        ({**parts(), "data": np.array([{}] * 5, object)}, r"objects are never unpickled"),
    ],
)  # fmt: skip
def test_what_contradicts_itself_is_refused_in_one_sentence(read, members, sentence):
    with pytest.raises(ProblemError, match=sentence) as refused:
        read(packed(members))
    assert "\n" not in str(refused.value) and str(refused.value).startswith(("problem.npz", "The household id"))


def test_it_is_given_alone(tmp_path):
    with pytest.raises(ProblemError, match=r"^s.npz: it is a whole problem of its own: give it alone"):
        recognise_uploads({"s.npz": packed(parts()), "targets.csv": b"target,value\na,1\n"}, tmp_path / "raw")
