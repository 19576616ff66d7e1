"""Trainer: the mutable part of a fit: parameters, optimiser and the households still alive, on one device."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from l0engine.adam import EPS, adam_step
from l0engine.calibration.config import Config
from l0engine.calibration.problem.system import ScaledSystem
from l0engine.calibration.results import ERROR_QUANTILES, Snapshot, Status
from l0engine.calibration.seen import MOST_HOUSEHOLDS, MOST_TARGETS, RARELY, Seen
from l0engine.calibration.training.checkpoint import TrainingState
from l0engine.calibration.training.graphs import captured
from l0engine.calibration.training.objective import Forward, Objective
from l0engine.calibration.training.start import dead_below, parameter_bounds, start_parameters
from l0engine.calibration.training.steering import Change, after
from l0engine.calibration.training.trained import Ended
from l0engine.errors import ProblemError
from l0engine.gates.counts import gate_counts
from l0engine.gates.estimators import ESTIMATORS
from l0engine.hard_concrete import HardConcreteDistribution
from l0engine.schedules import geometric

#: Every so many steps dead households are looked for, and dropped where at least this share would go.
COMPACT_EVERY, COMPACT_SHARE = 20, 0.2
#: Most snapshots of a whole run, and steps of an annealed temperature; before the first of them a long run has one at each power of 2 from
#: the second on, as curves are steep there.
SNAPSHOTS, EARLY = 100, 8
#: A fit has settled when for so many steps no household came or went and the loss moved by no more than this share.
SETTLED_STEPS, SETTLED_LOSS = 50, 1e-4
#: `TrainingState.settled` of a fit that has not been looked at yet.
UNSETTLED = np.array([np.inf, np.inf, np.inf, 0.0])
#: Whether steps on CUDA that are all alike are captured as a graph: one launch in place of some fifty.
GRAPHS = True
#: Gamma and zeta of the gates, unless asked otherwise.
STRETCH = (HardConcreteDistribution.gamma, HardConcreteDistribution.zeta)


class Trainer:
    """The mutable part of a fit: parameters, optimiser and the households still alive, on one device."""

    _forward: Forward | None
    _graph: torch.cuda.CUDAGraph | None

    def __init__(
        self,
        system: ScaledSystem,
        config: Config,
        device: torch.device,
        resume: TrainingState | None,
        stretch: tuple[float, float],
        changes: Sequence[Change] = (),
    ) -> None:
        self.config, self._system = config, system
        self._n, self._device, self._stretch = system.shape[1], device, stretch
        self._planned, self._steered = config.epochs, 0
        self._gated = ESTIMATORS[config.estimator].gated
        if resume is None:
            start = start_parameters(system, config, self._dist(0))
            if config.jitter:
                start += config.jitter * np.random.default_rng(config.seed).standard_normal(start.shape)
            zeros = np.zeros((2, self._n), np.float32)
            resume = TrainingState(np.asarray(0), np.arange(self._n), UNSETTLED, start.astype(np.float32), zeros, zeros)
        elif len(resume.alive) and resume.alive.max() >= self._n:
            raise ProblemError("The checkpoint belongs to another problem: start the run anew.")
        self.step, alive = int(resume.step), np.asarray(resume.alive)
        self._take(changes)
        config = self.config
        tensors = (torch.from_numpy(np.array(a, np.float32)).to(device) for a in (resume.parameters, resume.exp_avg, resume.exp_avg_sq))
        self._bounded = system.bounded(config)
        bounds = (torch.from_numpy(b.astype(np.float32)).to(device) for b in parameter_bounds(system, config, alive))
        objective = Objective(system, config, alive, device)
        self._load(objective, torch.tensor(alive, device=device), tuple(tensors), tuple(bounds))
        self._finite, self._settled = True, np.append(resume.settled, 0.0)[:4]
        self._terms: Tensor | None = None

    def steer(self, changes: Sequence[Change]) -> None:
        """Take in what changes from this step on; `changes` are all that are known, by step."""
        if self._take(changes):
            self._objective.price(self._system, self.config, self._alive.cpu().numpy())
            self._forward = self._graph = None  # the next step is eager: a captured one may not make the table of a temperature

    def ended(self, should_stop: Callable[[], bool]) -> Ended | None:
        """Why the training is over, or None to go on."""
        if not self._finite:
            remedy = f"lower learning_rate (now {self.config.learning_rate:g})"
            return Ended(Status.DIVERGED, f"The loss was no longer a finite number at step {self.step}: {remedy}.")
        if self.step >= self.config.epochs:
            return Ended(Status.STEP_LIMIT, "")
        may_settle = self.config.stop_when_settled and self.config.final_temperature is None
        if may_settle and self._settled[3]:
            return Ended(Status.CONVERGED, f"Settled after {self.step:,} of {self.config.epochs:,} epochs.")
        if should_stop():
            return Ended(Status.STOPPED, f"Stopped after {self.step:,} of {self.config.epochs:,} epochs.")
        return None

    def advance(self) -> None:
        """One step of Adam; now and then, drop the dead."""
        if self._graph is None and self._forward is not None and self._may_capture():
            self._graph = captured(self._advanced)
        if self._graph is None:
            self._advanced()
        else:
            self._graph.replay()
        self.step += 1
        self._terms = self._objective.terms(self._forward) if self._forward is not None and self.at_snapshot() else None
        if self._gated and self.step % COMPACT_EVERY == 0:
            self._compact()

    def at_snapshot(self) -> bool:
        beginning = EARLY <= self.step < _stage(self.config.epochs) and self.step.bit_count() == 1  # the powers of 2
        return beginning or self._at_stage()

    def _at_stage(self) -> bool:
        return self.step % _stage(self.config.epochs) == 0 or self.step == self.config.epochs

    def snapshot(self, seconds: float) -> Snapshot:
        """The present state as numbers; the loss terms are those the last step started from. All come from the device in two copies."""
        dist = self._dist(self.step)
        terms = self._objective.terms(self._forward or self._pass()) if self._terms is None else self._terms
        gate = self._objective.gate(self._parameters, dist)
        weights = gate * torch.exp(self._parameters[0])
        signed = self._objective.relative_errors(weights)
        errors = signed.abs()
        w = weights / weights.max().clamp_(min=torch.finfo(weights.dtype).tiny)
        levels = torch.tensor(ERROR_QUANTILES, dtype=errors.dtype, device=errors.device)
        figures = torch.cat([terms, torch.quantile(errors, levels), torch.stack([errors.max(), w.sum() ** 2, w @ w])])
        counts = torch.cat([(weights > 0).sum()[None], gate_counts(gate)])
        data, l0, l2, *quantiles, largest, whole, parts = figures.tolist()
        kept, _, *between, opened = counts.tolist()
        data, l0, l2 = (self._objective.unit * t for t in (data, l0, l2))
        self._finite = all(map(np.isfinite, (data, l0, l2, largest)))
        if self._at_stage():
            self._settle(kept, data + l0 + l2)
        return Snapshot(
            step=self.step,
            epochs=self.config.epochs,
            seconds=seconds,
            data_loss=data,
            l0_loss=l0,
            l2_loss=l2,
            temperature=dist.beta,
            kept=kept,
            gate_zero=1 - kept / self._n,
            gate_one=opened / self._n,
            gate_counts=tuple(between),
            error_quantiles=tuple(quantiles),
            ess=whole / parts if parts > 0 else 0.0,
            seen=self._seen(signed, dist),
        )

    def _seen(self, errors: Tensor, dist: HardConcreteDistribution) -> Seen:
        """What this look keeps of each target and household."""
        rarely = self.step % (RARELY * _stage(self.config.epochs)) == 0 or self.step == self.config.epochs
        gates = rarely and self._gated and self._n <= MOST_HOUSEHOLDS
        opened = dist.p_active(self._parameters[1]).cpu().numpy() if gates else None
        alive = self._alive.cpu().numpy() if gates else np.zeros(0, np.int64)
        return Seen.of(errors.cpu().numpy() if rarely or len(errors) <= MOST_TARGETS else None, opened, alive, self._n)

    def state(self) -> TrainingState:
        """Parameters and optimiser state, copied to plain arrays."""
        alive, *tensors = (t.detach().cpu().numpy().copy() for t in (self._alive, *self._tensors()))
        return TrainingState(np.asarray(self.step), alive, self._settled, *tensors)

    def weights(self) -> np.ndarray:
        """Gated weights of all households in float64, 0 where dropped; NaN-free only if the training stayed finite."""
        gate = self._objective.gate(self._parameters, self._dist(self.step))
        out = np.zeros(self._n)
        out[self._alive.cpu().numpy()] = (gate * torch.exp(self._parameters[0])).cpu().numpy()
        return out

    def _settle(self, kept: int, loss: float) -> None:
        """Remember since which step neither the kept households nor the loss have moved, and whether that is long enough."""
        since, kept_then, loss_then, _ = self._settled
        if kept != kept_then or abs(loss - loss_then) > SETTLED_LOSS * abs(loss_then):
            self._settled = np.array([self.step, kept, loss, 0.0])
        else:
            self._settled = np.array([since, kept_then, loss_then, self.step - since >= SETTLED_STEPS])

    def _take(self, changes: Sequence[Change]) -> bool:
        """Bring the settings to this step; whether any changed."""
        due = [change for change in changes[self._steered :] if change.step <= self.step]
        self.config, self._steered = after(self.config, due), self._steered + len(due)
        return bool(due)

    def _pass(self) -> Forward:
        """Forward and backward pass at the present parameters."""
        return self._objective.gradient(self._parameters, self._dist(self.step), self.step, self._gradient)

    def _advanced(self) -> None:
        """A pass, and a step of Adam within the bounds."""
        self._forward = self._pass()
        self._adam()
        if self._bounded:
            self._parameters.clamp_(*self._bounds)

    def _may_capture(self) -> bool:
        """Whether the steps to come are all alike, and on a device that can replay them."""
        return GRAPHS and self._device.type == "cuda" and self.config.final_temperature is None and self.config.estimator != "sampled"

    def _dist(self, step: int) -> HardConcreteDistribution:
        c = self.config
        if c.final_temperature is None:
            return HardConcreteDistribution(c.temperature, *self._stretch)
        every, planned = _stage(self._planned), self._planned  # a temperature has a moment table, so it moves in stages
        return HardConcreteDistribution(
            geometric(min(step // every * every, planned), planned, c.temperature, c.final_temperature), *self._stretch
        )

    def _adam(self) -> None:
        """One step of torch's fused Adam."""
        memory = [self._exp_avg], [self._exp_avg_sq], [self._adam_step]
        how: dict[str, Any] = {
            "lr": self.config.learning_rate,
            "eps": EPS / self._objective.unit,
            "capturable": self._device.type == "cuda",
        }
        adam_step([self._parameters], [self._gradient], *memory, fused=True, foreach=False, **how)

    def _tensors(self) -> tuple[Tensor, ...]:
        return self._parameters, self._exp_avg, self._exp_avg_sq

    def _load(self, objective: Objective, alive: Tensor, tensors: tuple[Tensor, ...], bounds: tuple[Tensor, ...]) -> None:
        """Make these households the ones in training, with tensors and bounds of theirs."""
        self._parameters, self._exp_avg, self._exp_avg_sq = tensors
        self._objective, self._alive, self._bounds, self._gradient = objective, alive, bounds, torch.zeros_like(self._parameters)
        self._adam_step = torch.tensor(float(self.step), device=self._device)
        self._forward = self._graph = None

    def _compact(self) -> None:
        """Drop the columns of dead households where enough would go to pay for it."""
        live = (self._dist(self.step).p_active(self._parameters[1]) >= dead_below(self.config.init_keep_prob)).nonzero().flatten()
        if 0 < len(live) <= (1 - COMPACT_SHARE) * len(self._alive):
            tensors, bounds = (tuple(t.index_select(-1, live) for t in of) for of in (self._tensors(), self._bounds))
            self._load(self._objective.columns(live), self._alive[live], tensors, bounds)


def _stage(epochs: int) -> int:
    """Steps from one snapshot to the next."""
    return -(-epochs // SNAPSHOTS)  # rounded up
