"""What a calibration log shows, in figures and words."""

from __future__ import annotations

import numpy as np

from dashboard.calibration.figures.error_fan import ErrorFanInfo
from dashboard.calibration.figures.estimates import EstimatesInfo
from dashboard.kit import wording
from l0engine.calibration.results import ERROR_QUANTILES
from l0engine.io.logs import CalibrationLog


def facts(log: CalibrationLog, at: int) -> dict[str, tuple[str, str]]:
    """Figures of an epoch by its position: value and help by label."""
    errors = known(log, at)
    loss_help = "Mean over the targets of what the log gives each." if log.loss_by_target else "As the log gives it for the epoch."
    return {
        "Targets": (wording.count(len(log.names)), "Published totals that the run aimed at or watched."),
        "Epochs logged": (wording.count(len(log.epochs)), f"The last is epoch {wording.count(log.epochs[-1])}."),
        "Loss": (f"{log.loss[at]:.3g}" if np.isfinite(log.loss[at]) else wording.MISSING, loss_help),
        "Median error": (wording.percent(_median(errors)), "Half of the targets are closer than this at the chosen epoch."),
        "Within 10 %": (
            wording.percent(float((errors <= 0.1).mean()) if len(errors) else None),
            "Share of the targets with an error, at the chosen epoch.",
        ),
    }


def known(log: CalibrationLog, at: int) -> np.ndarray:
    """Absolute relative errors at an epoch, of those targets that have one."""
    errors = np.abs(log.errors[at])
    return np.asarray(errors[np.isfinite(errors)])


def fan(log: CalibrationLog, at: int) -> ErrorFanInfo:
    """Quantiles of the errors at each epoch that has any, up to the chosen one."""
    some = [i for i in range(at + 1) if len(known(log, i))]
    quantiles = np.array([np.quantile(known(log, i), ERROR_QUANTILES) for i in some]).reshape(-1, len(ERROR_QUANTILES))
    return ErrorFanInfo(log.epochs[some].astype(float), quantiles)


def estimates(log: CalibrationLog, at: int) -> EstimatesInfo:
    """Every target that was logged at an epoch, against its estimate."""
    rows = np.flatnonzero(np.isfinite(log.estimates[at]))
    names, errors = log.names[rows], log.errors[at][rows]
    groups = np.array([name.split("/")[0] if "/" in name else "" for name in names], object)
    can = log.achievable[rows]
    return EstimatesInfo(names, groups, log.values[rows], log.estimates[at][rows], np.nan_to_num(errors), can, can & np.isfinite(errors))


def worst_first(log: CalibrationLog, at: int) -> np.ndarray:
    """Positions of the targets by falling error at an epoch; those without one come last."""
    return np.argsort(-np.nan_to_num(np.abs(log.errors[at]), nan=-1.0), kind="stable")


def _median(errors: np.ndarray) -> float | None:
    return float(np.median(errors)) if len(errors) else None
