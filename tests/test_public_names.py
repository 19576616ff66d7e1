import importlib
import inspect
import pkgutil
import subprocess
import sys
from importlib.metadata import version

import l0
import pytest

import l0engine
from l0engine import calibration

WITHOUT_TORCH = [
    "l0engine",
    "l0engine.io",
    "l0engine.io.build",
    "l0engine.jobs.store",
    "l0engine.jobs.supervisor",
    "l0engine.studies.features.settings",
    "l0engine.studies.pruning.settings",
    *(f"l0engine.calibration.{m}" for m in ("config", "problem.problem", "problem.preflight", "results", "metrics", "training.checkpoint")),
]


def test_reading_and_watching_never_load_torch_or_scikit_learn():
    lines = [f"import {m}; assert not {{'torch', 'sklearn'}} & set(sys.modules), '{m} loads them'" for m in WITHOUT_TORCH]
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
    assert preflight is importlib.import_module("l0engine.calibration.problem.preflight").preflight
    assert SparseCalibrationWeights is importlib.import_module("l0engine.calibration.weights").SparseCalibrationWeights


#: What l0-python has and this library leaves out on purpose: a bound that is the module's own here, and a plot in a tracker.
LEFT_OUT = {"LOG_ALPHA_BOUND", "plot_history"}


def their_modules():
    return ["l0", *(f"l0.{m.name}" for m in pkgutil.iter_modules(l0.__path__))]


def public(module):
    """The names that a module defines, or declares to be public."""
    declared = getattr(module, "__all__", ())
    return {n for n, v in vars(module).items() if n in declared or (n[0] != "_" and getattr(v, "__module__", None) == module.__name__)}


@pytest.mark.parametrize("path", their_modules())
def test_every_name_of_the_established_package_is_at_its_path(path):
    theirs, ours = (importlib.import_module(name) for name in (path, path.replace("l0", "l0engine", 1)))
    assert public(theirs)
    for name in public(theirs):
        their, our = getattr(theirs, name), getattr(ours, name)
        assert our.__name__ == name
        assert our is getattr(l0engine, name)  # one object, at every path
        if inspect.isclass(their):
            assert {a for a in vars(their) if a[0] != "_" and not hasattr(our, a)} <= LEFT_OUT


@pytest.mark.parametrize("path", their_modules()[1:])
def test_their_arguments_come_first_and_in_the_same_order(path):
    module = importlib.import_module(path)
    for name in public(module):
        their, our = (inspect.signature(getattr(m, name)).parameters for m in (module, l0engine))
        assert list(our)[: len(their)] == list(their), name


@pytest.mark.parametrize("package", [l0engine, calibration], ids=lambda p: p.__name__)
def test_unknown_names_are_refused(package):
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = package.nonsense


def test_version():
    assert l0engine.__version__ == version("l0engine")
