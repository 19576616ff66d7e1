"""FeatureStudy: the settings of choosing features by gates and of comparing them with other ways of choosing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from l0engine.plain import Plain
from l0engine.studies.features.datasets import DATA_SETS
from l0engine.studies.features.result import FeatureProgress, FeatureResult


@dataclass(frozen=True)
class FeatureStudy(Plain):
    """Settings of choosing features.

    Attributes
    ----------
    source : str
        A name of `DATA_SETS`, "planted", or "table" for table.parquet in the study's folder.
    count : int
        Features wanted.
    title, target : str
        What a table is called, and the column to be predicted; those of a bundled data set are known.
    task : str
        "auto", "regression" or "classification".
    drop_missing : bool
        Leave out rows with missing values.
    folds : int
        Of the cross-validation.
    seed, epochs : int
        As in `choose_features`; the seed draws the folds and planted data too.
    rows, features, true : int
        Of planted data.
    snr, correlation : float
        Of planted data.
    """

    kind: ClassVar[str] = "features"
    snapshot: ClassVar[type[Any]] = FeatureProgress
    result: ClassVar[type[Any]] = FeatureResult
    source: str
    count: int
    title: str = ""
    target: str = ""
    task: Literal["auto", "regression", "classification"] = "auto"
    drop_missing: bool = False
    folds: int = 10
    seed: int = 0
    epochs: int = 200
    rows: int = 500
    features: int = 1000
    true: int = 10
    snr: float = 5.0
    correlation: float = 0.0

    @property
    def label(self) -> str:
        """For menus: '5 features, diabetes'."""
        return f"{self.count:,} feature{'s' if self.count > 1 else ''}, {self.title or self.source}"

    @property
    def target_name(self) -> str:
        """The column that is predicted."""
        known = DATA_SETS.get(self.source)
        return known.target if known else "y" if self.source == "planted" else self.target
