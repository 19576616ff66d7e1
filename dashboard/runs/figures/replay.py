"""How several runs went, as a film: one position moves misfit, households kept, gates and errors together."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from dashboard.kit import theme, wording
from dashboard.kit.figures import axes
from dashboard.kit.figures.film import Film, Mark, Panel, ticks
from dashboard.runs.figures.looks import Drawn
from dashboard.runs.figures.ridges import ENDS, counts
from l0engine.calibration.results import ERROR_QUANTILES, Snapshot
from l0engine.gates.bins import GATE_BINS

#: Stages of the film, and points of a line that is drawn whole, at most.
STAGES, POINTS = 30, 120
#: Of a row: how much of it gates take at most, and half the heights of the bars of nine tenths and of the middle half.
_GATES, _THIN, _THICK = 0.8, 0.05, 0.2
#: Letters of a name at the edge of a panel, and pixels for them.
_LETTERS, _LEFT = 18, 118


class ReplayInfo(NamedTuple):
    """R runs at S stages.

    Attributes
    ----------
    runs : tuple of Drawn
        Those that have a step.
    end : int
        Where the axis of steps ends.
    steps : ndarray of int, shape (S,)
        Where the stages are.
    at : ndarray of int, shape (R, S)
        Where each run is at a stage: its last snapshot until then, or its first.
    misfit, kept : ndarray, shape (R, S)
        The part of the loss that runs of other prices share, and households.
    lines : tuple of (steps, misfit, kept)
        Of each run its whole course, thinned.
    errors : ndarray, shape (R, S, 5)
        By `ERROR_QUANTILES`; NaN of a run without a measurable error.
    gates : ndarray, shape (R, S, 22)
        Households: exactly 0, by `GATE_BINS`, exactly 1; NaN of a run whose problem is not here.
    sizes : tuple of int
        Households of each run's problem.
    """

    runs: tuple[Drawn, ...]
    end: int
    steps: np.ndarray
    at: np.ndarray
    misfit: np.ndarray
    kept: np.ndarray
    lines: tuple[tuple[np.ndarray, np.ndarray, np.ndarray], ...]
    errors: np.ndarray
    gates: np.ndarray
    sizes: tuple[int, ...]


def info(runs: Sequence[tuple[Drawn, Sequence[Snapshot]]], sizes: Mapping[str, int], end: int = 0) -> ReplayInfo:
    """Of runs with their snapshots; `sizes` are households by run, and `end` the steps that are planned.

    Raises
    ------
    ValueError
        No run has a step.
    """
    runs = [(run, history) for run, history in runs if history]
    first, last = min(h[0].step for _, h in runs), max(h[-1].step for _, h in runs)
    steps = np.unique(np.linspace(first, last, STAGES).round().astype(int))
    shots = [[_until(history, int(step)) for step in steps] for _, history in runs]
    known = [[s for s in history if np.isfinite(s.error_quantiles).all()] for _, history in runs]
    nothing = (np.nan,) * len(ERROR_QUANTILES)
    households = tuple(sizes.get(run.id, 0) for run, _ in runs)
    unknown = np.full(len(GATE_BINS) + 1, np.nan)
    return ReplayInfo(
        tuple(run for run, _ in runs),
        max(end, last),
        steps,
        np.array([[s.step for s in row] for row in shots]),
        np.array([[s.data_loss for s in row] for row in shots], float),
        np.array([[s.kept for s in row] for row in shots], float),
        tuple(_line([history[i] for i in _even(len(history), POINTS)]) for _, history in runs),
        np.array([[_until(k, int(step)).error_quantiles if k else nothing for step in steps] for k in known], float),
        np.array([[counts(s, n) if n else unknown for s in row] for row, n in zip(shots, households, strict=True)], float),
        households,
    )


def _until(history: Sequence[Snapshot], step: int) -> Snapshot:
    """The last snapshot up to a step, or the first."""
    return next((s for s in reversed(history) if s.step <= step), history[0])


def _even(n: int, most: int) -> np.ndarray:
    return np.unique(np.linspace(0, n - 1, min(n, most)).round().astype(int))


def _line(shown: Sequence[Snapshot]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return tuple(np.array(v, float) for v in zip(*((s.step, s.data_loss, s.kept) for s in shown), strict=True))  # type: ignore[return-value]


def film(info: ReplayInfo, palette: theme.Palette) -> Film:
    """Lines are faint ahead of the step; below, a row a run."""
    x = axes.steps_axis(np.array([0.0, float(info.end)]))
    every = axes.nice_step(max(info.end, 5) / 5)
    along = tuple((float(s), wording.short(s)) for s in np.arange(0, info.end + 1, every))
    misfits = np.concatenate([misfit for _, misfit, _ in info.lines])
    misfits = axes.number_log_axis("", np.maximum(misfits[misfits > 0], misfits.max(initial=0.0) * 1e-6))
    keeps = axes.count_log_axis("", np.concatenate([kept for *_, kept in info.lines]))
    known = np.isfinite(info.errors).all(axis=(1, 2))
    errors = axes.percent_log_axis("", info.errors[known] if known.any() else [1e-4, 1.0])
    rows = (0.5 - len(info.runs), 0.5)
    names = tuple((-float(i), name) for i, name in enumerate(theme.apart((run.name for run in info.runs), _LETTERS)))
    gate = ((-0.065, "closed"), (0.5, "between"), (1.065, "open"))
    panels = (
        Panel("Misfit of the targets (log)", x["range"], misfits["range"], "Step", x_ticks=along, y_ticks=ticks(misfits)),
        Panel("Households kept by the gates (log)", x["range"], keeps["range"], "Step", x_ticks=along, y_ticks=ticks(keeps)),
        Panel("Gates from 0 to 1: households (log)", (-0.13, 1.13), rows, x_ticks=gate, y_ticks=names, left=_LEFT),
        Panel("Errors of the targets, before the refit (log)", errors["range"], rows, x_ticks=ticks(errors), y_ticks=names, left=_LEFT),
    )
    marks = [
        *_courses(info, 0, info.misfit, [misfit for _, misfit, _ in info.lines], misfits["range"], palette),
        *_courses(info, 1, info.kept, [kept for *_, kept in info.lines], keeps["range"], palette),
        *_gates(info, palette),
        *_errors(info, known, palette),
    ]
    captions = [_caption(info, known, stage) for stage in range(len(info.steps))]
    return Film(panels, marks, captions, seconds=8.0, height=max(580, 340 + 22 * len(info.runs)), rows=2)


def _courses(
    info: ReplayInfo, panel: int, values: np.ndarray, whole: Sequence[np.ndarray], span: Sequence[float], palette: theme.Palette
) -> list[Mark]:
    """Of each run a faint line, the part of it that has been, and a dot for the pointer."""
    marks = []
    for run, at, mine, line, (steps, *_) in zip(info.runs, info.at, values, whole, info.lines, strict=True):
        dash = run.dash != "solid"
        marks.append(Mark("line", panel, {"x": steps, "y": _log(line, span)}, (palette.faded(run.colour, 0.3),), dash=dash, stroke=1.2))
        marks.append(Mark("trail", panel, {"x": at, "y": _log(mine, span)}, (run.colour,), dash=dash))
        dot = {"x": at[:, None], "y": _log(mine, span)[:, None], "r": np.array([5.0]), "value": mine[:, None]}
        marks.append(Mark("dots", panel, dot, (run.colour,), hover=(f"{run.name}: {{value}}",)))
    return marks


def _log(values: np.ndarray, span: Sequence[float]) -> np.ndarray:
    """On a log axis; what lies below it, zeros too, at its lower end."""
    return np.log10(np.maximum(values, 10.0 ** span[0]))


def _gates(info: ReplayInfo, palette: theme.Palette) -> list[Mark]:
    """A row a run: households by gate, as high as the log of their number."""
    bins = [ENDS[0], *itertools.pairwise(GATE_BINS), ENDS[1]]
    said = ["exactly 0", *(f"{a:.2f} to {b:.2f}" for a, b in bins[1:-1]), "exactly 1"]
    left, right = (np.array(side, float) for side in zip(*bins, strict=True))
    marks = []
    for i, (run, gates, n) in enumerate(zip(info.runs, info.gates, info.sizes, strict=True)):
        if n:
            base = -i - _GATES / 2
            height = np.round(base + _GATES * np.log1p(gates) / np.log1p(n), 3)  # a thousandth of a row nobody sees
            values = {"x0": left, "x": left, "w": right - left, "y0": np.full(len(left), base), "y": height, "count": gates}
            hover = [f"{run.name}, gate {word}: {{count}} of {wording.count(n)} households" for word in said]
            marks.append(Mark("bars", 2, values, (palette.faded(run.colour, 0.8),), hover=hover))
    return marks


def _errors(info: ReplayInfo, known: np.ndarray, palette: theme.Palette) -> list[Mark]:
    """A row a run: nine tenths of the targets, the middle half, and the median."""
    marks = []
    for i in np.flatnonzero(known):
        run, at = info.runs[i], np.log10(axes.at_least(info.errors[i]))
        percent = {name: 100 * info.errors[i][:, [k]] for k, name in enumerate(("low", "first", "median", "third", "high"))}
        hover = f"{run.name}: median {{median}} %, middle half {{first}} to {{third}} %, nine tenths {{low}} to {{high}} %"
        for ends, half, opacity in (((0, 4), _THIN, 0.4), ((1, 3), _THICK, 0.55)):
            low, high = at[:, [ends[0]]], at[:, [ends[1]]]
            values = {"x0": low, "x": low, "w": high - low, "y0": np.array([-i - half]), "y": np.array([-i + half]), **percent}
            marks.append(Mark("bars", 3, values, (palette.faded(run.colour, opacity),), hover=(hover,)))
        dot = {"x": at[:, [2]], "y": np.array([-float(i)]), "r": np.array([6.0]), **percent}
        marks.append(Mark("dots", 3, dot, (run.colour,), hover=(hover,)))
    return marks


def _caption(info: ReplayInfo, known: np.ndarray, stage: int) -> str:
    def between(values: np.ndarray, words: Callable[[float], str]) -> str:
        low, high = words(float(values.min())), words(float(values.max()))
        return low if low == high else f"{low} to {high}"

    steps = f"Step {wording.count(info.steps[stage])} of {wording.count(info.end)}"
    said = f"{steps}: {between(info.kept[:, stage], wording.count)} households kept"
    if known.any():
        said += f", median error {between(info.errors[known, stage, 2], wording.percent)}"
    return said
