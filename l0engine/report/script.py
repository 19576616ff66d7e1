"""A script and a notebook that repeat a run bit for bit with `l0engine` alone."""

from __future__ import annotations

import json
from pprint import pformat

from l0engine.calibration.config import Config
from l0engine.calibration.results import Status
from l0engine.errors import L0Error
from l0engine.report.facts import Facts

_HEAD = '''"""Repeats '{title}' (run {run}) bit for bit.

    python reproduce.py [PROBLEM]

PROBLEM is the folder of the problem; by default `problem` beside this script, else the store of l0engine.
Equal bits want the same versions and the same kind of device: {versions}; device {device}.
"""
'''

_IMPORTS = """from l0engine.machine import calm_threads

calm_threads()  # before NumPy and torch are imported

import hashlib
import sys
from pathlib import Path

import numpy as np
import torch

from l0engine.calibration import Config, fit
from l0engine.errors import L0Error
from l0engine.io import csv_bytes, load_problem, weights_table
"""

_PROBLEM = '''PROBLEM_SHA256 = "{problem}"
WEIGHTS_SHA256 = "{weights}"


def read_problem(arguments):
    """From the folder that is named, from beside this script, or from the store."""
    beside = Path(__file__).with_name("problem") if "__file__" in globals() else Path("problem")
    folder = Path(arguments[0]) if arguments else beside
    if arguments or folder.is_dir():
        found = load_problem(folder, ours=(folder / "notes.json").is_file())
    else:
        from l0engine.jobs.store import Store

        found = Store().problem(PROBLEM_SHA256)
    if found.fingerprint != PROBLEM_SHA256:
        raise L0Error(f"{{folder}} is another problem: its SHA-256 is {{found.fingerprint}}.")
    return found


problem = read_problem([a for a in sys.argv[1:2] if "__file__" in globals()])
'''

#: Of a run that went out from a previous answer.
_PREVIOUS = '''PREVIOUS_SHA256 = "{sha}"


def read_previous():
    """From beside this script, or from the store."""
    beside = Path(__file__).with_name("previous.npz") if "__file__" in globals() else Path("previous.npz")
    if beside.is_file():
        found = Previous.from_arrays(read_arrays(beside))
    else:
        from l0engine.jobs.store import Store

        found = Store().previous("{run}")
    if found is None or found.fingerprint != PREVIOUS_SHA256:
        raise L0Error("The previous answer that the run went out from is not here: put previous.npz of its folder beside this script.")
    return found


from l0engine.calibration.problem.previous import Previous
from l0engine.io.whole import read_arrays

previous = read_previous()
'''

_FIT = """torch.set_num_threads({threads})  # the number of threads decides the last bits
config = Config.from_dict({config})
{run}
weights = result.weights
"""

#: Of a run whose settings changed on the way: a setting takes its new value after a step.
_STEERED = """from l0engine.calibration.training.iteration import iterate
from l0engine.calibration.training.steering import Change
from l0engine.draining import drain

changes = [
{changes}
]
result = drain(iterate(problem, config, changes=changes{previous}))"""

_POINT = """from l0engine.calibration.frontier import frontier

for point in frontier(problem, result, {budgets}{previous}):
    if point.budget == {budget}:  # one that is made anew comes again
        weights = point.full(problem.n_households)
"""

_REFERENCE = """from l0engine.calibration.frontier.references import compare

for point in compare(problem, result, {budget}, {references}):
    if point.method == {method!r}:
        weights = point.full(problem.n_households)
"""

_CHECK = """Path("reproduced_weights.csv").write_bytes(csv_bytes(weights_table(problem, weights)))
found = hashlib.sha256(np.ascontiguousarray(weights, "<f8").tobytes()).hexdigest()
print(f"{(weights > 0).sum():,} households kept on {result.device}; SHA-256 of the weights: {found}")
print("Equal, bit for bit." if found == WEIGHTS_SHA256 else f"NOT equal: the run had {WEIGHTS_SHA256}.")
"""


def script(facts: Facts) -> str:
    """Python that makes the same weights, compares their SHA-256 and ends with status 1 where they are others.

    Raises
    ------
    L0Error
        The run cannot be repeated bit for bit; it says why.
    """
    own = 'if __name__ == "__main__" and found != WEIGHTS_SHA256:\n    sys.exit(1)\n'
    return "\n".join([*(text for _, text in _parts(facts)), own])


def notebook(facts: Facts) -> str:
    """The same as a Jupyter notebook (nbformat 4.5), as JSON."""
    cells: list[dict[str, object]] = []
    for i, (words, code) in enumerate(_parts(facts)):
        cells.append({"cell_type": "markdown", "id": f"words-{i}", "metadata": {}, "source": words.splitlines(keepends=True)})
        if i:  # the head of the script is words only
            source = code.rstrip().splitlines(keepends=True)
            cells.append({"cell_type": "code", "id": f"code-{i}", "metadata": {}, "execution_count": None, "outputs": [], "source": source})
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}, "language_info": {"name": "python"}}
    return json.dumps({"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}, indent=1, ensure_ascii=False) + "\n"


def _parts(facts: Facts) -> list[tuple[str, str]]:
    """Words and code, part by part."""
    if facts.result.status is Status.STOPPED:
        raise L0Error("The run was stopped on request, and when that is cannot be repeated bit for bit: run it with fewer epochs instead.")
    versions = ", ".join(f"{name} {version}" for name, version in facts.summary.get("versions", {}).items())
    title = facts.title.replace("\\", "/").replace('"', "'")
    head = _HEAD.format(title=title, run=facts.run.id, versions=versions or "not recorded", device=facts.result.device)
    config = pformat(_changed(facts.source.config), width=120, sort_dicts=False)
    fitted = _FIT.format(threads=facts.result.threads or 1, config=config, run=_run(facts))
    parts = [
        (f"# {title}\n\nRun {facts.run.id}, repeated bit for bit. Recorded with {versions}; device {facts.result.device}.", head),
        ("Threads that sleep while they wait, as in the run.", _IMPORTS),
        ("The problem, known by its SHA-256.", _PROBLEM.format(problem=facts.problem_record.sha, weights=facts.weights_sha256)),
        *_previous(facts),
        ("The fit, with the settings of the run; what is not named has its default.", fitted),
    ]
    if facts.point is not None:
        parts.append(("The point of the frontier.", _point(facts)))
    return [*parts, ("Are they the same weights?", _CHECK)]


def _previous(facts: Facts) -> list[tuple[str, str]]:
    """How the previous answer is read, where there is one."""
    origin = facts.source.task.previous
    if origin is None:
        return []
    if facts.previous is None:
        raise L0Error(f"The previous answer that the run went out from ({origin.source}) is gone, so it cannot be repeated.")
    words = f"What the fit went out from: {origin.source}, {origin.kept:,} households, known by its SHA-256."
    return [(words, _PREVIOUS.format(sha=origin.sha256, run=facts.source.id))]


def _given(facts: Facts) -> str:
    """The argument that hands over a previous answer."""
    return "" if facts.source.task.previous is None else ", previous=previous"


def _run(facts: Facts) -> str:
    if not facts.changes:
        return f"result = fit(problem, config{_given(facts)})"
    changes = "\n".join(f"    Change({c.step}, {c.name!r}, {c.value!r})," for c in facts.changes)
    return _STEERED.format(changes=changes, previous=_given(facts))


def _point(facts: Facts) -> str:
    point, plan = facts.point, facts.run.plan
    assert point is not None and plan is not None
    if point.method == "l0engine":
        return _POINT.format(budgets=list(plan.budgets), budget=point.budget, previous=_given(facts))
    return _REFERENCE.format(budget=point.budget, references=list(plan.references), method=point.method)


def _changed(config: Config) -> dict[str, object]:
    """The settings that are not the default."""
    own, default = config.to_dict(), Config().to_dict()
    return {name: value for name, value in own.items() if value != default[name]}
