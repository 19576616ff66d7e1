"""One point of a frontier: its method's name and look, and everything it is measured by in words."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping

from dashboard.kit import setting_names, theme, wording
from l0engine.calibration.config import Config
from l0engine.calibration.frontier.references import REFERENCES
from l0engine.calibration.limits import proof
from l0engine.jobs.records import PointRecord

OURS = "l0engine"
#: Names of the methods, in the order of legends.
TITLES: Mapping[str, str] = {OURS: OURS, **{name: reference.title for name, reference in REFERENCES.items()}}
#: Symbols and colours (Okabe and Ito) of the references; 'gated' is grey, as it is wherever the refit is shown.
_LOOKS: Mapping[str, tuple[str, str]] = {
    "dense": ("square", "#0072B2"),
    "random": ("diamond", "#E69F00"),
    "pps": ("triangle-up", "#56B4E9"),
    "l1": ("cross", "#CC79A7"),
    "lp": ("star", "#D55E00"),
    "gated": ("hexagon", ""),
    "eliminated": ("triangle-down", "#009E73"),
}


def title(method: str) -> str:
    """What a method is called."""
    return TITLES.get(method) or theme.label(method, 24)


def look(method: str, palette: theme.Palette) -> tuple[str, str]:
    """Symbol and colour of a reference method."""
    symbol, colour = _LOOKS.get(method, ("pentagon", ""))
    return symbol, colour or palette.dropped


def error(p: PointRecord) -> float:
    """Median absolute relative error of a point."""
    return p.measures.median_abs_rel_error


def held_out(p: PointRecord) -> float:
    """The same over the targets held out; nan where there are none."""
    return math.nan if p.held_out is None else p.held_out.median_abs_rel_error


def hover(p: PointRecord, n_households: int | None = None, config: Config | None = None) -> str:
    """Everything a point is measured by, one line each."""
    m, held = p.measures, held_out(p)
    size = f"{wording.of(m.kept, n_households)} households" if n_households else wording.plural(m.kept, "household")
    lines = [
        f"<b>{title(p.method)}</b>",
        size,
        f"median error {wording.percent(m.median_abs_rel_error)}",
        f"mean error {wording.percent(m.mean_abs_rel_error)}",
    ]
    if math.isfinite(m.max_abs_rel_error):
        lines.append(f"largest error {wording.percent(m.max_abs_rel_error)}")
    lines += [
        f"{wording.percent(m.share_within_10pct)} of targets within 10 %",
        f"effective sample size {wording.count(m.ess)}",
        f"largest weight {wording.ratio(m.max_weight_ratio)} its base weight",
    ]
    if math.isfinite(held):
        lines.append(f"held-out targets: median error {wording.percent(held)}")
    if p.certificate is not None:
        lines += textwrap.wrap(proof(p.certificate), 44)
    if p.seconds > 0:
        lines.append(f"took {wording.seconds(p.seconds)}")
    if p.note.strip():
        lines.append(f"<i>{'<br>'.join(theme.label(line) for line in textwrap.wrap(p.note, 44))}</i>")
    if config is not None:
        lines += [f"<i>{theme.label(line)}</i>" for line in textwrap.wrap(setting_names.configuration(config), 44)]
    return "<br>".join(lines)
