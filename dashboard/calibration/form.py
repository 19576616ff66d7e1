"""The form of a run, built from the fields of `Config`: a new field appears here by itself."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import streamlit as st

from dashboard import state
from dashboard.calibration import previous
from dashboard.kit import layout
from l0engine.calibration.config import GOALS, PRESETS, Config, settings
from l0engine.calibration.setting import Setting
from l0engine.errors import ConfigError

#: Fields that other parts of the page edit.
_ELSEWHERE = ("exclude", "soften", "group_multipliers", "price_change")
#: What stands in an empty field, where that is not 'none'.
_EMPTY = {"lambda_l0": "by the price", "lambda_l2": "by the price", "share": "by the price", "mu": "by rule"}
#: The absolute price that overrules a relative one, by the field of the latter; the first that is set counts.
_OVERRULES = {"price_l0": ("share", "lambda_l0"), "price_l2": ("lambda_l2",)}


def show(groups: list[str]) -> Config | None:
    """Presets, sliders and the advanced part; the `Config` they make, or None with the reason shown."""
    _presets()
    fields = {name: s for name, s in settings().items() if name not in _ELSEWHERE}
    plain = [name for name, s in fields.items() if not s.advanced]
    for column, name in zip(layout.columns(len(plain), key="sliders", narrowest=220, gap="medium"), plain, strict=True):
        with column:
            _log_slider(name, fields[name])
    _goals(fields, groups)
    usable = previous.show()
    if st.toggle("Advanced settings", key="advanced", persist_state="session"):
        columns = layout.columns(3, key="advanced_fields", narrowest=220, gap="medium")
        for i, name in enumerate(name for name, s in fields.items() if s.advanced and name not in GOALS):
            with columns[i % 3]:
                _entry(name, fields[name], groups)
        _multipliers(groups)
    try:
        config = Config.from_dict(state.fitted_draft(groups))
    except ConfigError as error:
        st.error(str(error), icon=":material/error:")
        return None
    return config if usable else None


def _goals(fields: dict[str, Setting], groups: list[str]) -> None:
    """What may be asked for in place of a price: a number of households, or a quality that the fewest should have."""
    st.caption("**Goals**, two at most: the fewest households that meet them are kept. Without one, the price of a household decides.")
    for column, name in zip(layout.columns(len(GOALS), key="goals", narrowest=170, gap="medium", align="bottom"), GOALS, strict=True):
        with column:
            _entry(name, fields[name], groups)


def _key(name: str) -> str:
    return f"set_{name}_{state.form_version()}"


def _presets() -> None:
    changed = {k: v for k, v in state.draft().items() if k not in _ELSEWHERE}
    standard = Config().to_dict()
    current = next((n for n, p in PRESETS.items() if changed == {k: {**standard, **p.changes}[k] for k in changed}), None)
    key = f"preset_{state.form_version()}"
    state.hold(key, current)
    st.segmented_control("Preset", list(PRESETS), key=key, on_change=_take_preset, args=(key,))
    st.caption(PRESETS[current].sentence if current else "Your own settings. A preset puts them back.")


def _take_preset(key: str) -> None:
    if name := state.held(key):
        kept = {k: state.draft()[k] for k in _ELSEWHERE}
        state.set_draft({**Config().to_dict(), **PRESETS[name].changes, **kept})


def _log_slider(name: str, s: Setting) -> None:
    """A slider over 1, 2, 5 of each power of ten, and the exact value beside it."""
    value = state.draft()[name]  # a float, or a text that is no number in bounds
    slider, exact = _key(name), _key(name) + "_exact"
    shown = state.hold_first(slider, value if isinstance(value, float) else Config().to_dict()[name])
    state.hold_first(exact, _exactly(value))
    options = sorted({*_grid(name, s), shown})
    st.select_slider(s.label, options, key=slider, format_func=_short, help=s.help, on_change=_take_slider, args=(name, slider, exact))
    how = {"key": exact, "on_change": _take_exact, "args": (name, slider, exact), "label_visibility": "collapsed"}
    st.text_input(f"{s.label}, exactly", help=f"Any number, such as 3e-4{', ' + s.unit if s.unit else ''}.", **how)
    for overruling in _OVERRULES.get(name, ()):
        if state.draft()[overruling] is not None:
            st.caption(f":material/warning: '{settings()[overruling].label}' is set below and counts in place of this.")
            break


def _grid(name: str, s: Setting) -> list[float]:
    """Stops of a slider: around the default, within the bounds."""
    default = float(Config().to_dict()[name])
    low, high = max(s.low, default * 1e-3), min(s.high, default * (1e3 if s.low == 0 else 1e2))
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    stops = [float(f"{m}e{p}") for p in powers for m in (1, 2, 5)]
    return ([0.0] if s.low == 0 else []) + [x for x in stops if low * 0.999 <= x <= high * 1.001]


def _short(x: float) -> str:
    return "0" if x == 0 else f"{x:g}" if 1e-3 < x < 1e4 else np.format_float_scientific(x, trim="-", exp_digits=1)


def _exactly(value: float | str) -> str:
    """The shortest text that reads back as the same number; a text as it was typed."""
    return value if isinstance(value, str) else short if float(short := f"{value:g}") == value else repr(value)


def _take_slider(name: str, slider: str, exact: str) -> None:
    state.draft()[name] = state.held(slider)
    state.hold(exact, _exactly(state.held(slider)))


def _take_exact(name: str, slider: str, exact: str) -> None:
    """Take the typed text; one that is no number in bounds stays in the draft, where `Config` names it."""
    text = state.held(exact).strip()
    try:
        value = float(text)
        Config.from_dict({**Config().to_dict(), name: value})
    except (ValueError, ConfigError):
        state.draft()[name] = text
        return
    state.draft()[name] = value
    state.hold(slider, value)


def _entry(name: str, s: Setting, groups: list[str]) -> None:
    """The widget that fits an advanced field."""
    default, key = Config().to_dict()[name], _key(name)
    held = state.hold_first(key, state.draft()[name])
    empty = _EMPTY.get(name, "none") if s.optional else None
    common: dict[str, Any] = {"key": key, "help": s.help, "on_change": _take, "args": (name, key)}
    if isinstance(default, list):
        state.hold(key, [g for g in held if g in groups])
        st.multiselect(s.label, groups, placeholder="none", **common)
    elif s.choices:
        st.selectbox(s.label, list(s.choices), **common)
    elif isinstance(default, bool):
        st.toggle(s.label, **common)
    elif s.whole:  # value=None: emptied, a field is empty, and `Config` says what it needs
        bounds = {"min_value": int(s.low), "max_value": int(min(s.high, 2**53 - 1))}
        st.number_input(s.label, value=None, step=1, placeholder=empty, **bounds, **common)
    else:
        bounds = {"min_value": s.low if math.isfinite(s.low) else None, "max_value": s.high if math.isfinite(s.high) else None}
        step = 10.0 ** math.floor(math.log10(default)) if s.log and default else None  # of the size of the value, not 0.01
        st.number_input(s.label, value=None, format="%.4g", step=step, placeholder=empty, **bounds, **common)


def _take(name: str, key: str) -> None:
    state.draft()[name] = state.held(key)


def _multipliers(groups: list[str]) -> None:
    """A factor on the loss of each target group, where there is more than one."""
    if len(groups) < 2:
        return
    s, key = settings()["group_multipliers"], _key("group_multipliers")
    chosen = state.draft()["group_multipliers"]
    table = [{"group": g, "factor": float(chosen.get(g, 1.0))} for g in groups]
    st.caption(f"**{s.label}**: {s.help}")
    looks = {"factor": st.column_config.NumberColumn("factor", min_value=s.low, required=True)}
    edited = st.data_editor(table, key=key, hide_index=True, disabled=["group"], column_config=looks)
    state.draft()["group_multipliers"] = {row["group"]: row["factor"] for row in edited if row["factor"] != 1.0}
