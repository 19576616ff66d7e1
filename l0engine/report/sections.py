"""The report in sections of words and tables, from which every form of it is made; no household is in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np
import pandas as pd

from l0engine.calibration.config import Config, settings
from l0engine.calibration.limits import proof, share
from l0engine.calibration.metrics import relative_errors
from l0engine.calibration.problem.margins import plain_number
from l0engine.calibration.results import Measures
from l0engine.explain.drift import BAND
from l0engine.explain.households import by_group, gini, lorenz
from l0engine.explain.targets import FEW
from l0engine.explain.verdict import headline
from l0engine.report.facts import Facts

#: Rows of a table.
ROWS = 20
#: Columns of the households with no more values than this are looked at group by group.
GROUPS = 60


class Section(NamedTuple):
    """A part of the report.

    Attributes
    ----------
    key : str
        Names it, for pictures that stand beside it.
    title : str
    words : tuple of str
        Paragraphs; those that begin with '- ' are items of a list. `**` marks what is strong.
    table : DataFrame or None
        Of texts.
    """

    key: str
    title: str
    words: tuple[str, ...] = ()
    table: pd.DataFrame | None = None


def sections(facts: Facts) -> tuple[Section, ...]:
    """All of them, in order."""
    makers = (_verdict, _measures, _targets, _disclosure, _households, _conflicts, _drift, _frontier, _settings, _provenance, _notes)
    return tuple(section for make in makers for section in make(facts))


def _verdict(f: Facts) -> Iterator[Section]:
    items = [f"- {limit.sentence}" for limit in f.found]
    if f.overlap is not None:
        items.append(f"- {f.overlap.sentence}")
    if f.certificate is not None:
        items.append(f"- {proof(f.certificate)}")
    yield Section("verdict", "Verdict", (headline(f.measures, f.problem.n_households), *items))


def _measures(f: Facts) -> Iterator[Section]:
    columns: dict[str, Measures | None] = (
        {"Gated": f.result.gated, "Refitted": f.result.refitted} if f.point is None else {"Point": f.measures}
    )
    columns["Held-out targets"] = f.held_out
    rows = {
        "Households kept": ("kept", _count),
        "Median error": ("median_abs_rel_error", share),
        "Mean error": ("mean_abs_rel_error", share),
        "Largest error": ("max_abs_rel_error", share),
        "Targets within 10 %": ("share_within_10pct", share),
        "Effective sample size": ("ess", _count),
        "Design effect": ("design_effect", lambda x: f"{x:.3g}"),
        "Largest weight": ("max_weight", _count),
        "Largest weight / base weight": ("max_weight_ratio", lambda x: f"{x:,.3g}"),
    }
    there = {name: m for name, m in columns.items() if m is not None}
    table = pd.DataFrame({"": list(rows), **{n: [_finite(w, getattr(m, field)) for field, w in rows.values()] for n, m in there.items()}})
    yield Section("measures", "Measures", ("Errors are relative to the published totals, over the targets in use.",), table)


def _targets(f: Facts) -> Iterator[Section]:
    errors, estimates = relative_errors(f.problem, f.weights), f.problem.estimates(f.weights)
    parts = f.parts
    first = parts[parts["id"].str.count("/") == 1].sort_values("loss", ascending=False, kind="stable")
    shown = first.head(ROWS)
    yield Section(
        "targets", "Targets by part",
        (f"{int(f.use.sum()):,} targets count. Share of the loss, and the error in the middle, by the first part of their names.",),
        pd.DataFrame({"Part": shown["label"], "Targets": shown["targets"].map(_count), "Share of the loss": shown["loss"].map(share),
                      "Median error": shown["error"].map(share)}),
    )  # fmt: skip
    worst = np.argsort(-np.where(f.use, np.abs(errors), -1.0), kind="stable")[: min(ROWS, int(f.use.sum()))]
    values = f.problem.values
    table = pd.DataFrame({
        "Target": f.problem.names[worst],
        "Error": [_signed(errors[i]) for i in worst],
        "Published": [plain_number(values[i]) for i in worst],
        "Estimate": [plain_number(estimates[i]) for i in worst],
        "Group": f.problem.groups[worst],
    })  # fmt: skip
    yield Section("worst", "Targets that are missed most", (), table)


def _disclosure(f: Facts) -> Iterator[Section]:
    if len(f.hanging):
        shown = f.hanging[:ROWS]
        words = f"{len(f.hanging):,} totals hang on 1 to {FEW} kept households, whom an estimate may tell about. Look at them before"
        words += " publishing."
        if len(f.hanging) > ROWS:
            words += f" The {ROWS} that hang on fewest are named; the Report tab of Results lists all."
        table = pd.DataFrame({"Target": f.problem.names[shown], "Kept households": [_count(n) for n in f.behind[:ROWS]]})
        yield Section("disclosure", "Totals that hang on few", (words,), table)


def _households(f: Facts) -> Iterator[Section]:
    held = lorenz(f.weights)[1]
    tenth = 1 - float(np.interp(0.9, np.linspace(0, 1, len(held)), held))
    evenness = f"the Gini coefficient of the weights is {gini(f.weights):.2f}"
    words = [f"The heaviest tenth of the kept households hold {share(tenth)} of the weight; {evenness}."]
    for column in f.problem.attributes.columns:
        if 1 < f.problem.attributes[column].nunique() <= GROUPS:
            groups = by_group(f.problem, f.weights, str(column))
            thin = groups[groups["thin"]]
            if len(thin):
                named = ", ".join(f"{g} ({e:,.0f})" for g, e in zip(thin["group"][:8], thin["ess"][:8], strict=True))
                more = f" and {len(thin) - 8:,} more" if len(thin) > 8 else ""
                words.append(f"- {column}: effective sample size under 30 for {named}{more}.")
    yield Section("households", "Weights and households", tuple(words))


def _conflicts(f: Facts) -> Iterator[Section]:
    if f.conflicts:
        shown = sorted(f.conflicts, key=lambda c: -c.apart)[:ROWS]
        yield Section("conflicts", "Targets that contradict each other", tuple(f"- {c.sentence}" for c in shown))


def _drift(f: Facts) -> Iterator[Section]:
    if not len(f.ledger):
        return
    own = f.ledger[f.ledger["target"] == ""]
    moved = own[own["moved"]]
    words = (
        f"{len(moved):,} of {len(own):,} figures that were no targets moved by more than {share(BAND)} (shares: by so many points; "
        "quantiles: by so much of the way from the 10 % to the 90 % one)."
    )
    table = pd.DataFrame({
        "Column": own["column"], "Figure": own["what"],
        "Before": [_figure(w, b) for w, b in zip(own["what"], own["before"], strict=True)],
        "After": [_figure(w, a) for w, a in zip(own["what"], own["after"], strict=True)],
        "Change": [_signed(c) if np.isfinite(c) else "from 0" for c in own["change"]],
    })  # fmt: skip
    yield Section("drift", "What the weights did to other columns", (words,), table.head(ROWS))


def _frontier(f: Facts) -> Iterator[Section]:
    if f.points:
        table = pd.DataFrame([
            {"Method": p.method, "Kept": _count(p.measures.kept), "Median error": share(p.measures.median_abs_rel_error),
             "Mean error": share(p.measures.mean_abs_rel_error), "Effective sample size": _count(p.measures.ess),
             "Largest weight / base": f"{p.measures.max_weight_ratio:,.3g}"}
            for p in sorted(f.points, key=lambda p: (-p.measures.kept, p.method))
        ])  # fmt: skip
        words = "Other numbers of households, and what other methods make of them."
        if f.frontier is not None:
            words += f" They are from run {f.frontier.id} of the same problem: {f.frontier.task.label}."
        yield Section("frontier", "Frontier", (words,), table)


def _settings(f: Facts) -> Iterator[Section]:
    own, default, known = f.config.to_dict(), Config().to_dict(), settings()
    rows = [(known[n].label, n, _plain(own[n]), "" if own[n] == default[n] else f"default: {_plain(default[n])}") for n in own]
    words = tuple(f"{known[c.name].label} became {_plain(c.value)} after step {c.step:,}." for c in f.changes)
    yield Section("settings", "Settings", words, pd.DataFrame(rows, columns=["Setting", "Name", "Value", "Changed"]))


def _provenance(f: Facts) -> Iterator[Section]:
    facts = {
        "Run": f.run.id,
        "Ended": datetime.fromtimestamp(f.run.ended, UTC).strftime("%Y-%m-%d %H:%M UTC") if f.run.ended else "",
        "Status": f"{f.result.status}: {f.result.status.sentence}",
        "Problem": f"{f.problem_record.title}: {f.problem.n_targets:,} targets x {f.problem.n_households:,} households",
        "SHA-256 of the problem": f.problem_record.sha,
        "SHA-256 of the weights": f.weights_sha256,
        "Seed": str(f.config.seed),
        "Device": f"{f.result.device}, {f.result.threads or '?'} thread(s)",
        "Seconds": f"fit {f.result.fit_seconds:.1f}, refit {f.result.refit_seconds:.1f}",
        "Versions": ", ".join(f"{n} {v}" for n, v in f.summary.get("versions", {}).items()),
    }
    table = pd.DataFrame({"Fact": list(facts), "Value": list(facts.values())})
    yield Section("provenance", "Provenance", ("`python -m l0engine script` writes what repeats this bit for bit.",), table)


def _notes(f: Facts) -> Iterator[Section]:
    if f.run.name or f.run.note.strip():
        words = [*([f"Named '{f.run.name}'."] if f.run.name else []), *filter(str.strip, f.run.note.splitlines())]
        yield Section("note", "What was noted of the run", tuple(words))
    said = [*f.problem.notes, *f.summary.get("taken", ()), *([f.result.message] if f.result.message else [])]
    if said:
        yield Section("notes", "Notes", tuple(f"- {note}" for note in said))
    if f.recipe:
        yield Section("recipe", "Recipe", ("How the problem was made of tables.", f"```\n{f.recipe.rstrip()}\n```"))


def _count(x: float) -> str:
    return f"{x:,.0f}"


def _finite(words: Callable[[float], str], x: float) -> str:
    return words(x) if np.isfinite(x) else "–"


def _signed(x: float) -> str:
    return f"{'−' if x < 0 else ''}{share(abs(x))}"


def _figure(what: str, x: float) -> str:
    return share(x) if what.startswith("= ") else plain_number(x) if np.isfinite(x) else "–"


def _plain(value: object) -> str:
    if value is None or value == [] or value == {}:
        return "none"
    return f"{value:g}" if isinstance(value, float) else str(value)
