"""The frontier: error and effective sample size against households kept, this fit against other methods and other caps."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go

from dashboard.frontier.figures.point import OURS, TITLES, error, held_out, hover, look, title
from dashboard.kit import theme, wording
from dashboard.kit.figures import axes
from dashboard.kit.figures.traces import SECOND, positive
from l0engine.calibration.config import Config
from l0engine.calibration.limits import share
from l0engine.jobs.records import PointRecord

#: Shares of the height: error above, effective sample size below.
_ERROR, _ESS = (0.40, 1.0), (0.0, 0.34)
_HEIGHT = 640
#: Name of the strip, and of the numbers in it.
PROVEN, NUMBERS = "Proven: at most so far above the best", "How far above the best"
#: A number in it stands no nearer to the one before than this share of the width: on a narrow page it takes so much.
_APART = 0.16


class Other(NamedTuple):
    """The frontier of the same problem under another cap on weights: its own points, by households."""

    title: str
    points: tuple[PointRecord, ...]


class FrontierInfo(NamedTuple):
    """Points by households kept: of this fit, other methods, other frontiers; `chosen` is the key of the one with a ring."""

    ours: tuple[PointRecord, ...]
    references: tuple[PointRecord, ...]
    n_targets: int
    n_households: int
    chosen: str | None
    config: Config | None = None
    others: tuple[Other, ...] = ()

    @property
    def every(self) -> tuple[PointRecord, ...]:
        """All points of this run."""
        return (*self.ours, *self.references)


def info(
    points: Sequence[PointRecord],
    n_targets: int,
    n_households: int,
    chosen: str | None = None,
    config: Config | None = None,
    others: Sequence[Other] = (),
) -> FrontierInfo:
    """Points in any order, finished or still arriving; those without a measurable error are left out."""
    drawable = (p for p in points if math.isfinite(error(p)) and p.measures.kept > 0)
    drawn = sorted(drawable, key=lambda p: (p.measures.kept, p.budget))
    ours, references = (tuple(p for p in drawn if (p.method == OURS) is mine) for mine in (True, False))
    return FrontierInfo(ours, references, n_targets, n_households, chosen, config, tuple(others))


def cap_title(config: Config) -> str:
    """A frontier by its cap on weights."""
    return "no cap" if config.max_ratio is None else f"weights ≤ {wording.ratio(config.max_ratio)} base"


def plot(info: FrontierInfo, palette: theme.Palette) -> go.Figure:
    """Two panels over the same households: error above, effective sample size below.

    A line for this fit, symbols for the references, hollow marks for held-out errors, dashed lines for other frontiers, a strip where an
    answer is proven to be near the best. The customdata of every marker of this run begin with `PointRecord.key`.
    """
    drawn = [*info.every, *(p for o in info.others for p in o.points)]
    kept = np.array([p.measures.kept for p in drawn], float)
    errors = [e for p in drawn for e in (error(p), held_out(p)) if math.isfinite(e)]
    floor, line_at = _floor(errors), _suffices(info, kept)
    x = axes.count_log_axis("Households kept (log scale)", [*(kept if len(kept) else [1, info.n_households]), line_at or 0])
    y = axes.percent_log_axis("Median error (log)", errors or [1e-4, 1.0], floor=floor) | {"domain": _ERROR}
    fig = theme.figure(palette, "Error and sample size by households kept", _subtitle(info), x | {"anchor": "y2"}, y, height=_HEIGHT)
    sizes = [max(p.measures.ess, 1e-3) for p in drawn]
    fig.update_layout(clickmode="event+select", yaxis2=axes.count_log_axis("Effective sample size (log)", sizes) | {"domain": _ESS})
    if line_at is not None:
        _suffices_line(fig, line_at, x["range"], palette)
    _proven(fig, info, palette)
    for panel, value in (("y", functools.partial(_at, error, floor)), ("y2", functools.partial(_at, lambda p: p.measures.ess, 0.0))):
        draw = functools.partial(_points, fig, info, panel, value)
        _others(info, draw, palette)
        if panel == "y":
            _held_out(info, functools.partial(_points, fig, info, panel, functools.partial(_at, held_out, floor)), palette)
        if info.ours:
            own = f"{title(OURS)}, {cap_title(info.config)}" if info.others and info.config else title(OURS)
            marker = {"size": 9, "color": palette.kept}
            draw(info.ours, own, mode="lines+markers", line={"color": palette.kept, "width": 2.4}, marker=marker, legendgroup="ours")
        _references(info, draw, palette)
        for p in info.every:
            if p.key == info.chosen:
                ring = {"symbol": "circle-open", "size": 21, "color": palette.target, "line": {"width": 2.4}}
                draw([p], "Chosen", mode="markers", marker=ring, legendgroup="chosen", legendrank=1003)
                fig.data[-1].update(hoverinfo="skip", hovertemplate=None)
    return fig


def _at(value: Callable[[PointRecord], float], floor: float, points: Sequence[PointRecord]) -> list[float | None]:
    return positive(axes.at_least([value(p) for p in points], floor)) if len(points) else [None]


def _floor(errors: Sequence[float]) -> float:
    """Where errors too small to draw lie: the power of ten under the others, so that an exact fit does not flatten the rest."""
    some = [e for e in errors if e > axes.ERROR_FLOOR]
    if not some or len(some) == len(errors):
        return axes.ERROR_FLOOR
    return max(10.0 ** math.floor(math.log10(min(some))), axes.ERROR_FLOOR)


def _points(
    fig: go.Figure, info: FrontierInfo, panel: str, y: Callable[..., Any], points: Sequence[PointRecord], name: str, **how: Any
) -> None:
    """One trace; only those of the upper panel stand in the legend."""
    whole = {"marker": {"opacity": 1}}  # or Plotly fades what was not clicked
    config = how.pop("config", info.config)
    fig.add_scatter(
        x=[p.measures.kept for p in points] or [None],
        y=y(points),
        yaxis=panel,
        name=name,
        customdata=[[p.key if config is info.config else "", hover(p, info.n_households, config)] for p in points],
        hovertemplate=SECOND,
        selected=whole,
        unselected=whole,
        **({"showlegend": False} if panel != "y" else {}) | how,
    )


def _held_out(info: FrontierInfo, draw: Callable[..., None], palette: theme.Palette) -> None:
    """Hollow marks over the errors that were aimed at: dashed for this fit, one for each reference."""
    marker = {"symbol": "circle-open", "size": 7, "color": palette.held_out, "line": {"width": 1.6}}
    if ours := [p for p in info.ours if math.isfinite(held_out(p))]:
        line = {"color": palette.held_out, "width": 1.8, "dash": "dash"}
        draw(ours, "Held-out targets", mode="lines+markers", line=line, marker=marker, legendgroup="held", legendrank=1001)
    for p in info.references:
        if math.isfinite(held_out(p)):
            hollow = marker | {"symbol": f"{look(p.method, palette)[0]}-open", "size": 10}
            draw([p], f"{title(p.method)}, held-out targets", mode="markers", marker=hollow, legendgroup=p.method, showlegend=False)


def _references(info: FrontierInfo, draw: Callable[..., None], palette: theme.Palette) -> None:
    found = {p.method for p in info.references}
    for method in (*(m for m in TITLES if m in found), *sorted(found - set(TITLES))):
        symbol, colour = look(method, palette)
        marker = {"symbol": symbol, "size": 11, "color": colour, "line": {"width": 1, "color": palette.surface}}
        mine = [p for p in info.references if p.method == method]
        draw(mine, title(method), mode="markers", marker=marker, legendgroup=method, legendrank=1002)


def _others(info: FrontierInfo, draw: Callable[..., None], palette: theme.Palette) -> None:
    """Frontiers under another cap, dashed; a click on them chooses nothing, for their points belong to another run."""
    for i, other in enumerate(info.others):
        colour = theme.OKABE_ITO[((0, 5) if palette.name == "light" else (4, 1))[i % 2]]
        line = {"color": colour, "width": 2, "dash": "dash"}
        marker = {"size": 6, "color": colour}
        draw(other.points, f"l0engine, {other.title}", mode="lines+markers", line=line, marker=marker, legendgroup=f"other{i}", config=None)


def _proven(fig: go.Figure, info: FrontierInfo, palette: theme.Palette) -> None:
    """A strip at the foot of the errors, broken where the bound says nothing; the room for it is added to the axis."""
    gaps = [max(p.certificate.gap, 0.0) if p.certificate is not None and p.certificate.useful else None for p in info.ours]
    if not any(gap is not None for gap in gaps):
        return
    low, high = fig.layout.yaxis.range
    level, fig.layout.yaxis.range = 10 ** (low - 0.05 * (high - low)), [low - 0.1 * (high - low), high]
    band = palette.errors[3 if palette.name == "light" else 0]
    how = {"mode": "lines+markers", "line": {"color": band, "width": 16}, "marker": {"symbol": "square", "size": 16, "color": band}}

    def y(_: Sequence[PointRecord]) -> list[float | None]:
        return [None if gap is None else level for gap in gaps]

    _points(fig, info, "y", y, info.ours, PROVEN, legendrank=1004, **how)
    numbers = _apart([(p, gap) for p, gap in zip(info.ours, gaps, strict=True) if gap is not None], fig.layout.xaxis.range)
    fig.add_scatter(  # apart from the strip: beside points that are not drawn Plotly loses texts
        x=[p.measures.kept for p, _ in numbers],
        y=[level] * len(numbers),
        customdata=[[p.key, ""] for p, _ in numbers],  # a click may mean them
        text=[f"+{share(gap)}" for _, gap in numbers],
        textposition=["middle right", *["middle center"] * (len(numbers) - 2), "middle left"] if len(numbers) > 1 else "middle center",
        textfont={"size": 11, "color": palette.text},
        mode="text",
        name=NUMBERS,
        hoverinfo="skip",
        showlegend=False,
    )


def _apart(gaps: Sequence[tuple[PointRecord, float]], x: Sequence[float]) -> list[tuple[PointRecord, float]]:
    """Points and gaps whose numbers do not run into one another; the largest size has its own."""
    found: list[tuple[PointRecord, float]] = []
    last = math.inf
    for p, gap in sorted(gaps, key=lambda pair: -pair[0].measures.kept):
        at = (math.log10(p.measures.kept) - x[0]) / (x[1] - x[0])
        if last - at >= _APART:
            found.insert(0, (p, gap))
            last = at
    return found


def _subtitle(info: FrontierInfo) -> str:
    chosen = [p for p in info.every if p.key == info.chosen]
    if chosen:
        m = chosen[0].measures
        size = f"ESS {wording.short(m.ess)}"  # the whole words stand at the axis; here they were cut on a narrow page
        return f"Chosen: {wording.plural(m.kept, 'household')}, median error {wording.percent(error(chosen[0]))}, {size}"
    if info.ours:
        best = min(info.ours, key=error)
        return f"Lowest median {wording.percent(error(best))}, {wording.plural(best.measures.kept, 'household')}"
    return "No point of this fit yet" if info.references else "The first points are being computed"


def _suffices(info: FrontierInfo, kept: np.ndarray) -> int | None:
    """Where to draw the number of targets; None where it says nothing or lies far from all points."""
    near = not len(kept) or kept.min() / 10 <= info.n_targets <= kept.max() * 10
    return info.n_targets if near and 0 < info.n_targets <= info.n_households else None


def _suffices_line(fig: go.Figure, at: int, x: list[float], palette: theme.Palette) -> None:
    """A dotted line over both panels, with its label at the top."""
    words = f"<b>Q = {wording.plural(at, 'target')}</b><br>As many households always suffice<br>for an exact fit, where one exists."
    for panel in ("y", "y2"):
        low, high = fig.layout["yaxis" if panel == "y" else "yaxis2"].range
        x_, y = [at] * 50, np.logspace(low, high, 50)  # a label wherever the pointer meets the line
        look = {"mode": "lines", "line": {"color": palette.muted, "width": 1.4, "dash": "dot"}, "showlegend": False}
        fig.add_scatter(x=x_, y=y, yaxis=panel, name="Number of targets", hovertemplate=f"{words}<extra></extra>", **look)
    right = (math.log10(at) - x[0]) / (x[1] - x[0]) > 0.6
    side = {"xanchor": "right", "xshift": -9} if right else {"xanchor": "left", "xshift": 9}
    place = {"x": math.log10(at), "y": 1, "yref": "paper", "yanchor": "top", **side}
    text, behind = f"Q = {wording.plural(at, 'target')}", palette.surface  # the held-out line may run behind it
    fig.add_annotation(text=text, hovertext=words, bgcolor=behind, **place)
