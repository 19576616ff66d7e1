"""Charts: a figure is a file with `info` and `plot`, as this one is, and a line on a page."""

from __future__ import annotations

import json
from typing import NamedTuple

import plotly.graph_objects as go
from streamlit.testing.v1 import AppTest

from dashboard.kit import theme
from dashboard.kit.figures import axes


class Steps(NamedTuple):
    """What the toy shows."""

    heights: tuple[int, ...]


def info(heights: list[int]) -> Steps:
    return Steps(tuple(heights))


def plot(shown: Steps, palette: theme.Palette) -> go.Figure:
    fig = theme.figure(palette, "Steps", "A toy", axes.axis("Step"), axes.axis("Height (m)"))
    fig.add_bar(y=shown.heights, marker={"color": palette.kept})
    return fig


def _page() -> None:
    import test_chart

    from dashboard.kit.chart import chart

    chart(test_chart.plot, test_chart.info([1, 3, 2]), "steps", "Three steps")


def test_a_new_chart_is_a_file_and_a_line():
    at = AppTest.from_function(_page, default_timeout=300).run()
    assert not at.exception
    (drawn,) = at.get("plotly_chart")
    spec = json.loads(drawn.proto.spec)
    assert spec["data"][0]["y"] == [1, 3, 2] and spec["layout"]["title"]["text"] == "Steps"
    assert spec["data"][0]["marker"]["color"] == theme.PALETTES["light"].kept
