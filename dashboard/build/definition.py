"""One definition of targets: what is counted of whom, and where its published totals stand; and how they met."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import pandas as pd
import streamlit as st

from dashboard.build.survey import numbers
from dashboard.kit import layout, wording
from dashboard.state import building
from l0engine.io.build import Match, Recipe, Statistic, Target, Totals

#: A column with more different values is no column of categories.
MOST = 5000
_STATISTICS = {Statistic.TOTAL: "total", Statistic.MEAN: "mean", Statistic.SHARE: "share"}
_LOOK = 12


class Columns(NamedTuple):
    """What definitions can name: category columns of households, further ones of persons, and columns that can be summed, of each."""

    categories: list[str]
    of_persons: list[str]
    sums: list[tuple[str, str]]


def show_all(recipe: Recipe, frames: dict[str, pd.DataFrame], matches: Mapping[str, Match], far: Mapping[str, float]) -> Recipe:
    """A card a definition, and a way to add one; the recipe as the widgets have it.

    `far` says of some definitions how many times the survey's own sum their totals are.
    """
    totals = {name: frame for name, frame in frames.items() if name not in (recipe.households, recipe.persons)}
    known, found = _columns(recipe, frames), []
    _gone()
    for number, target in enumerate(recipe.targets):
        changed = _show(number, target, known, totals, matches.get(target.name), far.get(target.name), bool(recipe.persons))
        if changed is None:
            building.rewrite(replace(recipe, targets=tuple(t for t in recipe.targets if t is not target)))
            st.rerun()
        found.append(changed)
    if st.button("Add targets", icon=":material/add:", key="build_add"):
        names = [t.name for t in recipe.targets]
        name = next(n for n in (f"targets {i}" for i in range(1, len(names) + 2)) if n not in names)
        new = Target(name, Totals(table=next(iter(totals), "")))
        building.rewrite(replace(recipe, targets=(*recipe.targets, new)))
        st.rerun()
    return replace(recipe, targets=tuple(found))


def _gone() -> None:
    """Definitions whose table was left out: the way to take them out as well, and back."""
    now = building.building()
    if now.missing:
        words, act = layout.columns([4, 2], key="gone", narrowest=200, align="center")
        names = ", ".join(f"'{t.name}'" for t in now.missing[:3]) + (", …" if len(now.missing) > 3 else "")
        words.markdown(f":material/warning: {wording.plural(len(now.missing), 'definition')} without a table: {names}.")
        if act.button("Remove them too", key="build_gone", icon=":material/close:", help="They can be brought back."):
            building.remove_missing()
            st.rerun()
    if now.removed:
        words, act = layout.columns([4, 2], key="removed", narrowest=200, align="center")
        words.caption(f"{wording.plural(len(now.removed), 'definition')} removed with their table.")
        if act.button("Bring them back", key="build_back", type="tertiary", icon=":material/undo:"):
            building.bring_back()
            st.rerun()


def _columns(recipe: Recipe, frames: dict[str, pd.DataFrame]) -> Columns:
    """What there is to choose from."""
    bands = {b.name: b.column for b in recipe.bands}
    households, persons = frames[recipe.households], frames.get(recipe.persons, pd.DataFrame())
    own = [*_categories(households, recipe.household_id), *(name for name, column in bands.items() if column in households)]
    further = [*_categories(persons, recipe.persons_household_id), *(name for name, column in bands.items() if column in persons)]
    sums = [("households", c) for c in numbers(households)] + [("persons", c) for c in numbers(persons)]
    return Columns(own, [c for c in further if c not in own], sums)


def _show(
    number: int, target: Target, known: Columns, totals: dict[str, pd.DataFrame], match: Match | None, far: float | None, persons: bool
) -> Target | None:
    """Its card; the definition as the widgets have it, None where it was removed."""
    with st.container(border=True):
        words, edit = layout.columns([5, 1], key=f"target_{number}", narrowest=120, align="center")
        words.markdown(f"**{target.name}** · {sentence(target)}")
        removed = edit.button("Remove", key=_key(number, "remove"), type="tertiary", icon=":material/close:")
        if match is not None:
            _met(number, match)
        if far is not None:
            _far(far)
        _taken(number, target)
        with st.expander(
            "Change", icon=":material/edit:", expanded=not target.by and not target.totals.columns, key=_key(number, "change")
        ):
            changed = _form(number, target, known, totals, persons)
    return None if removed else changed


def sentence(target: Target) -> str:
    """What a definition counts, in words."""
    what = f"sum of {target.sum}" if target.sum else f"number of {target.of}"
    kind = "" if target.statistic is Statistic.TOTAL else f"{_STATISTICS[target.statistic]} of the "
    by = f" by {' × '.join(target.by)}" if target.by else ""
    where = f", where {target.where}" if target.where else ""
    return f"{kind}{what}{by}{where}, from {target.totals.table or 'a number'}"


def _met(number: int, match: Match) -> None:
    """How many totals became targets; what to look at, with the nearest labels to take."""
    for words in match.uncounted:
        st.markdown(f":material/warning: {words[0].upper()}{words[1:]}. Fill that in, or the others are weighted up for them.")
    look = len(match.unmatched)
    said = f"{wording.count(match.targets)} of {wording.plural(match.totals, 'total')} became targets"
    left = [f"{wording.count(match.sums)} are sums of others"] if match.sums else []
    left += [f"{wording.count(match.suppressed)} have no number"] if match.suppressed else []
    said = "; ".join([said, *left])
    if not look:
        st.caption(f":material/check_circle: {said}.")
        return
    st.markdown(f":material/warning: {said}; **{wording.plural(look, 'label')} to look at**.")
    with st.expander("Labels that nobody in the survey has", expanded=look <= 3, key=_key(number, "labels")):
        for i, u in enumerate(match.unmatched[:_LOOK]):
            words, near = st.columns([3, 2], vertical_alignment="center")
            words.markdown(f"'{u.label}' is no {u.column}: {wording.plural(u.totals, 'total')} left out.")
            if u.candidates:
                key = _key(number, f"take_{i}")
                taken = near.selectbox(
                    "It is", list(u.candidates), index=None, placeholder="Take it as …", key=key, label_visibility="collapsed"
                )
                if taken:
                    recipe = building.building().recipe
                    assert recipe is not None  # there is a match
                    building.rewrite(recipe.taking({u.column: {u.label: taken}}))
                    st.rerun()
        if look > _LOOK:
            st.caption(f"and {look - _LOOK:,} more.")


def _taken(number: int, target: Target) -> None:
    """Labels that were taken as others, each with a way back."""
    recipe = building.building().recipe
    same = {} if recipe is None else {c: recipe.same[c] for c in target.by if recipe.same.get(c)}
    for i, (column, label) in enumerate((c, label) for c, labels in same.items() for label in labels):
        words, undo = st.columns([5, 1], vertical_alignment="center")
        what = f"'{label}'" if label else "An empty cell"
        words.caption(f":material/swap_horiz: {what} is taken as the {column} '{same[column][label]}'.")
        if recipe is not None and undo.button("Undo", key=_key(number, f"undo_{i}"), type="tertiary"):
            left = {c: {k: v for k, v in labels.items() if (c, k) != (column, label)} for c, labels in recipe.same.items()}
            building.rewrite(replace(recipe, same=left))
            st.rerun()


def _far(ratio: float) -> None:
    """A warning that totals are far from what the survey gives: something else is counted, or in another unit."""
    times = f"{wording.ratio(ratio)} what" if ratio > 1 else f"{wording.percent(ratio)} of what"
    st.markdown(f":material/warning: These totals are {times} the survey gives: is it counted of the right ones, and in the same unit?")


def _form(number: int, target: Target, known: Columns, totals: dict[str, pd.DataFrame], persons: bool) -> Target:
    name, what, by = layout.columns([2, 2, 3], key=f"form_{number}", narrowest=180)
    counts = [("households", ""), *([("persons", "")] if persons else [])]
    options = list(dict.fromkeys([*counts, *known.sums, (target.of, target.sum)]))
    titles = {o: f"number of {o[0]}" if not o[1] else f"sum of {o[1]} ({o[0]})" for o in options}
    title = name.text_input("Name", target.name, key=_key(number, "name"))
    of, summed = what.selectbox(
        "Counted or summed", options, options.index((target.of, target.sum)), format_func=titles.get, key=_key(number, "what")
    )
    categories = list(dict.fromkeys([*known.categories, *(known.of_persons if of == "persons" else []), *target.by]))
    chosen = by.multiselect("By", categories, target.by, key=_key(number, "by"), placeholder="everyone")
    where = st.text_input("Only where", target.where, key=_key(number, "where"), placeholder="age >= 18 and region in ('North', 'South')")
    changed = replace(target, name=title.strip() or target.name, of=of, sum=summed, by=tuple(chosen), where=where.strip())
    changed = replace(changed, totals=_totals(number, changed, totals))
    kind, group, weight = layout.columns(3, key=f"more_{number}", narrowest=150)
    names = list(Statistic)
    statistic = kind.selectbox(
        "Published is the", names, names.index(target.statistic), format_func=_STATISTICS.get, key=_key(number, "statistic")
    )
    within = target.within
    if statistic is Statistic.SHARE:
        within = tuple(
            group.multiselect("Share of the whole of each", list(chosen), [c for c in within if c in chosen], key=_key(number, "in"))
        )
    importance = weight.number_input("Importance", 0.0, None, float(target.weight), key=_key(number, "weight"), help="0 leaves them out.")
    return replace(changed, statistic=statistic, within=within, weight=importance)


def _totals(number: int, target: Target, tables: dict[str, pd.DataFrame]) -> Totals:
    """Where the totals stand: a table, and which of its columns hold what."""
    old = target.totals
    names = list(dict.fromkeys([*tables, old.table, ""]))
    where, value = layout.columns(2, key=f"where_{number}", narrowest=200)
    table = where.selectbox(
        "Totals in", names, names.index(old.table), format_func=lambda name: name or "one number", key=_key(number, "table")
    )
    if not table:
        return replace(old, table="", value=value.number_input("The total", value=float(old.value), key=_key(number, "value")))
    if table not in tables:  # it was left out
        return old
    frame = tables[table]
    heads = [str(c) for c in frame.columns]
    across_options = ["", *target.by]
    across = value.selectbox(
        "In columns of their own",
        across_options,
        across_options.index(old.across) if old.across in across_options else 0,
        format_func=lambda c: c or "no: one total a row",
        key=_key(number, "across"),
        help="A cross-table has the categories of one column as its heads.",
    )
    meant = {} if across else {"value": "The total"}
    meant |= {c: c for c in target.by if c != across}
    columns = {}
    if meant:
        places = layout.columns(len(meant), key=f"columns_{number}", narrowest=150)
        for place, (role, label) in zip(places, meant.items(), strict=True):
            now = old.columns.get(role, role if role in heads else None)
            at = heads.index(now) if now in heads else None
            found = place.selectbox(f"{label} stands in", heads, at, key=_key(number, f"column_{role}"), placeholder="choose")
            columns |= {role: found} if found and found != role else {}
    further = {role: column for role, column in old.columns.items() if role not in ("value", *target.by) and column in heads}
    return replace(old, table=table, across=across, columns={**further, **columns})


def _categories(frame: pd.DataFrame, id_column: str) -> list[str]:
    return [str(c) for c in frame.columns if c != id_column and _few(frame[c])]


def _few(column: pd.Series) -> bool:
    return not pd.api.types.is_float_dtype(column) and column.head(20_000).nunique() <= min(MOST, max(len(column) // 2, 2))


def _key(number: int, name: str) -> str:
    return f"build_{number}_{name}_{building.version()}"
