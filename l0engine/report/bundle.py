"""Everything of a run as one archive."""

from __future__ import annotations

import io
import tempfile
import zipfile
from collections.abc import Collection
from pathlib import Path

from l0engine.errors import L0Error
from l0engine.io import csv_bytes, save_problem, save_table, targets_table, weights_table
from l0engine.io.matrices.ordered import solution_bytes
from l0engine.io.whole import arrays_bytes
from l0engine.report import neighbours
from l0engine.report.facts import Facts
from l0engine.report.markdown import markdown
from l0engine.report.script import notebook, script
from l0engine.report.sections import sections


def bundle(facts: Facts, html: str | None = None, *, columns: Collection[str] = (), with_problem: bool = False) -> bytes:
    """Report, weights, targets, scripts and neighbours' files, as the bytes of a zip file.

    Parameters
    ----------
    html : str, optional
        The report with pictures.
    columns : collection of str
        Columns of the households that go with their weights; they are microdata.
    with_problem : bool
        Whether the problem, with every household, is in it, so that the script needs nothing else.
    """
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in {**_own(facts, html, columns), **neighbours.files(facts)}.items():
            archive.writestr(name, content)
        if with_problem:
            with tempfile.TemporaryDirectory() as scratch:
                folder = Path(scratch, "problem")
                save_problem(facts.problem, folder)
                for path in sorted(folder.iterdir()):
                    archive.write(path, f"problem/{path.name}")
    return out.getvalue()


def _own(facts: Facts, html: str | None, columns: Collection[str]) -> dict[str, bytes]:
    weights = weights_table(facts.problem, facts.weights, columns)
    table = targets_table(facts.problem, facts.weights, facts.use, facts.config.hold_out, facts.found, facts.soft)
    with tempfile.TemporaryDirectory() as scratch:
        parquet = Path(scratch, "weights.parquet")
        save_table(weights, parquet)
        files = {"weights.csv": csv_bytes(weights), "weights.parquet": parquet.read_bytes(), "targets.csv": csv_bytes(table)}
    files["report.md"] = markdown(facts.title, sections(facts)).encode()
    if html is not None:
        files["report.html"] = html.encode()
    if facts.previous is not None:
        files["previous.npz"] = arrays_bytes(facts.previous.to_arrays())
    if facts.problem.artifact is not None:
        files["solution.npz"] = solution_bytes(facts.problem, facts.weights)
    if facts.recipe:
        files["recipe.toml"] = facts.recipe.encode()
    try:
        files |= {"reproduce.py": script(facts).encode(), "reproduce.ipynb": notebook(facts).encode()}
    except L0Error as error:
        files["NOT_REPRODUCIBLE.txt"] = f"{error}\n".encode()
    return files
