"""How a calibration is carried out: the fit, its files, and the frontier planned after it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator
from dataclasses import replace
from functools import partial

from l0engine.calibration.frontier.path import curve, frontier
from l0engine.calibration.frontier.point import FrontierPoint
from l0engine.calibration.frontier.references import compare
from l0engine.calibration.problem.preflight import targets_in_use
from l0engine.calibration.problem.problem import Problem
from l0engine.calibration.results import Result, Snapshot, Status
from l0engine.calibration.training.checkpoint import TrainingState
from l0engine.calibration.training.iteration import iterate
from l0engine.draining import translated
from l0engine.errors import L0Error
from l0engine.heeding import Abandoned, heeding
from l0engine.io import write_run
from l0engine.jobs.execution import Execution
from l0engine.jobs.records import Outcome, Plan, PointRecord
from l0engine.jobs.task import Ending
from l0engine.machine import at_most, suitable

log = logging.getLogger(__name__)


def run(job: Execution) -> Generator[Snapshot, None, Ending[Outcome]]:
    """Fit, refit, write the results, then compute the frontier; with as many threads as the problem is worth."""
    problem = job.store.problem(job.task.problem)
    with at_most(suitable(problem.matrix.nnz, problem.n_households)):
        return (yield from _calibrate(job, problem))


def _calibrate(job: Execution, problem: Problem) -> Generator[Snapshot, None, Ending[Outcome]]:
    plan = job.task.plan
    result = _of_another(job, plan.source) if plan and plan.source else (yield from trained(job, problem))
    if not result.status.has_result:
        return Ending(None, result.status, result.message)
    kept(job, problem, result)
    if plan is None or result.status is Status.STOPPED:
        return Ending(None, result.status, result.message)
    return _frontier(job, problem, result, plan)


def kept(job: Execution, problem: Problem, result: Result) -> None:
    """Keep what a fit ended in: its files, then its weights and measures."""
    use, store = targets_in_use(problem, job.task.config), job.store
    job.persist(lambda: write_run(job.folder, problem, result, use, store.recipe(job.task.problem), store.changes(job.job.id)))
    job.persist(lambda: job.store.save_result(job.job.id, result))


def _of_another(job: Execution, source: str) -> Result:
    """The fit that a plan goes out from."""
    found = job.store.result(source)
    if found is None:
        raise L0Error(f"Run {source} has no weights to go out from: choose a finished run.")
    return replace(found, config=job.task.config)


def trained(job: Execution, problem: Problem) -> Generator[Snapshot, None, Result]:
    """Fit from the last checkpoint on, or from the start, with checkpoints on the way."""
    store, run_id, state = job.store, job.job.id, _state(job)
    store.forget_after(run_id, -1 if state is None else int(state.step))
    earlier = store.snapshots(run_id)
    before = earlier[-1].seconds if earlier else 0.0  # seconds of training in processes that are gone
    if state is not None:
        log.info("It goes on from step %d", int(state.step))

    previous = store.previous(run_id)
    steps = iterate(
        problem, job.task.config, should_stop=job.should_stop, save=job.save, resume=state, changes=job.changes, previous=previous
    )
    with heeding(job.should_stop):
        result = yield from translated(steps, lambda s: replace(s, seconds=s.seconds + before - job.paused))
    job.keep()
    seconds = result.fit_seconds + before - job.paused
    return replace(result, history=tuple(store.snapshots(run_id)), fit_seconds=seconds)


def _state(job: Execution) -> TrainingState | None:
    arrays = job.store.checkpoint(job.job.id)
    try:
        return None if arrays is None else TrainingState.from_arrays(arrays)
    except (ValueError, KeyError) as error:
        log.warning("The checkpoint is of another version (%s): the run starts at its first step.", error)
        return None


def _frontier(job: Execution, problem: Problem, result: Result, plan: Plan) -> Ending[Outcome]:
    """Points, then reference methods, then the curve of each point; each is kept as soon as it is there."""
    points: dict[str, tuple[FrontierPoint, PointRecord]] = {}  # by key: a point that is made anew replaces itself
    try:
        with heeding(job.should_stop):
            _points(job, problem, result, plan, points)
    except Abandoned:
        pass
    if job.should_stop():
        return Ending(None, Status.STOPPED, f"Stopped with {len(points)} of {len(plan.budgets)} points; they can be used.")
    return Ending(None, result.status, f"The frontier has {len(points)} points.")


def _points(job: Execution, problem: Problem, result: Result, plan: Plan, points: dict[str, tuple[FrontierPoint, PointRecord]]) -> None:
    """Work out what a frontier holds; each point joins `points` as soon as it is kept."""
    store, run_id = job.store, job.job.id
    previous = store.previous(run_id)
    for point in frontier(problem, result, plan.budgets, should_stop=job.should_stop, watch=_further(job), previous=previous):
        record = job.persist(partial(store.save_point, run_id, point))
        points[record.key] = (point, record)
        job.say(f"{len(points)} of {len(plan.budgets)} points are there.")
    for budget in plan.compare:
        for point in compare(problem, result, budget, plan.references, should_stop=job.should_stop):
            job.persist(partial(store.save_point, run_id, point))
            job.say(f"Comparing with other methods at {budget:,} households.")
    for number, (point, record) in enumerate(points.values(), 1):
        job.say(f"Error against effective sample size: point {number} of {len(points)}.")
        job.persist(partial(store.save_curve, run_id, record, list(curve(problem, job.task.config, point))))


def _further(job: Execution) -> Callable[[Snapshot], None]:
    """Says, once a second, how far a fit for more households is."""
    said = 0.0

    def watch(snapshot: Snapshot) -> None:
        nonlocal said
        if time.monotonic() - said >= 1.0:
            said = time.monotonic()
            job.say(f"A fit that keeps more households: step {snapshot.step:,} of {snapshot.epochs:,}.")

    return watch
