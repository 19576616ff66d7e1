import importlib
import subprocess
import sys
from importlib.metadata import version

import pytest

import l0engine
from l0engine import calibration

WITHOUT_TORCH = [
    "l0engine",
    "l0engine.io",
    "l0engine.runs.store",
    "l0engine.runs.supervisor",
    *(f"l0engine.calibration.{m}" for m in ("config", "problem", "preflight", "results", "metrics", "state")),
]


def test_reading_and_watching_never_load_torch():
    lines = [f"import {m}; assert 'torch' not in sys.modules, '{m} loads torch'" for m in WITHOUT_TORCH]
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(["import sys", *lines])], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("package", [l0engine, calibration], ids=lambda p: p.__name__)
def test_every_public_name_is_there(package):
    for name in package.__all__:
        assert not isinstance(getattr(package, name), type(sys)), name
    scope: dict[str, object] = {}
    exec(f"from {package.__name__} import *", scope)  # noqa: S102
    assert set(package.__all__) <= set(scope)
    assert len(set(package.__all__)) == len(package.__all__)


def test_names_are_the_objects_of_their_modules():
    from l0engine import HardConcrete, preflight
    from l0engine.calibration import SparseCalibrationWeights

    assert HardConcrete is importlib.import_module("l0engine.hard_concrete").HardConcrete
    assert preflight is importlib.import_module("l0engine.calibration.preflight").preflight
    assert SparseCalibrationWeights is importlib.import_module("l0engine.calibration.weights").SparseCalibrationWeights


@pytest.mark.parametrize("package", [l0engine, calibration], ids=lambda p: p.__name__)
def test_unknown_names_are_refused(package):
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = package.nonsense


def test_version():
    assert l0engine.__version__ == version("l0engine")
