"""One kind of total over the states, a tile each where the state lies: no map has to be fetched."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from dashboard.kit import theme, wording
from dashboard.kit.figures import axes
from l0engine.calibration.metrics import relative_errors
from l0engine.calibration.problem.problem import Problem
from l0engine.explain.profiles import by_state

#: Rows of the map from north to south; a place is two letters wide.
_MAP = """
                    ME
                  VTNH
WAIDMTNDMNILWIMINYRIMA
ORNVWYSDIAINOHPANJCT__
CAUTCONEMOKYWVVAMDDE__
__AZNMKSARTNNCSCDC____
______OKLAMSALGA______
HIAK__TX________FL____
"""
_ROWS = [line.replace("_", " ") for line in _MAP.strip("\n").splitlines()]
PLACES = {
    line[2 * column : 2 * column + 2]: (column, row)
    for row, line in enumerate(_ROWS)
    for column in range(len(line) // 2)
    if line[2 * column : 2 * column + 2].strip()
}


class TilesInfo(NamedTuple):
    """One entry a state that has the total."""

    codes: list[str]
    values: np.ndarray
    estimates: np.ndarray
    errors: np.ndarray


def info(problem: Problem, weights: np.ndarray, target: int) -> TilesInfo:
    """The targets that differ from one in the state only."""
    found = by_state(problem, target)
    rows = np.array(list(found.values()), int)
    return TilesInfo(list(found), problem.values[rows], problem.estimates(weights)[rows], relative_errors(problem, weights)[rows])


def plot(info: TilesInfo, palette: theme.Palette) -> go.Figure:
    """Squares, coloured by error; the darkest are met best, as everywhere."""
    worst = int(np.abs(info.errors).argmax()) if info.codes else 0
    subtitle = f"Furthest off: {info.codes[worst]}, {wording.percent(info.errors[worst])}" if info.codes else "No states"
    hidden = {"visible": False, "fixedrange": True}
    across = axes.axis("", **hidden, range=[-0.6, 10.6])
    fig = theme.figure(palette, "The same total in other states", subtitle, across, axes.axis("", **hidden, range=[7.6, -0.6]))
    at = np.array([PLACES[c] for c in info.codes]).reshape(-1, 2)
    classes = np.searchsorted(theme.ERROR_STEPS, np.abs(info.errors))
    hover = [
        f"<b>{c}</b><br>target {wording.amount(v)}<br>estimate {wording.amount(e)}<br>error {wording.percent(d)}"
        for c, v, e, d in zip(info.codes, info.values, info.estimates, info.errors, strict=True)
    ]
    fig.add_scatter(
        x=at[:, 0],
        y=at[:, 1],
        mode="markers+text",
        text=info.codes,
        customdata=hover,
        hovertemplate="%{customdata}<extra></extra>",
        textfont={"size": 11, "color": ["#FFFFFF" if c == 0 else "#0F141B" for c in classes]},
        marker={
            "symbol": "square",
            "size": 28,
            "color": [palette.errors[c] for c in classes],
            "line": {"width": 1, "color": palette.muted},
        },
        showlegend=False,
    )
    return fig
