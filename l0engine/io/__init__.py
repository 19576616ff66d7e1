"""Problems in from files, results out to files; nothing that came from outside is trusted."""

from l0engine.io.exports import (
    csv_bytes,
    frontier_table,
    point_summary,
    run_summary,
    targets_table,
    weights_table,
    write_frontier,
    write_run,
)
from l0engine.io.folder import load_problem
from l0engine.io.guarded import load_guarded, table_guarded
from l0engine.io.saving import save_problem, save_table
from l0engine.io.uploads import Recognised, recognise_uploads, upload_title

__all__ = [
    "Recognised",
    "csv_bytes",
    "frontier_table",
    "load_guarded",
    "load_problem",
    "point_summary",
    "recognise_uploads",
    "run_summary",
    "save_problem",
    "save_table",
    "table_guarded",
    "targets_table",
    "upload_title",
    "weights_table",
    "write_frontier",
    "write_run",
]
