"""Who may call whom, read from the syntax trees: imports go one way, from a later layer to an earlier one."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent

#: Every module of both packages, earliest first. A module imports from earlier lines only, never from its own:
#: so there are no cycles. A new file must be given its place here.
LAYERS = """
l0engine.errors l0engine.lazy l0engine.draining
l0engine l0engine.calibration l0engine.selection
l0engine.hard_concrete l0engine.local_search l0engine.schedules l0engine.indexing l0engine.calibration.linear_map l0engine.calibration.inputs l0engine.calibration.state \
    l0engine.calibration.anchors l0engine.calibration.least_squares
l0engine.gates l0engine.gated_product l0engine.penalties l0engine.linear_fit l0engine.calibration.problem l0engine.calibration.config \
    l0engine.calibration.dual l0engine.calibration.splicing
l0engine.gated_base l0engine.calibration.estimators l0engine.calibration.losses l0engine.calibration.preflight l0engine.calibration.results l0engine.calibration.estimate \
    l0engine.calibration.relaxation
l0engine.pruning.masks l0engine.sparse_linear l0engine.distributions l0engine.calibration.point l0engine.calibration.metrics l0engine.calibration.system
l0engine.layers l0engine.sparse l0engine.calibration.objective l0engine.calibration.raking l0engine.calibration.elimination l0engine.calibration.limits
l0engine.sparsify l0engine.pruning.graph
l0engine.pruning.operations l0engine.pruning.report l0engine.pruning.standalone l0engine.pruning.exports
l0engine.pruning.units
l0engine.pruning.compaction
l0engine.pruning
l0engine.calibration.trainer l0engine.calibration.polish l0engine.calibration.refit
l0engine.calibration.choosing
l0engine.calibration.goals
l0engine.selection.standardised l0engine.selection.models l0engine.selection.counts
l0engine.selection.figures l0engine.selection.swaps l0engine.selection.backward
l0engine.selection.designs l0engine.selection.path l0engine.selection.exchange
l0engine.selection.shrinkage
l0engine.selection.samples l0engine.selection.cube l0engine.selection.features
l0engine.calibration.training
l0engine.calibration.frontier l0engine.calibration.l1_path
l0engine.calibration.references
l0engine.calibration.weights
l0engine.io.limits
l0engine.io.build l0engine.io.csvfile l0engine.io.exports l0engine.io.saving
l0engine.io.mtx l0engine.io.npz l0engine.io.tables l0engine.io.guarded
l0engine.io.images
l0engine.io.layouts
l0engine.io.folder
l0engine.io.uploads l0engine.io.guard
l0engine.io
l0engine.runs l0engine.runs.database l0engine.runs.files l0engine.runs.records
l0engine.runs.shelf
l0engine.runs.points
l0engine.runs.store
l0engine.runs.supervisor l0engine.runs.worker
l0engine.runs.sweeps
l0engine.studies l0engine.studies.study
l0engine.studies.samples
l0engine.studies.shelf l0engine.studies.worker
l0engine.studies.datasets
l0engine.studies.feature_table l0engine.studies.choosers
l0engine.studies.comparison
l0engine.studies.features
l0engine.studies.images
l0engine.studies.networks
l0engine.studies.living
l0engine.studies.pruning_files
l0engine.studies.pruning_run
l0engine.studies.pruning
l0engine.__main__
dashboard dashboard.wording
dashboard.figures dashboard.figures.axes dashboard.figures.theme
dashboard.figures.bins dashboard.figures.setting_names
dashboard.figures.frontier_point
dashboard.figures.frontier
dashboard.figures.base_errors dashboard.figures.composition dashboard.figures.error_fan dashboard.figures.estimates dashboard.figures.gates \
    dashboard.figures.kept dashboard.figures.frontier_answer dashboard.figures.method_bars dashboard.figures.trade_off dashboard.figures.sweep \
    dashboard.figures.overlap dashboard.figures.loss dashboard.figures.refit_effect dashboard.figures.weight_change \
    dashboard.figures.weight_concentration
dashboard.figures.sample_figures dashboard.figures.sample_gates dashboard.figures.sample_distribution dashboard.figures.sample_map dashboard.figures.sample_pyramid
dashboard.figures.sample_progress
dashboard.figures.feature_gates dashboard.figures.feature_scores dashboard.figures.feature_bars
dashboard.figures.feature_truth
dashboard.figures.pruning_accuracy dashboard.figures.pruning_network dashboard.figures.pruning_pixels dashboard.figures.pruning_examples
dashboard.figures.pruning_alive dashboard.figures.pruning_loss dashboard.figures.pruning_size
dashboard.studies
dashboard.state
dashboard.components dashboard.components.chart dashboard.components.live_plot dashboard.components.layout dashboard.components.limits_list
dashboard.components.config_form dashboard.components.downloads dashboard.components.live_panel dashboard.components.outcome \
    dashboard.components.preflight_list dashboard.components.problem_facts dashboard.components.sidebar
dashboard.components.study_panel dashboard.components.table_picker dashboard.components.sample_columns
dashboard.components.sample_form dashboard.components.sample_who
dashboard.components.sample_view
dashboard.components.feature_form dashboard.components.feature_tables
dashboard.components.feature_view
dashboard.components.pruning_images dashboard.components.pruning_words
dashboard.components.pruning_form dashboard.components.pruning_view
dashboard.components.frontier_form dashboard.components.frontier_view dashboard.components.sweep_panel
dashboard.app_pages.data dashboard.app_pages.calibrate dashboard.app_pages.frontier dashboard.app_pages.results
dashboard.app_pages.samples
dashboard.app_pages.features
dashboard.app_pages.pruning
dashboard.app
"""
PLACE = {module: i for i, line in enumerate(LAYERS.replace("\\\n", "").strip().splitlines()) for module in line.split()}


class Import(NamedTuple):
    """One import: the module that stands behind it, the line, and whether it runs as soon as the file is imported."""

    module: str
    line: int
    at_once: bool


def _name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


TREES = {_name(path): ast.parse(path.read_text(), str(path)) for top in ("l0engine", "dashboard") for path in (ROOT / top).rglob("*.py")}


def _is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def _statements(tree: ast.AST, at_once: bool = True) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    """All imports but those for type checkers, which never run; those inside functions run later."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node, at_once
        elif _is_type_checking(node):
            for other in node.orelse:  # type: ignore[attr-defined]
                yield from _statements(other, at_once)
        else:
            yield from _statements(node, at_once and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda))


def _homes(package: str) -> dict[str, str]:
    """Where the names of a lazy package come from, as its TYPE_CHECKING block tells the type checker."""
    blocks = [node for node in TREES[package].body if _is_type_checking(node)]
    return {a.name: str(i.module) for b in blocks for i in b.body if isinstance(i, ast.ImportFrom) for a in i.names}  # type: ignore[attr-defined]


def _behind(statement: ast.Import | ast.ImportFrom) -> Iterator[str]:
    """Modules that a statement needs; a lazy package's names count as imports of their homes."""
    if isinstance(statement, ast.Import):
        yield from (a.name for a in statement.names)
        return
    assert statement.level == 0 and statement.module, f"line {statement.lineno}: imports are absolute"
    for alias in statement.names:
        assert alias.name != "*", f"line {statement.lineno}: names are imported one by one"
        inner = f"{statement.module}.{alias.name}"
        home = _homes(statement.module).get(alias.name) if statement.module in TREES else None
        yield inner if inner in TREES else home or statement.module


def _imports(module: str) -> list[Import]:
    return [Import(m, s.lineno, at_once) for s, at_once in _statements(TREES[module]) for m in _behind(s)]


IMPORTS = {module: _imports(module) for module in TREES}


def _offenders(modules: Iterator[str] | list[str], *forbidden: str) -> list[str]:
    """Places in `modules` that import one of the forbidden packages, or a part of one."""
    return [
        f"{m}, line {i.line}: {i.module}"
        for m in modules
        for i in IMPORTS[m]
        if any((i.module + ".").startswith(f + ".") for f in forbidden)
    ]


def test_every_module_has_its_place_and_every_place_its_module():
    assert sorted(PLACE) == sorted(TREES)


@pytest.mark.parametrize("module", sorted(TREES))
def test_imports_go_to_earlier_layers_only(module):
    own = [i for i in IMPORTS[module] if i.module.split(".")[0] in ("l0engine", "dashboard")]
    assert [f"line {i.line}: {i.module}" for i in own if PLACE.get(i.module, len(PLACE)) >= PLACE[module]] == []


def test_the_engine_knows_no_dashboard():
    assert _offenders([m for m in TREES if m.startswith("l0engine")], "streamlit", "plotly", "dashboard") == []


def test_the_dashboard_holds_no_mathematics():
    dashboard = [m for m in TREES if m.startswith("dashboard")]
    assert _offenders(dashboard, "torch", "scipy", "sklearn") == []
    assert _offenders(dashboard, *(m for m in TREES if any(i.module.split(".")[0] == "torch" for i in IMPORTS[m]))) == []


def test_figures_know_no_streamlit():
    assert _offenders([m for m in TREES if m.startswith(("dashboard.figures", "dashboard.wording"))], "streamlit") == []


def test_nothing_the_server_imports_loads_torch():
    reached, waiting = set(), [m for m in TREES if m.startswith("dashboard") or m == "l0engine.runs.supervisor"]
    while waiting:
        module = waiting.pop()
        if module in TREES and module not in reached:
            reached.add(module)
            waiting += [i.module for i in IMPORTS[module] if i.at_once]
    assert "l0engine.io.folder" in reached  # the walk walks
    assert [m for m in sorted(reached) for i in IMPORTS[m] if i.at_once and i.module.split(".")[0] == "torch"] == []


def test_nothing_is_unpickled():
    assert _offenders(list(TREES), "pickle", "dill", "joblib", "cloudpickle", "shelve", "marshal") == []
    keywords = [(m, k) for m, tree in TREES.items() for k in ast.walk(tree) if isinstance(k, ast.keyword) and k.arg == "allow_pickle"]
    assert keywords, "the readers say allow_pickle=False"
    assert [m for m, k in keywords if not (isinstance(k.value, ast.Constant) and k.value.value is False)] == []


def test_only_the_command_line_prints():
    calls = [
        f"{m}, line {n.lineno}"
        for m, tree in TREES.items()
        if m != "l0engine.__main__"
        for n in ast.walk(tree)
        if isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id == "print"
    ]
    assert calls == []


def test_large_objects_are_never_handed_to_cache_data():
    uses = [
        f"{m}, line {n.lineno}"
        for m, tree in TREES.items()
        for n in ast.walk(tree)
        if (isinstance(n, ast.Attribute) and n.attr == "cache_data") or (isinstance(n, ast.Name) and n.id == "cache_data")
    ]
    assert uses == []


@pytest.mark.parametrize("package", ["l0engine", "l0engine.calibration", "l0engine.selection"])
def test_lazy_names_come_from_where_the_type_checker_sees_them(package):
    call = next(n for n in ast.walk(TREES[package]) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id == "importer")
    table = ast.literal_eval(call.args[1])
    assert {name: f"{package}.{home}" for home, names in table.items() for name in names} == _homes(package)


def test_session_keys_and_query_parameters_have_one_home():
    """Query parameters are named in state.py only."""
    uses = [m for m, tree in TREES.items() for n in ast.walk(tree) if isinstance(n, ast.Attribute) and n.attr == "query_params"]
    assert set(uses) == {"dashboard.state"}
