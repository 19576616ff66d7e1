"""Data sets for choosing features: those that ship with scikit-learn, without a download, and planted ones whose truth is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from l0engine.errors import ConfigError

Task = Literal["regression", "classification"]
#: Pixels of the digits that are dark in fewer images than this are no features: they are the same nearly everywhere.
OFTEN = 100


@dataclass(frozen=True)
class DataSet:
    """A bundled data set, known before it is loaded; `target` is the column to be predicted."""

    title: str
    target: str
    task: Task
    rows: int
    features: int


#: Bundled data sets by name, in the order they are offered.
DATA_SETS: Mapping[str, DataSet] = {
    "diabetes": DataSet("Diabetes", "progression after a year", "regression", 442, 10),
    "breast_cancer": DataSet("Breast cancer", "diagnosis", "classification", 569, 30),
    "wine": DataSet("Wine", "cultivar", "classification", 178, 13),
    "digits": DataSet("Handwritten digits", "even or odd", "classification", 1797, 50),
}
_DIABETES = {
    "bp": "blood pressure",
    "s1": "s1 cholesterol",
    "s2": "s2 LDL",
    "s3": "s3 HDL",
    "s4": "s4 cholesterol / HDL",
    "s5": "s5 log triglycerides",
    "s6": "s6 glucose",
}


def load(name: str) -> pd.DataFrame:
    """A bundled data set: its features, and its target as the last column.

    Raises
    ------
    ConfigError
        There is none of this name.
    """
    from sklearn import datasets

    if name not in DATA_SETS:
        raise ConfigError(f"There is no data set '{name[:40]}': choose one of {', '.join(DATA_SETS)}.")
    target = DATA_SETS[name].target
    if name == "diabetes":
        found: Any = datasets.load_diabetes(as_frame=True, scaled=False)
        return pd.DataFrame(found.data.rename(columns=_DIABETES).assign(**{target: found.target}))
    if name == "digits":
        found = datasets.load_digits()
        pixels = pd.DataFrame(found.data, columns=[f"pixel {row},{column}" for row in range(1, 9) for column in range(1, 9)])
        often = (pixels > 0).sum() >= OFTEN
        return pixels.loc[:, often].assign(**{target: np.where(found.target % 2, "odd", "even")})
    found = {"breast_cancer": datasets.load_breast_cancer, "wine": datasets.load_wine}[name](as_frame=True)
    labels = [str(word).replace("class_", "cultivar ") for word in found.target_names]
    return pd.DataFrame(found.data.rename(columns=lambda c: c.replace("_", " ")).assign(**{target: np.array(labels)[found.target]}))


def planted(
    rows: int, features: int, true: int, snr: float, *, correlation: float = 0.0, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Normal features of which a few make the target, each with a coefficient of +1 or -1, under normal noise.

    Parameters
    ----------
    rows, features, true : int
        n, p and the number of features that make the target.
    snr : float
        Variance of the signal over that of the noise.
    correlation : float
        Between neighbouring features, from 0 to below 1.
    seed : int

    Returns
    -------
    X : ndarray of float64, shape (n, p)
    y : ndarray of float64, shape (n,)
    truth : ndarray of int, shape (true,)
        Ascending.

    Raises
    ------
    ConfigError
        A number is out of bounds.
    """
    if not 1 <= true <= features:
        raise ConfigError(f"{true:,} true features of {features:,} are impossible: choose a number from 1 to {features:,}.")
    if rows < 2 or not snr > 0 or not 0 <= correlation < 1:
        raise ConfigError("Planted data need two rows or more, a signal to noise ratio above 0 and a correlation from 0 to below 1.")
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((rows, features))
    for j in range(1, features if correlation else 1):
        X[:, j] = correlation * X[:, j - 1] + np.sqrt(1 - correlation**2) * X[:, j]
    truth = np.sort(rng.choice(features, true, replace=False))
    signal = X[:, truth] @ rng.choice([-1.0, 1.0], true)
    return X, signal + rng.standard_normal(rows) * np.sqrt(signal.var() / snr), truth
