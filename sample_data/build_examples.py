"""The finished examples on the pages Sample gates, Feature gates and Pruning: run by the engine, kept in examples/.

python sample_data/build_examples.py
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from l0engine.jobs import example
from l0engine.jobs.execution import Execution
from l0engine.jobs.store import Store
from l0engine.studies.features.settings import FeatureStudy
from l0engine.studies.pruning.settings import PruningStudy
from l0engine.studies.samples.settings import SampleStudy

HERE = Path(__file__).parent
TABLE = HERE / "massachusetts" / "households.parquet"
STUDIES = {
    "samples": (
        SampleStudy(
            n=200,
            means=("persons", "agi_2022", "head_age"),
            shares=("filing_status", "children"),
            quantiles=("agi_2022",),
            title="Households: Massachusetts",
        ),
        {"table.parquet": TABLE},
    ),
    "features": (FeatureStudy("diabetes", 5), None),
    "pruning": (PruningStudy(hidden=64, epochs=100), None),
}


def main() -> None:
    for name, (study, inputs) in STUDIES.items():
        with tempfile.TemporaryDirectory() as home:
            store = Store(Path(home))
            job = store.queue(study, inputs)
            claimed = store.claim_next()
            assert claimed is not None
            status = Execution(store, store.begin(claimed.id, os.getpid())).carry_out()
            assert status.has_result, store.job(job.id).sentence
            example.keep(store, job.id, HERE / "examples" / name)


if __name__ == "__main__":
    main()
