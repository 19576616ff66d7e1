"""Problems in from files, results out to files; nothing that came from outside is trusted."""

from l0engine.io.exports import (
    csv_bytes,
    frontier_table,
    targets_table,
    weights_table,
    write_frontier,
    write_run,
)
from l0engine.io.folder import load_problem
from l0engine.io.guarded import load_guarded, table_guarded, upload_guarded
from l0engine.io.matrices.ordered import solution_bytes
from l0engine.io.saving import save_problem, save_table
from l0engine.io.summaries import point_summary, run_summary
from l0engine.io.uploads import Recognised, recognise_uploads, upload_title

# In
__all__ = ["Recognised", "load_guarded", "load_problem", "recognise_uploads", "table_guarded", "upload_guarded", "upload_title"]
# Out
__all__ += ["csv_bytes", "frontier_table", "point_summary", "run_summary", "save_problem", "save_table", "solution_bytes"]
__all__ += ["targets_table", "weights_table", "write_frontier", "write_run"]
