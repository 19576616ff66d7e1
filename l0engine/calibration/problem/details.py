"""What targets may carry beyond their values: what their errors are relative to, how precise they are, and where they are from."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from l0engine.calibration.problem.inputs import optional_numbers
from l0engine.errors import ProblemError

#: Numbers: tolerance, the largest relative error that is as good as none (0.05 is 5 %); standard_error, in the units of the value.
NUMBERS = ("tolerance", "standard_error")
#: And texts; empty cells are unknown.
COLUMNS = (*NUMBERS, "source", "year")


def checked_sizes(scales: Any, values: np.ndarray, names: np.ndarray) -> np.ndarray:
    """The given scales, and abs(value) where there is none, shape (n_targets,); or a ProblemError."""
    sizes: np.ndarray = np.abs(values)
    if scales is None:
        return sizes
    given = optional_numbers("scales", scales, len(values), "targets")
    _refuse(given <= 0, names, "scale", given, "set it above 0, or leave it empty")
    return np.where(np.isnan(given), sizes, given)


def checked_details(details: pd.DataFrame | None, names: np.ndarray) -> pd.DataFrame:
    """The columns that hold something, in the order of `COLUMNS`, numbers as float64 and the others as text; or a ProblemError."""
    out = pd.DataFrame(index=pd.RangeIndex(len(names)))
    if details is None:
        return out
    if len(details) != len(names):
        raise ProblemError(f"The target details have {len(details):,} rows but there are {len(names):,} targets: give one row each.")
    if unknown := [c for c in details.columns if c not in COLUMNS]:
        raise ProblemError(f"The target details have a column '{unknown[0]}': they may have {', '.join(COLUMNS)}.")
    for name in (c for c in COLUMNS if c in details):
        if name in NUMBERS:
            column = optional_numbers(f"{name.replace('_', ' ')}s", details[name], len(names), "targets")
            few, least = (column <= 0, "above 0") if name == "standard_error" else (column < 0, "to 0 or more")
            _refuse(few, names, name.replace("_", " "), column, f"set it {least}, or leave it empty")
            held = bool(np.isfinite(column).any())
        else:
            column = np.array([_text(cell) for cell in details[name]], object)
            held = bool((column != "").any())
        if held:
            out[name] = column
    return out


def _text(cell: Any) -> str:
    """A cell as text; a year that a missing one turned into a fraction is whole again."""
    if pd.isna(cell):
        return ""
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)


def detail(details: pd.DataFrame, name: str) -> np.ndarray:
    """A column of numbers, NaN where it is not there; shape (n_targets,)."""
    return np.asarray(details[name], np.float64) if name in details else np.full(len(details), np.nan)


def _refuse(bad: np.ndarray, names: np.ndarray, what: str, values: np.ndarray, remedy: str) -> None:
    if bad.any():
        i = int(np.argmax(bad))
        raise ProblemError(f"The {what} of target '{names[i]}' is {values[i]:g}: {remedy}.")
