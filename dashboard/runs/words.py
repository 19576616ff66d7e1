"""Runs in words: their names, what sets them apart, how they stand."""

from __future__ import annotations

import html
from collections.abc import Sequence

from dashboard.kit import setting_names, wording
from dashboard.runs.figures.looks import Drawn
from l0engine.calibration.config import Config, settings
from l0engine.calibration.results import Status
from l0engine.jobs.records import RunRecord

#: A shape before the word, for those who do not see colours.
_MARKS = {
    **dict.fromkeys((Status.CONVERGED, Status.STEP_LIMIT, Status.FINISHED), "✓"),
    **dict.fromkeys((Status.QUEUED, Status.RUNNING), "…"),
    **dict.fromkeys((Status.FAILED, Status.DIVERGED), "✕"),
    Status.PAUSED: "‖",
    Status.STOPPED: "■",
    Status.INTERRUPTED: "!",
}
_WORDS = {Status.CONVERGED: "finished", Status.STEP_LIMIT: "finished"}
#: Lines of pictures as borders.
_BORDERS = {"solid": "solid", "dash": "dashed", "dot": "dotted", "dashdot": "double"}
#: Settings that a run's label says already.
_SAID = ("price_l0", "lambda_l0", "share", *("budget", "max_median_error", "max_error", "min_ess"))
#: Settings that a name without one of its own may have; what is as by default is not named.
_NAMED, _DEFAULT = 2, Config()


def status(of: Status) -> str:
    """A status in a word, with a shape."""
    return f"{_MARKS[of]} {_WORDS.get(of, of.value)}"


def differing(runs: Sequence[RunRecord]) -> list[str]:
    """Names of the settings in which not all runs agree."""
    return [name for name in settings() if len({repr(getattr(run.config, name)) for run in runs}) > 1]


def names(runs: Sequence[RunRecord]) -> dict[str, str]:
    """A name for each run: its own, or what it was asked for and what is unusual in it among the others."""
    return wording.distinct({run.id: name for run, name in zip(runs, labels(runs), strict=True)})


def labels(runs: Sequence[RunRecord]) -> list[str]:
    """As `names`, but two may have the same."""
    apart = [name for name in differing([run for run in runs if not run.name]) if name not in _SAID]

    def of(run: RunRecord) -> str:
        own = [name for name in apart if getattr(run.config, name) != getattr(_DEFAULT, name)][:_NAMED]
        more = [f"{setting_names.name(name)} {setting_names.value(getattr(run.config, name))}".lower() for name in own]
        return run.name or ", ".join([run.task.label.removesuffix(" · frontier"), *more])

    return [of(run) for run in runs]


def legend(runs: Sequence[tuple[Drawn, str]]) -> str:
    """A line of names as HTML, each behind the line it is drawn with; the pointer reads more."""
    chip = "display:inline-flex;align-items:center;gap:.5rem;margin:.15rem 1.2rem .15rem 0;font-size:.9rem"
    return "".join(
        f'<span style="{chip}" title="{html.escape(said)}"><span style="width:1.5rem;flex:none;border-top:4px {_BORDERS[run.dash]} '
        f'{run.colour}"></span>{html.escape(run.name)}</span>'
        for run, said in runs
    )
