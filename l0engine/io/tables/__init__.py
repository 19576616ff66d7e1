"""Tables in the kinds of file that people have, as columns of checked text and checked numbers."""

from l0engine.io.tables.table import Table, column_names, read_table

__all__ = ["Table", "column_names", "read_table"]
