"""What a choice of features says while it is made, and what it ends in. Features are named by their position in the table, from 0."""

from __future__ import annotations

from dataclasses import dataclass, field

from l0engine.plain import Plain
from l0engine.studies.features.datasets import Task


@dataclass(frozen=True)
class Score:
    """Mean of a measure over folds, and its standard error (0 of a single fold); one each for every count."""

    mean: tuple[float, ...]
    error: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class FeatureScores(Plain):
    """How well rows not seen are predicted.

    Attributes
    ----------
    counts : tuple of int
        Numbers of features that are compared, ascending.
    folds : int
        Those scored so far.
    scores : dict of str to dict of str to Score
        By measure, as in `choosers.MEASURES`, and method; without methods while no fold is scored.
    all : dict of str to (float, float)
        By measure, mean and standard error of all features together; empty where rows are too few for them.
    """

    counts: tuple[int, ...] = ()
    folds: int = 0
    scores: dict[str, dict[str, Score]] = field(default_factory=dict)
    all: dict[str, tuple[float, float]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class FeatureProgress(FeatureScores):
    """A step on the way; what it has nothing new to say of is empty.

    Attributes
    ----------
    step, epochs : int
        Of the whole study: as many steps as the gates take on all rows, as many again for the other methods, and so on for each fold.
    names : tuple of str, length p
        Of all features; the first snapshot has them.
    target : str
        Goes with `names`.
    truth : tuple of int
        Goes with `names`: features that make a planted target.
    shown : tuple of int, length m
        Ascending: features whose gates are most open.
    gates : tuple of float, length m
        Probability that each of them is open.
    count : float
        Expected number of open gates, of all.
    loss : float
        As in `selection.path.FeatureSnapshot`.
    """

    step: int
    epochs: int
    names: tuple[str, ...] = ()
    target: str = ""
    truth: tuple[int, ...] = ()
    shown: tuple[int, ...] = ()
    gates: tuple[float, ...] = ()
    count: float = 0.0
    loss: float = 0.0


@dataclass(frozen=True)
class Recovery:
    """A planted truth against what was chosen from all rows.

    Attributes
    ----------
    precision, recall : dict of str to tuple of float
        By method, one for every count: the share of those chosen that are true, and of those true that are chosen.
    best_l1 : float
        The best F1 anywhere on the L1 path.
    """

    precision: dict[str, tuple[float, ...]]
    recall: dict[str, tuple[float, ...]]
    best_l1: float


@dataclass(frozen=True, kw_only=True)
class FeatureResult(FeatureScores):
    """The features chosen from all rows, a model of them, and how they compare.

    Attributes
    ----------
    rows, of : int
        Rows used, and of how many.
    features : int
        p, of which was chosen.
    classes : tuple of str
        Of a classification, else empty.
    left_out : tuple of (str, str)
        Columns that are no features, and why.
    order : tuple of int, length k
        The chosen features, the most important first.
    names : tuple of str, length k
    gates : tuple of float, length k
        Probability that their gates are open after the last step; empty where there was none.
    coefficients : tuple of tuple of float, shape (k, n_outputs)
        In the units of the data; one output, but for three or more classes, which have one each.
    per_deviation : tuple of tuple of float, shape (k, n_outputs)
        For a rise of one standard deviation.
    intercept : tuple of float, length n_outputs
    truth : tuple of int
        Features that make a planted target.
    common : dict of str to int
        By method, how many of the k it shares with the gates.
    seconds : dict of str to float
        By method, the median duration of one choice.
    recovery : Recovery or None
        None where the truth is not known.
    """

    rows: int
    of: int
    features: int
    task: Task
    target: str
    classes: tuple[str, ...]
    left_out: tuple[tuple[str, str], ...]
    order: tuple[int, ...]
    names: tuple[str, ...]
    gates: tuple[float, ...]
    coefficients: tuple[tuple[float, ...], ...]
    per_deviation: tuple[tuple[float, ...], ...]
    intercept: tuple[float, ...]
    truth: tuple[int, ...]
    common: dict[str, int]
    seconds: dict[str, float]
    recovery: Recovery | None = None
