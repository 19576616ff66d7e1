"""What targets carry beyond their values: scales, tolerance, standard errors, source, year."""

import math

import numpy as np
import pandas as pd
import pytest

from l0engine.calibration.config import Config
from l0engine.calibration.metrics import measure, relative_errors, within_tolerance
from l0engine.calibration.problem.importance import importance
from l0engine.calibration.problem.preflight import preflight
from l0engine.calibration.problem.problem import Problem
from l0engine.calibration.taken import taken
from l0engine.calibration.training.iteration import fit
from l0engine.errors import ConfigError, ProblemError

M, Y, NAN = [[1, 1, 0, 1], [0, 1, 1, 1], [1, -1, 1, -1]], [100, 40, 0], math.nan
BASE = [20.0, 20, 20, 20]


def test_a_scale_is_what_errors_are_relative_to():
    p = Problem.create(M, Y, base_weights=BASE, scales=[NAN, 80, 500])
    assert p.sizes.tolist() == [100, 80, 500]
    assert p.scales.tolist() == p.magnitudes.tolist() == [100, 80, 500]
    assert relative_errors(p, np.array([30.0, 0, 10, 10])).tolist() == [-0.6, -0.25, 0.06]
    assert "zero" not in {f.kind for f in preflight(p)}
    below = Problem.create(M, Y, base_weights=BASE, scales=[NAN, NAN, 5])  # one household adds 20
    assert below.scales.tolist() == [100, 40, 20] and below.magnitudes.tolist() == [100, 40, 5]
    assert {f.kind: f.targets.tolist() for f in preflight(below)}["below_floor"] == [2]


def test_a_share_as_a_target():
    """A share s of a total: its row is numerator - s * all, its value 0, its scale s * total."""
    rng = np.random.default_rng(0)
    member, n, s, total = rng.random(400) < 0.2, 400, 0.3, 10_000.0
    rows = np.array([np.ones(n), member - s])
    p = Problem.create(rows, [total, 0], base_weights=np.full(n, total / n), scales=[NAN, s * total])
    w = fit(p, Config(epochs=200)).weights
    assert w.sum() == pytest.approx(total, rel=1e-3)
    assert w[member].sum() / w.sum() == pytest.approx(s, rel=1e-3)


def test_none_of_it_leaves_the_fingerprint_and_some_of_it_does_not():
    plain = Problem.create(M, Y, base_weights=BASE)
    nothing = pd.DataFrame({"tolerance": [NAN] * 3, "standard_error": [None] * 3, "source": ["", None, ""], "year": [NAN] * 3})
    same = Problem.create(
        M, Y, base_weights=BASE, scales=[100, NAN, NAN], target_details=nothing, protected=[0, 0, 0, 0],
        smallest=[NAN, 0, NAN, NAN], largest=[NAN, np.inf, NAN, NAN],
    )  # fmt: skip
    assert same.fingerprint == plain.fingerprint and same.details.empty and not same.rules.given
    others = [
        {"scales": [NAN, 80, NAN]}, {"scales": [80, NAN, NAN]}, {"protected": [0, 1, 0, 0]}, {"smallest": [1, NAN, NAN, NAN]},
        {"largest": [1, NAN, NAN, NAN]}, {"target_details": pd.DataFrame({"tolerance": [0.1, NAN, NAN]})},
        {"target_details": pd.DataFrame({"standard_error": [0.1, NAN, NAN]})},
    ]  # fmt: skip
    made = {Problem.create(M, Y, base_weights=BASE, **other).fingerprint for other in others} | {plain.fingerprint}
    assert len(made) == len(others) + 1


def details(**columns):
    return Problem.create(M, Y, base_weights=BASE, scales=[NAN, NAN, 50], target_details=pd.DataFrame(columns))


def test_details_are_kept_as_they_are_meant():
    p = details(year=[2021.0, NAN, 2023.0], source=["census", None, ""], tolerance=[0.05, None, 0.0])
    assert list(p.details.columns) == ["tolerance", "source", "year"]
    assert p.details["year"].tolist() == ["2021", "", "2023"]
    assert p.details["source"].tolist() == ["census", "", ""]
    np.testing.assert_array_equal(p.tolerances, [0.05, NAN, 0.0])
    np.testing.assert_array_equal(p.standard_errors, [NAN] * 3)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"tolerance": [-0.1, 1, 1]}, "The tolerance of target 'target 1' is -0.1: set it to 0 or more"),
        ({"standard_error": [1, 0, 1]}, "The standard error of target 'target 2' is 0: set it above 0"),
        ({"standard_error": [1, np.inf, 1]}, "standard errors hold inf at position 2"),
        ({"tolerance": ["5 %", 1, 1]}, "The tolerances hold something that is not a number"),
        ({"sorce": ["a", "b", "c"]}, "a column 'sorce': they may have tolerance, standard_error, source, year"),
        ({"source": ["a"]}, "1 rows but there are 3 targets"),
    ],
)
def test_details_that_make_no_sense_are_refused(columns, message):
    with pytest.raises(ProblemError, match=message):
        details(**columns)


@pytest.mark.parametrize("scale", [0, -1, np.inf])
def test_a_scale_is_positive(scale):
    with pytest.raises(ProblemError, match="scale"):
        Problem.create(M, Y, scales=[NAN, scale, NAN])


def test_tolerances_are_measured_by_hand():
    p, w = details(tolerance=[0.5, 0.2, NAN]), np.array([60.0, 10, 10, 10])  # errors -0.2, -0.25, 1.0
    np.testing.assert_array_equal(within_tolerance(p, w), [1, 0, NAN])
    assert measure(p, w, np.ones(3, bool)).share_within_tolerance == 0.5
    assert measure(p, w, np.array([True, False, True])).share_within_tolerance == 1.0
    assert measure(p, w, np.array([False, False, True])).share_within_tolerance is None


@pytest.mark.parametrize(("loss", "scale"), [("relative", [100, 40, 50]), ("mse", [1, 1, 1])])
def test_a_standard_error_counts_by_its_square(loss, scale):
    """The loss is that of errors in standard errors: generalised least squares for independent totals."""
    p, everyone = details(standard_error=[2.0, NAN, 0.5]), np.ones(3, bool)
    config = Config(precision="standard error", loss=loss)
    np.testing.assert_allclose(importance(p, config, everyone), [(scale[0] / 2) ** 2, 1, (scale[2] / 0.5) ** 2])
    np.testing.assert_array_equal(importance(p, Config(loss=loss), everyone), 1)
    assert "1 without a standard error keep their weight: 'target 2'." in taken(p, config)
    with pytest.raises(ConfigError, match="no target in use has one"):
        importance(details(source=["a", "b", "c"]), config, everyone)


def test_contradicting_totals_are_met_by_their_precision():
    """Two totals of the same thing, 100 and 130, with standard errors 1 and 2: the weighted mean is 106."""
    twice = pd.DataFrame({"standard_error": [1.0, 2.0]})
    p = Problem.create(np.ones((2, 50)), [100, 130], base_weights=np.full(50, 2.0), target_details=twice)
    w = fit(p, Config(precision="standard error", estimator="ungated", mu=1e-6, epochs=50)).weights
    assert w.sum() == pytest.approx((100 / 1 + 130 / 4) / (1 / 1 + 1 / 4), rel=1e-4)
