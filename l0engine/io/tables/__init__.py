"""Tables: files of rows and columns as people have them, read in one way or asked about."""

from l0engine.errors import AmbiguousTable
from l0engine.io.tables.frames import attributes, frame
from l0engine.io.tables.read import TABLES, TEXT, column_names, ending, read_table
from l0engine.io.tables.reading import Reading
from l0engine.io.tables.table import Table

__all__ = ["TABLES", "TEXT", "AmbiguousTable", "Reading", "Table", "attributes", "column_names", "ending", "frame", "read_table"]
