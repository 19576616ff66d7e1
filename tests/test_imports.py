"""Who may call whom, read from the syntax trees: imports go down the list of rooms, and no files import each other in a circle."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent

#: Folders, and files that stand alone, earliest first; a line is one level. A module belongs to the longest name that fits, and imports
#: from its own room and from lower levels.
ROOMS = """
l0engine.errors l0engine.lazy l0engine.draining l0engine.heeding l0engine.plain
l0engine.machine
l0engine
l0engine.hard_concrete l0engine.schedules l0engine.adam
l0engine.distributions
l0engine.arrays
l0engine.gates l0engine.penalties
l0engine.layers
l0engine.sparse_linear l0engine.selection l0engine.pruning l0engine.sparsify
l0engine.sparse
l0engine.calibration l0engine.calibration.losses
l0engine.calibration.config
l0engine.calibration.results
l0engine.calibration.problem
l0engine.calibration.metrics
l0engine.calibration.support.solvers
l0engine.calibration.support
l0engine.calibration.training l0engine.calibration.limits
l0engine.calibration.frontier l0engine.calibration.taken
l0engine.calibration.weights
l0engine.explain
l0engine.io
l0engine.jobs
l0engine.runs l0engine.report
l0engine.studies
l0engine.lessons
dashboard
dashboard.state
dashboard.kit
dashboard.data dashboard.samples dashboard.features dashboard.pruning
dashboard.build
dashboard.calibration
dashboard.frontier dashboard.log
dashboard.runs dashboard.learn
dashboard.results.figures
dashboard.report
dashboard.results
dashboard.app_pages dashboard.frame
dashboard.app
l0engine.commands
l0engine.__main__
""".strip().splitlines()
LEVEL = {room: level for level, line in enumerate(ROOMS) for room in line.split()}


def room(module: str) -> str:
    return max((r for r in LEVEL if (module + ".").startswith(r + ".")), key=len)


class Import(NamedTuple):
    """One import: the module that stands behind it, the line, and whether it runs as soon as the file is imported."""

    module: str
    line: int
    at_once: bool


def _name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


FILES = {_name(path): path for top in ("l0engine", "dashboard") for path in (ROOT / top).rglob("*.py")}


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(FILES[module].read_text(), str(FILES[module]))


@cache
def nodes(module: str) -> list[ast.AST]:
    return list(ast.walk(tree(module)))


def _is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def _statements(tree: ast.AST, at_once: bool = True) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    """All imports; those for type checkers and those inside functions run later."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node, at_once
        elif _is_type_checking(node):
            yield from _statements(node, at_once=False)
        elif not isinstance(node, ast.expr):  # in which no statement can be
            yield from _statements(node, at_once and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


@cache
def _homes(package: str) -> dict[str, str]:
    """Where the names of a lazy package come from, as its TYPE_CHECKING block tells the type checker."""
    blocks = [node for node in tree(package).body if _is_type_checking(node)]
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
        home = _homes(statement.module).get(alias.name) if statement.module in FILES else None
        yield inner if inner in FILES else home or statement.module


@cache
def is_lazy(module: str) -> bool:
    """Packages with names that are imported on first use say to the type checker where they come from; they need none of them."""
    return any(isinstance(node, ast.Call) and getattr(node.func, "id", "") == "importer" for node in nodes(module))


@cache
def imports(module: str) -> list[Import]:
    found = [Import(m, s.lineno, at_once) for s, at_once in _statements(tree(module)) for m in _behind(s)]
    return [i for i in found if i.at_once or not is_lazy(module)]


def _offenders(modules: Iterator[str] | list[str], *forbidden: str) -> list[str]:
    """Places in `modules` that import one of the forbidden packages, or a part of one."""
    return [
        f"{m}, line {i.line}: {i.module}"
        for m in modules
        for i in imports(m)
        if any((i.module + ".").startswith(f + ".") for f in forbidden)
    ]


def test_imports_go_down():
    up = [
        f"{module}, line {i.line}: {i.module}"
        for module in sorted(FILES)
        for i in imports(module)
        if i.module.split(".")[0] in ("l0engine", "dashboard")
        and room(i.module) != room(module)
        and LEVEL[room(i.module)] >= LEVEL[room(module)]
    ]
    assert up == []


def test_no_files_import_each_other_in_a_circle():
    TopologicalSorter({m: {i.module for i in imports(m)} for m in FILES}).prepare()  # a CycleError names the files


def test_the_engine_knows_no_dashboard():
    engine = [m for m in FILES if m.startswith("l0engine")]
    assert _offenders(engine, "streamlit", "plotly") == []
    assert {o.split(",")[0] for o in _offenders(engine, "dashboard")} <= {"l0engine.commands.report"}  # which asks for its pictures


def test_the_pictures_of_a_report_need_no_streamlit():
    assert _offenders([m for m in FILES if m.startswith("dashboard.report")], "streamlit") == []


def test_the_dashboard_holds_no_mathematics():
    dashboard = [m for m in FILES if m.startswith("dashboard")]
    assert _offenders(dashboard, "torch", "scipy", "sklearn") == []
    assert _offenders(dashboard, *(m for m in FILES if any(i.module.split(".")[0] == "torch" for i in imports(m)))) == []


def test_figures_know_no_streamlit():
    plain = {"dashboard.kit.setting_names", "dashboard.kit.theme", "dashboard.kit.wording"}
    figures = [m for m in FILES if ".figures." in m or m in plain]
    assert len(figures) > 30 and plain <= set(figures)
    assert _offenders(figures, "streamlit") == []


def test_nothing_the_server_imports_loads_torch():
    reached, waiting = set(), [m for m in FILES if m.startswith("dashboard") or m == "l0engine.jobs.supervisor"]
    while waiting:
        module = waiting.pop()
        if module in FILES and module not in reached:
            reached.add(module)
            waiting += [i.module for i in imports(module) if i.at_once]
    assert "l0engine.io.folder" in reached  # the walk walks
    assert [m for m in sorted(reached) for i in imports(m) if i.at_once and i.module.split(".")[0] == "torch"] == []


def test_nothing_is_unpickled():
    assert _offenders(list(FILES), "pickle", "dill", "joblib", "cloudpickle", "shelve", "marshal") == []
    keywords = [(m, k) for m in FILES for k in nodes(m) if isinstance(k, ast.keyword) and k.arg == "allow_pickle"]
    assert keywords, "the readers say allow_pickle=False"
    assert [m for m, k in keywords if not (isinstance(k.value, ast.Constant) and k.value.value is False)] == []


def test_only_the_command_line_prints():
    calls = [
        f"{m}, line {n.lineno}"
        for m in FILES
        if room(m) not in ("l0engine.__main__", "l0engine.commands")
        for n in nodes(m)
        if isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id == "print"
    ]
    assert calls == []


def test_large_objects_are_never_handed_to_cache_data():
    uses = [
        f"{m}, line {n.lineno}"
        for m in FILES
        for n in nodes(m)
        if (isinstance(n, ast.Attribute) and n.attr == "cache_data") or (isinstance(n, ast.Name) and n.id == "cache_data")
    ]
    assert uses == []


def test_lazy_names_come_from_where_the_type_checker_sees_them():
    packages = [m for m in FILES if is_lazy(m)]
    assert len(packages) > 5
    for package in packages:
        call = next(n for n in nodes(package) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id == "importer")
        table = ast.literal_eval(call.args[1])
        root = call.args[0].value if isinstance(call.args[0], ast.Constant) else package
        assert {name: f"{root}.{home}" for home, names in table.items() for name in names} == _homes(package), package


def test_session_keys_and_query_parameters_have_one_home():
    keys = {"query_params", "session_state"}
    uses = [(m, n.attr) for m in FILES for n in nodes(m) if isinstance(n, ast.Attribute) and n.attr in keys]
    assert {attr for _, attr in uses} == keys and all(room(m) == "dashboard.state" for m, _ in uses)
