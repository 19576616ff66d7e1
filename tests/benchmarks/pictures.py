"""The README's pictures of the benchmarks, from frontier.json and scaling.json beside this file.

    python tests/benchmarks/pictures.py

Draws with the dashboard's own colours in Chromium (playwright), into dashboard/screenshots/.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
from playwright.sync_api import sync_playwright

from dashboard.kit import theme
from dashboard.kit.figures import axes

HERE = Path(__file__).parent
OUT = HERE.parents[1] / "dashboard" / "screenshots"


def frontier(palette: theme.Palette) -> go.Figure:
    data = json.loads((HERE / "frontier.json").read_text())
    ours, theirs = data["l0engine"], data["l0-python"]
    kept, median = [p["kept"] for p in ours["points"]], [p["median"] for p in ours["points"]]
    other = theirs["points"][0]
    fig = theme.figure(
        palette,
        f"United States: ten sizes in {ours['seconds']:.1f} s, against one fit of l0-python in {theirs['seconds']:.0f} s",
        "Two cores; labels are effective sample sizes",
        axes.count_log_axis("Households kept (log scale)", [*kept, other["kept"]]),
        axes.percent_log_axis("Median error (log scale)", [*median, other["median"]]),
        height=420,
    )
    texts = [f"{p['ess']:,.0f}" for p in ours["points"]]
    fig.add_scatter(
        x=kept, y=median, mode="lines+markers+text", text=texts, textposition="top right", name="l0engine", line={"color": palette.kept},
        cliponaxis=False,
    )  # fmt: skip
    fig.update_layout(margin_r=50)
    label = f"l0-python {other['ess']:,.0f}"
    fig.add_scatter(
        x=[other["kept"]], y=[other["median"]], mode="markers+text", text=[label], textposition="bottom left", name="l0-python 0.6.2",
        marker={"color": palette.error, "size": 11, "symbol": "diamond"},
    )  # fmt: skip
    return fig


def scaling(palette: theme.Palette) -> go.Figure:
    rows = json.loads((HERE / "scaling.json").read_text())
    sizes = {"Non-zeros of the matrix (log scale)": [r["nnz"] for r in rows], "Households (log scale)": [r["households"] for r in rows]}
    series = (
        ("Fit, refit and 6 sizes: seconds", [r["total"] for r in rows], palette.kept, "solid"),
        ("One epoch: milliseconds", [r["epoch"] * 1e3 for r in rows], palette.target, "solid"),
        ("One epoch of l0-python: milliseconds", [r["theirs"] * 1e3 for r in rows], palette.error, "dash"),
        ("Peak memory: MB", [r["peak_mb"] for r in rows], palette.dropped, "dot"),
    )
    fig = theme.figure(
        palette,
        "Time and memory against the size of the problem",
        "National, state and district targets; two cores. Slopes: power of the non-zeros (left), of the households (right)",
        {},
        axes.count_log_axis("Seconds, milliseconds, MB (log scale)", [v for _, values, *_ in series for v in values]),
        height=420,
    )
    for panel, (title, x) in enumerate(sizes.items()):
        axis = "x" if panel == 0 else "x2"
        fig.update_layout({f"xaxis{axis[1:]}": {**axes.count_log_axis(title, x), "domain": [0.52 * panel, 0.48 + 0.52 * panel]}})
        for name, values, colour, dash in series:
            fig.add_scatter(
                x=x, y=values, xaxis=axis, mode="lines+markers", name=name, line={"color": colour, "dash": dash}, showlegend=panel == 0
            )
            slope = np.polyfit(np.log(x), np.log(values), 1)[0]
            at = np.log10([x[-2], values[-2]])
            fig.add_annotation(
                x=at[0], y=at[1], xref=axis, text=f"{slope:.2f}", yshift=11, showarrow=False, font={"color": colour, "size": 12}
            )
    return fig


def main() -> None:
    with sync_playwright() as p:
        browser = p.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        for draw in (frontier, scaling):
            if not (HERE / f"{draw.__name__}.json").exists():
                continue
            figure = draw(theme.PALETTES["light"]).update_layout(paper_bgcolor="white", plot_bgcolor="white", width=1000)
            page = browser.new_page(viewport={"width": 1000, "height": 430})
            page.set_content(figure.to_html(include_plotlyjs=True, config={"displayModeBar": False}))
            page.wait_for_selector(".main-svg")
            page.screenshot(path=OUT / f"benchmark_{draw.__name__}.png")


if __name__ == "__main__":
    main()
