"""Pickles are never opened: whoever opens one runs what its writer put there. What their owner can do about them, in three lines."""

from __future__ import annotations

from l0engine.errors import ProblemError
from l0engine.io.limits import shown

ENDINGS = (".pkl", ".pickle")
#: Turns a `calibration_package.pkl` of policyengine-us-data into a problem folder (its keys: `save_calibration_package` there).
LINES = """\
import pathlib, pickle; from l0engine.calibration.problem import Problem; from l0engine.io import save_problem
package = pickle.loads(pathlib.Path("calibration_package.pkl").read_bytes())
save_problem(Problem.create(package["X_sparse"], package["targets_df"]["value"], names=package["target_names"]), "problem")
"""


def refuse_pickle(name: str) -> None:
    """Refuse a file with the name of a pickle, and say what to do with it."""
    if name.lower().endswith(ENDINGS):
        raise ProblemError(
            f"{shown(name)}: a pickle runs code of its writer when it is opened, and is never opened here: where you trust it, turn it "
            f"into a problem folder with three lines of Python: {'; '.join(LINES.splitlines())}."
        )
