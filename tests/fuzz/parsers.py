"""A fuzzer guided by coverage for each parser: ``python tests/fuzz/parsers.py PARSER [SECONDS]``; needs ``pip install atheris``.

It begins with the valid files of `mutants` and reports what is no ProblemError, takes more than 2 s, or kills the process; the input is
left in the current folder as crash-* or timeout-*. What it has found is kept among the tests as 'found by fuzzing'.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
from pathlib import Path

import atheris

HERE = Path(__file__).parent.parent
sys.path[:0] = [str(HERE), str(HERE / "io"), str(HERE.parent)]

with atheris.instrument_imports(include=["l0engine.io"]):
    from l0engine.io.images import read_images
    from l0engine.io.logs import read_log
    from l0engine.io.matrices.mtx import read_mtx
    from l0engine.io.matrices.npz import read_npz
    from l0engine.io.matrices.ordered import read_ordered
    from l0engine.io.tables import frame, read_table

from mutants import seeds  # noqa: E402

from l0engine.errors import ProblemError  # noqa: E402


def anything(rows: int, columns: int, entries: int) -> None:
    """No other file says how large a matrix is."""
    if columns > entries + 500_000:
        raise ProblemError("x: too wide: no.")


def values(path: Path) -> None:
    """All columns, as text and as numbers."""
    table = read_table(path)
    frame(table)
    for name in table.columns:
        with contextlib.suppress(ProblemError):
            table.numbers(name)
        with contextlib.suppress(ProblemError):
            table.texts(name)


#: Parser: the seeds it begins with, and the reader.
PARSERS = {
    "npz": (["csr", "coo", "dense", "alone"], lambda path: read_npz(path, anything)),
    "ordered": (["ordered"], read_ordered),
    "mtx": (["mtx"], lambda path: read_mtx(path, anything)),
    "images": (["dense"], read_images),
    "log": (["targets"], read_log),
    **{kind: ([seed], values) for kind, seed in (("csv", "targets"), ("parquet", "households"), ("xlsx", "xlsx"), ("dta", "dta"))},
    **{kind: ([seed], values) for kind, seed in (("sav", "sav"), ("sas7bdat", "sas"), ("rds", "rds"), ("arrow", "arrow"))},
}


def main(parser: str, seconds: int) -> None:
    kinds, reader = PARSERS[parser]
    with tempfile.TemporaryDirectory() as scratch:
        corpus = Path(scratch, "corpus")
        corpus.mkdir()
        for kind in kinds:
            name, content = next(iter(seeds()[kind].items()))
            (corpus / kind).write_bytes(content)
        path = Path(scratch, name)

        def read(data: bytes) -> None:
            path.write_bytes(data)
            try:
                reader(path)
            except ProblemError as e:
                assert "\n" not in str(e) and str(e).endswith("."), str(e)

        atheris.Setup([sys.argv[0], str(corpus), f"-max_total_time={seconds}", "-timeout=2", "-rss_limit_mb=3000", "-max_len=65536"], read)
        atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 600)
