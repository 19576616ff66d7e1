"""A report that a browser opens anywhere: pictures, their library and all words are in the one file."""

from __future__ import annotations

import html as escaping
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import plotly
import plotly.graph_objects as go

from dashboard.calibration.figures import composition, estimates, refit_effect, weight_change, weight_concentration
from dashboard.frontier.figures import frontier
from dashboard.kit.browser import player
from dashboard.kit.figures.film import Film, to_json
from dashboard.kit.markup import listed, marked, table
from dashboard.kit.theme import CONFIG, LIGHT, Palette
from dashboard.results.figures import ledger, treemap
from l0engine.explain.drift import BAND
from l0engine.io import csv_bytes, weights_table
from l0engine.report.facts import Facts
from l0engine.report.sections import Section, sections

_STYLE = """
body {font: 16px/1.5 system-ui, sans-serif; color: #1F2937; max-width: 1100px; margin: 2rem auto; padding: 0 1rem}
h1 {font-size: 1.6rem} h2 {font-size: 1.2rem; margin-top: 2.2rem; border-top: 1px solid #E6E9EE; padding-top: 1rem}
table {border-collapse: collapse; font-size: .9rem; display: block; overflow-x: auto}
th, td {text-align: left; padding: .25rem .8rem .25rem 0; border-bottom: 1px solid #E6E9EE; font-variant-numeric: tabular-nums}
th {color: #5B6575; font-weight: 600} pre {background: #F3F5F8; padding: 1rem; overflow-x: auto} .picture {margin: 1rem 0}
:root {--st-font: system-ui, sans-serif; --st-text-color: #1F2937; --st-border-color: #E6E9EE; --st-background-color: #FFFFFF}
"""


def html(facts: Facts, *, households: bool = False) -> str:
    """The report as HTML.

    Parameters
    ----------
    households : bool
        Whether ids and weights of the kept households stand at its end; they are left out unless asked for.
    """
    drawn = dict(_pictures(facts, LIGHT))
    parts = [_section(part, drawn) for part in sections(facts)]
    if households:
        rows = csv_bytes(weights_table(facts.problem, facts.weights)).decode()
        parts.append(f"<h2>Weights</h2>\n<pre>{escaping.escape(rows)}</pre>")
    title = escaping.escape(facts.title)
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<meta name="viewport" content="width=device-width">\n'
        f'<link rel="icon" href="data:,">\n<title>{title}</title>\n<style>{_STYLE}{player.CSS}</style>\n<script>{_plotly()}</script>\n'
        f'<script type="module">{player.JS.replace("export default function", "window.play = function")}</script>\n</head>\n'
        f"<body>\n<main>\n<h1>{title}</h1>\n{''.join(parts)}</main>\n</body>\n</html>\n"
    )


def _pictures(f: Facts, palette: Palette) -> Iterator[tuple[str, list[go.Figure | Film]]]:
    """By the key of the section they stand in."""
    p, w, use = f.problem, f.weights, f.use
    if f.point is None:
        refitted = w if f.result.refitted else None
        yield "measures", [refit_effect.plot(refit_effect.info(p, f.result.gated_weights, refitted, use), palette)]
    yield "targets", [treemap.film(treemap.info(f.parts), palette), estimates.plot(estimates.info(p, w, use), palette)]
    pictures: list[tuple[Callable[..., go.Figure], object]] = [
        (weight_change.plot, weight_change.info(p, w, binned=True)),  # no single household
        (weight_concentration.plot, weight_concentration.info(p, w)),
    ]
    pictures += [(composition.plot, composition.info(p, w, str(column))) for column in p.attributes.columns[:4]]
    yield "households", [plot(info, palette) for plot, info in pictures]
    if f.points:
        whose, chosen = f.frontier or f.run, f.point.key if f.point is not None else None
        info = frontier.info(f.points, int(use.sum()), p.n_households, chosen, whose.config)
        yield "frontier", [frontier.plot(info, palette)]
    if len(f.ledger):
        yield "drift", [ledger.plot(ledger.info(f.ledger, BAND), palette)]


def _section(part: Section, drawn: dict[str, list[go.Figure | Film]]) -> str:
    out, items = [f"<h2>{escaping.escape(part.title)}</h2>"], [w for w in part.words if w.startswith("- ")]
    out += [_paragraph(w) for w in part.words if not w.startswith("- ")]
    if items:
        out.append(listed(w[2:] for w in items))
    out += [_picture(figure, f"{part.key}-{i}") for i, figure in enumerate(drawn.get(part.key, []))]
    if part.table is not None:
        out.append(table(part.table.columns, part.table.astype(str).to_numpy().tolist()))
    return "\n".join(out) + "\n"


def _picture(figure: go.Figure | Film, name: str) -> str:
    if isinstance(figure, Film):
        data = player.sent(to_json(figure, LIGHT), alt=figure.panels[0].title)
        content = json.dumps(data).replace("</", "<\\/")
        return (
            f'<div class="picture" id="{name}"></div>\n'
            f'<script type="module">play({{data: {content}, parentElement: document.getElementById("{name}")}});</script>'
        )
    figure.update_layout(height=figure.layout.height, autosize=True)
    content = figure.to_json().replace("</", "<\\/")
    config = json.dumps(CONFIG)
    return (
        f'<div class="picture" id="{name}" style="height:{int(figure.layout.height)}px"></div>\n<script>{{const figure = {content};\n'
        f'Plotly.newPlot("{name}", figure.data, figure.layout, {config});}}</script>'
    )


def _paragraph(words: str) -> str:
    if words.startswith("```"):
        return f"<pre>{escaping.escape(words.strip('`').strip())}</pre>"
    return f"<p>{marked(words)}</p>"


def _plotly() -> str:
    """The library that draws, from the installed package; a closing tag inside it would end the script."""
    return (Path(plotly.__file__).parent / "package_data" / "plotly.min.js").read_text(encoding="utf-8").replace("</script", "<\\/script")
