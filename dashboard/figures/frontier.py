"""The frontier: error against households kept, this fit against other methods."""

from __future__ import annotations

import functools
import math
import textwrap
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go

from dashboard import wording
from dashboard.figures import axes, theme
from l0engine.calibration.config import Config, settings
from l0engine.runs.records import PointRecord

#: Names of the methods, in the order of legends.
TITLES: Mapping[str, str] = MappingProxyType(
    {
        "l0engine": "l0engine",
        "dense": "All households",
        "random": "Random",
        "pps": "Proportional to weight",
        "l1": "L1 path",
        "lp": "LP vertex",
        "gated": "Gated, no refit",
    }
)
#: Symbols and colours (Okabe and Ito) of the references; 'gated' is grey, as it is wherever the refit is shown.
_LOOKS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "dense": ("square", "#0072B2"),
        "random": ("diamond", "#E69F00"),
        "pps": ("triangle-up", "#56B4E9"),
        "l1": ("cross", "#CC79A7"),
        "lp": ("star", "#D55E00"),
        "gated": ("hexagon", ""),
    }
)
_OURS = "l0engine"


class FrontierInfo(NamedTuple):
    """Points by households kept: those of this fit, and those of other methods.

    Attributes
    ----------
    ours, references : tuple of PointRecord
    n_targets, n_households : int
    chosen : str or None
        Key of the point with a ring.
    config : Config or None
        Settings of the fit.
    """

    ours: tuple[PointRecord, ...]
    references: tuple[PointRecord, ...]
    n_targets: int
    n_households: int
    chosen: str | None
    config: Config | None = None


def title(method: str) -> str:
    """What a method is called."""
    return TITLES.get(method) or theme.label(method, 24)


def info(
    points: Sequence[PointRecord], n_targets: int, n_households: int, chosen: str | None = None, config: Config | None = None
) -> FrontierInfo:
    """Points in any order, finished or still arriving; those without a measurable error are left out."""
    drawn = sorted((p for p in points if math.isfinite(error(p)) and p.measures.kept > 0), key=lambda p: (p.measures.kept, p.budget))
    ours = tuple(p for p in drawn if p.method == _OURS)
    return FrontierInfo(ours, tuple(p for p in drawn if p.method != _OURS), n_targets, n_households, chosen, config)


def plot(info: FrontierInfo, palette: theme.Palette) -> go.Figure:
    """A line for this fit, its markers coloured by effective sample size; symbols for the references; held-out errors hollow.

    The customdata of every marker begin with `PointRecord.key`.
    """
    every = (*info.ours, *info.references)
    held = [p for p in every if math.isfinite(_held(p))]
    kept = np.array([p.measures.kept for p in every], float)
    line_at = _suffices(info, kept)
    errors = [*map(error, every), *map(_held, held)]
    floor = _floor(errors)
    x = axes.count_log_axis("Households kept (log scale)", [*(kept if len(kept) else [1, info.n_households]), line_at or 0])
    y = axes.percent_log_axis("Median error (log scale)", errors or [1e-4, 1.0], floor=floor)
    fig = theme.figure(palette, "Error against households kept", _subtitle(info), x, y, height=500)
    fig.update_layout(clickmode="event+select")
    if line_at is not None:
        _suffices_line(fig, line_at, x["range"], y["range"], palette)
    draw = functools.partial(_points, fig, info, floor)
    if held:
        ours = [p for p in info.ours if math.isfinite(_held(p))]
        line = {"color": palette.held_out, "width": 1.8, "dash": "dash"}
        marker = {"symbol": "circle-open", "size": 7, "color": palette.held_out, "line": {"width": 1.6}}
        draw(ours, _held, "Held-out targets", mode="lines+markers", line=line, marker=marker, legendrank=1001)
    if info.ours:
        line = {"color": palette.kept, "width": 2.4}
        draw(info.ours, error, title(_OURS), mode="lines+markers", line=line, marker=_by_sample_size(info.ours, palette))
    found = {p.method for p in info.references}
    for method in (*(m for m in TITLES if m in found), *sorted(found - set(TITLES))):
        symbol, colour = _LOOKS.get(method, ("pentagon", ""))
        mine = [p for p in info.references if p.method == method]
        marker = {"symbol": symbol, "size": 11, "color": colour or palette.dropped, "line": {"width": 1, "color": palette.surface}}
        draw(mine, error, title(method), mode="markers", marker=marker, legendgroup=method, legendrank=1002)
        mine = [p for p in mine if p in held]
        if mine:
            marker = {"symbol": f"{symbol}-open", "size": 10, "color": palette.held_out, "line": {"width": 1.6}}
            name = f"{title(method)}, held-out targets"
            draw(mine, _held, name, mode="markers", marker=marker, legendgroup=method, showlegend=False)
    for p in every:
        if p.key == info.chosen:
            ring = {"symbol": "circle-open", "size": 21, "color": palette.target, "line": {"width": 2.4}}
            draw([p], error, "Chosen", mode="markers", marker=ring, legendrank=1003)
            fig.data[-1].update(hoverinfo="skip", hovertemplate=None)
    return fig


def error(p: PointRecord) -> float:
    """Median absolute relative error of a point."""
    return p.measures.median_abs_rel_error


def _held(p: PointRecord) -> float:
    return math.nan if p.held_out is None else p.held_out.median_abs_rel_error


def _floor(errors: Sequence[float]) -> float:
    """Where errors too small to draw lie: the power of ten under the others, so that an exact fit does not flatten the rest."""
    some = [e for e in errors if e > axes.ERROR_FLOOR]
    if not some or len(some) == len(errors):
        return axes.ERROR_FLOOR
    return max(10.0 ** math.floor(math.log10(min(some))), axes.ERROR_FLOOR)


def _points(fig: go.Figure, info: FrontierInfo, floor: float, points: Sequence[PointRecord], value: Any, name: str, **look: Any) -> None:
    whole = {"marker": {"opacity": 1}}  # or Plotly fades what was not clicked
    fig.add_scatter(
        x=[p.measures.kept for p in points] or [None],
        y=axes.at_least([value(p) for p in points], floor).tolist() or [None],
        name=name,
        customdata=[[p.key, hover(p, info.n_households, info.config)] for p in points],
        hovertemplate="%{customdata[1]}<extra></extra>",
        selected=whole,
        unselected=whole,
        **look,
    )


def hover(p: PointRecord, n_households: int | None = None, config: Config | None = None) -> str:
    """Everything a point is measured by, one line each."""
    m, held = p.measures, _held(p)
    size = f"{wording.of(m.kept, n_households)} households" if n_households else wording.plural(m.kept, "household")
    lines = [
        f"<b>{title(p.method)}</b>",
        size,
        f"median error {wording.percent(m.median_abs_rel_error)}",
        f"mean error {wording.percent(m.mean_abs_rel_error)}",
        f"{wording.percent(m.share_within_10pct)} of targets within 10 %",
        f"effective sample size {wording.count(m.ess)}",
        f"largest weight {wording.ratio(m.max_weight_ratio)} its base weight",
    ]
    if math.isfinite(held):
        lines.append(f"held-out targets: median error {wording.percent(held)}")
    if p.seconds > 0:
        lines.append(f"took {wording.seconds(p.seconds)}")
    if p.note.strip():
        lines.append(f"<i>{'<br>'.join(theme.label(line) for line in textwrap.wrap(p.note, 44))}</i>")
    if config is not None:
        lines += [f"<i>{theme.label(line)}</i>" for line in textwrap.wrap(configuration(config), 44)]
    return "<br>".join(lines)


def configuration(config: Config) -> str:
    """The price of a household, and every setting that is not at its default."""
    default, price = Config().to_dict(), "lambda_l0" if config.share is None else "share"
    changed = {name: v for name, v in config.to_dict().items() if name == price or (v != default[name] and name != "lambda_l0")}
    return "; ".join(f"{settings()[name].label} {_plain(v)}" for name, v in changed.items())


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{k} {_plain(v)}" for k, v in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else f"{value:g}" if isinstance(value, float) else str(value)


def _subtitle(info: FrontierInfo) -> str:
    chosen = [p for p in (*info.ours, *info.references) if p.key == info.chosen]
    if chosen:
        return f"Chosen: {wording.plural(chosen[0].measures.kept, 'household')}, median error {wording.percent(error(chosen[0]))}"
    if info.ours:
        best = min(info.ours, key=error)
        return f"Lowest median {wording.percent(error(best))}, {wording.plural(best.measures.kept, 'household')}"
    return "No point of this fit yet" if info.references else "The first points are being computed"


def _by_sample_size(points: Sequence[PointRecord], palette: theme.Palette) -> dict[str, Any]:
    """Few to many, on a log scale where they differ more than tenfold; a colour bar where they differ at all."""
    ess = np.array([max(p.measures.ess, 1e-12) for p in points])
    outline = {"width": 1.4, "color": palette.kept}
    low, high = float(ess.min()), float(ess.max())
    if not (math.isfinite(low) and high > low * 1.001):
        return {"size": 10, "color": palette.kept, "line": outline}
    log = high > 10 * low
    ticks = axes.count_log_axis("", [low, high])["tickvals"] if log else np.arange(0, high * 1.01, axes.nice_step((high - low) / 4))
    ticks = [t for t in ticks if low <= t <= high]
    scaled = math.log10 if log else float
    bar = {
        "title": {"text": "Effective sample size", "side": "right", "font": {"size": 12}},
        "thickness": 10,
        "len": 0.9,
        "outlinewidth": 0,
        "tickvals": [scaled(t) for t in ticks],
        "ticktext": [wording.short(t) for t in ticks],
    }
    scale = [[at, _over(palette.surface, palette.kept, share)] for at, share in ((0, 0.08), (0.5, 0.5), (1, 1.0))]
    limits = {"cmin": scaled(low), "cmax": scaled(high)}
    return {"size": 10, "color": [scaled(e) for e in ess], "colorscale": scale, **limits, "colorbar": bar, "line": outline}


def _over(below: str, above: str, share: float) -> str:
    """The colour of `above` with an opacity of `share` over `below`, itself opaque."""
    mixed = (round(int(below[i : i + 2], 16) * (1 - share) + int(above[i : i + 2], 16) * share) for i in (1, 3, 5))
    return "#" + "".join(f"{c:02X}" for c in mixed)


def _suffices(info: FrontierInfo, kept: np.ndarray) -> int | None:
    """Where to draw the number of targets; None where it says nothing or lies far from all points."""
    near = not len(kept) or kept.min() / 10 <= info.n_targets <= kept.max() * 10
    return info.n_targets if near and 0 < info.n_targets <= info.n_households else None


def _suffices_line(fig: go.Figure, at: int, x: list[float], y: list[float], palette: theme.Palette) -> None:
    words = f"<b>Q = {wording.plural(at, 'target')}</b><br>As many households always suffice<br>for an exact fit, where one exists."
    fig.add_scatter(
        x=[at] * 50,  # a label wherever the pointer meets the line
        y=np.logspace(y[0], y[1], 50),
        mode="lines",
        showlegend=False,
        name="Number of targets",
        line={"color": palette.muted, "width": 1.4, "dash": "dot"},
        hovertemplate=f"{words}<extra></extra>",
    )
    right = (math.log10(at) - x[0]) / (x[1] - x[0]) > 0.6
    fig.add_annotation(
        x=math.log10(at),
        y=1,
        yref="paper",
        yanchor="top",
        xanchor="right" if right else "left",
        text=f"Q = {wording.plural(at, 'target')}",
        xshift=-9 if right else 9,
        showarrow=False,
        hovertext=words,
        bgcolor=palette.surface,  # the held-out line may run behind it
        font={"size": 12, "color": palette.muted},
    )
