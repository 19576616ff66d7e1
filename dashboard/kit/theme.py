"""What all figures share: the language of colour, one Plotly template for each theme, axes and legends.

Pages pass ``theme=None`` to `st.plotly_chart`, or Streamlit paints its own template over this one.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import plotly.graph_objects as go

from dashboard.kit import wording

FONT = '"Source Sans", "Source Sans Pro", "Source Sans 3", sans-serif'
#: Runs side by side, in this order (Okabe and Ito, 2008), black left out as it vanishes on dark pages.
OKABE_ITO = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442")
#: Above these, points become bins.
MAX_POINTS = 10_000
#: Bounds between the classes of error magnitude.
ERROR_STEPS = (0.001, 0.01, 0.05, 0.20)
HEIGHT = 360
_HEAD = 62  # pixels taken by title and subtitle


@dataclass(frozen=True)
class Palette:
    """One colour for each meaning, the same on every page.

    Attributes
    ----------
    kept, dropped, target, error, held_out, undecided : str
        Kept households and the current run; dropped ones and references; truth; too high, unreachable or failed;
        held-out targets; gates between 0 and 1.
    text, muted, grid, surface : str
        Words, quiet words, grid lines, and what hover labels stand on.
    errors : tuple of str, length 5
        Error magnitudes, best first, by `ERROR_STEPS`.
    """

    name: str
    kept: str
    dropped: str
    target: str
    error: str
    held_out: str
    undecided: str
    text: str
    muted: str
    grid: str
    surface: str
    errors: tuple[str, ...]

    def faded(self, colour: str, opacity: float) -> str:
        """A hex colour as rgba, for bands and fills."""
        r, g, b = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
        return f"rgba({r},{g},{b},{opacity:g})"

    @property
    def ramp(self) -> list[list[Any]]:
        """Few to many, for heat maps."""
        return [[0, self.faded(self.kept, 0.12)], [0.5, self.faded(self.kept, 0.5)], [1, self.kept]]


LIGHT = Palette(
    name="light",
    kept="#0B7A75",
    dropped="#8A94A6",
    target="#1F2937",
    error="#C2410C",
    held_out="#6D28D9",
    undecided="#B7791F",
    text="#1F2937",
    muted="#5B6575",
    grid="#E6E9EE",
    surface="#FFFFFF",
    errors=("#0B7A75", "#3F9C97", "#7FBFBB", "#B9DDDA", "#E4F3F1"),
)
DARK = Palette(
    name="dark",
    kept="#3CC8BF",
    dropped="#6B7686",
    target="#E5E7EB",
    error="#FB923C",
    held_out="#B79CFF",
    undecided="#F2C14E",
    text="#E5E7EB",
    muted="#A3ACBA",
    grid="#2A303B",
    surface="#1A1F29",
    errors=("#0B7A75", "#23A19A", "#5CC9C2", "#A0E2DD", "#E4F7F5"),
)
PALETTES: Mapping[str, Palette] = {"light": LIGHT, "dark": DARK}


def _config(image: str) -> dict[str, Any]:
    return {
        "displayModeBar": "hover",
        "displaylogo": False,
        "showSendToCloud": False,  # plotly.js 4 offers to upload the data of a chart unless told not to
        "plotlyServerURL": "",
        "responsive": True,
        "modeBarButtonsToRemove": ["select2d", "lasso2d", "zoomIn2d", "zoomOut2d", "autoScale2d"],
        "toImageButtonOptions": {"format": image, "filename": "l0engine", "scale": 1 if image == "svg" else 3},
    }


#: Plotly's own settings: its camera exports SVG; `CONFIG_PNG` the same as a picture of three times the pixels.
CONFIG = _config("svg")
CONFIG_PNG = _config("png")


@cache
def template(palette: Palette) -> go.layout.Template:
    """The look of all figures in one theme: no background of its own, quiet grid, words at the top left."""
    axis = {
        "gridcolor": palette.grid,
        "linecolor": palette.grid,
        "tickcolor": palette.grid,
        "zeroline": False,
        "showline": False,
        "ticks": "",
        "automargin": True,
        "ticklabelstandoff": 4,
        "spikecolor": palette.dropped,
        "spikethickness": 1,
        "spikedash": "dot",
        "title": {"font": {"size": 13, "color": palette.muted}, "standoff": 8},
        "tickfont": {"size": 12, "color": palette.muted},
    }
    layout = go.Layout(
        font={"family": FONT, "size": 13, "color": palette.text},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        colorway=OKABE_ITO,
        margin={"l": 8, "r": 16, "t": _HEAD, "b": 8},
        xaxis=axis,
        yaxis=axis,
        hovermode="closest",
        hoverlabel={
            "bgcolor": palette.surface,
            "bordercolor": palette.grid,
            "font": {"family": FONT, "size": 13, "color": palette.text},
            "align": "left",
            "namelength": -1,
        },
        legend={
            "orientation": "h",
            "x": 0,
            "xanchor": "left",
            "font": {"size": 12, "color": palette.text},
            "bgcolor": "rgba(0,0,0,0)",
        },
        modebar={"bgcolor": "rgba(0,0,0,0)", "color": palette.dropped, "activecolor": palette.kept},
        annotationdefaults={"showarrow": False, "font": {"size": 12, "color": palette.muted}},
    )
    beside = {"thickness": 10, "outlinewidth": 0, "len": 0.9, "title": {"side": "right", "font": {"size": 12}}}
    data = {"heatmap": [{"colorbar": beside, "hoverongaps": False}], "bar": [{"marker": {"line": {"width": 0}}}]}
    return go.layout.Template(layout=layout, data=data)


def figure(
    palette: Palette,
    title: str,
    subtitle: str,
    x: dict[str, Any],
    y: dict[str, Any],
    *,
    height: int = HEIGHT,
    unified: str = "",
) -> go.Figure:
    """An empty figure in the common look.

    Parameters
    ----------
    title, subtitle : str
        What is shown, and the answer in numbers; each up to about 55 characters, so that a phone shows it whole.
    x, y : dict
        Axes, from the helpers below.
    height : int
        Pixels. The legend stands under the subtitle and pushes the picture down, however many lines it takes.
    unified : str
        Head of one hover label for all lines at an x, such as 'Step %{x}'; empty for a label for each point.
    """
    layout: dict[str, Any] = {
        "height": height,
        "title": {
            "text": title,
            "font": {"size": 16, "weight": 600, "color": palette.text},
            "subtitle": {"text": subtitle, "font": {"size": 13, "color": palette.muted}},
            "x": 0,
            "xref": "container",
            "xanchor": "left",
            "pad": {"l": 4},
            "y": 1 - 10 / height,
            "yref": "container",
            "yanchor": "top",
        },
        "legend": {"xref": "container", "yref": "container", "yanchor": "top", "y": 1 - (_HEAD - 4) / height},
        "xaxis": x,
        "yaxis": y,
    }
    if unified:
        layout["hovermode"] = "x unified"
        # Plotly gives its cursor line a halo in the colour of an opaque page, which a transparent figure does not have:
        # white on a dark page.
        layout["xaxis"] = {**x, "unifiedhovertitle": {"text": unified}, "showspikes": palette.name == "light"}
    fig = go.Figure(layout=layout)
    # As Plotly does with its own: it would take the template to pieces and check each anew, which is most of the work of a figure.
    fig.layout._validate = False
    fig.layout.template = template(palette)
    fig.layout._validate = True
    return fig


def texts(words: Any, values: Any) -> list[str]:
    """Each value through one function of `wording`, for hover labels."""
    return [words(float(v)) for v in values]


def label(text: object, longest: int = 10_000) -> str:
    """A name from outside, shortened and made harmless, for Plotly reads HTML in its labels."""
    return html.escape(shortened(text, longest), quote=False)


def apart(texts: Iterable[object], longest: int) -> list[str]:
    """Names side by side, shortened; what is then alike gets a number."""
    short = {str(i): shortened(text, longest) for i, text in enumerate(texts)}
    return list(wording.distinct(short).values())


def shortened(text: object, longest: int) -> str:
    """A name in one line; too long, it loses its middle, for names of one family often begin alike and differ at the end."""
    text = " ".join(str(text).split()) or "(no name)"
    if len(text) > longest:
        head = longest // 2
        text = f"{text[:head].rstrip()}…{text[head + 1 - longest :].lstrip()}"
    return text


def swatch(colour: str) -> str:
    """A square of colour inside a subtitle, which is then the legend."""
    return f'<span style="color:{colour}">■</span>'
