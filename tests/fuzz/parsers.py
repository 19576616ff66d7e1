"""A fuzzer guided by coverage for each parser: ``python tests/fuzz/parsers.py PARSER [SECONDS]``; needs ``pip install atheris``.

It begins with the valid files of `mutants` and reports what is no ProblemError, takes more than 2 s, or kills the process; the input is
left in the current folder as crash-* or timeout-*. What it has found is a test: `tests/io/test_io_hostile.py`, 'found by fuzzing'.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

HERE = Path(__file__).parent.parent
sys.path[:0] = [str(HERE), str(HERE / "io"), str(HERE.parent)]

with atheris.instrument_imports(include=["l0engine.io", "numpy.lib", "zipfile", "gzip"]):
    from l0engine.io import load_problem
    from l0engine.io.images import read_images
    from l0engine.io.logs import read_log
    from l0engine.io.tables import read_table

from mutants import seeds  # noqa: E402

from l0engine.errors import ProblemError  # noqa: E402

#: Parser: the seeds it begins with.
PARSERS = {
    "npz": ["csr", "coo", "dense", "alone"], "ordered": ["ordered"], "mtx": ["mtx"], "csv": ["targets", "long csv"], "parquet": ["households", "long parquet"],
    "xlsx": ["xlsx"], "dta": ["dta"], "sav": ["sav"], "sas7bdat": ["sas"], "rds": ["rds"], "arrow": ["arrow"], "images": ["dense"],
    "log": ["targets"],
}  # fmt: skip


def main(parser: str, seconds: int) -> None:
    first = [next(iter(seeds()[kind].items())) for kind in PARSERS[parser]]
    rest = dict(list(seeds()[PARSERS[parser][0]].items())[1:])
    name = first[0][0]
    with tempfile.TemporaryDirectory() as scratch:
        folder, corpus = Path(scratch, "problem"), Path(scratch, "corpus")
        folder.mkdir()
        corpus.mkdir()
        for other, content in rest.items():
            (folder / other).write_bytes(content)
        for i, (_, content) in enumerate(first):
            (corpus / str(i)).write_bytes(content)

        def read(data: bytes) -> None:
            (folder / name).write_bytes(data)
            try:
                if parser in ("npz", "ordered", "mtx", "csv", "parquet"):
                    load_problem(folder)
                else:
                    {"images": read_images, "log": read_log}.get(parser, read_table)(folder / name)
            except ProblemError as e:
                assert "\n" not in str(e) and str(e).endswith("."), str(e)

        atheris.Setup([sys.argv[0], str(corpus), f"-max_total_time={seconds}", "-timeout=2", "-rss_limit_mb=3000", "-max_len=65536"], read)
        atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 600)
