"""The form of feature gates: which data, which column is to be predicted, from how many features."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

from dashboard.kit import jobs, layout, picker, wording
from dashboard.state.uploads import TABLES, table
from l0engine.errors import ConfigError, L0Error
from l0engine.studies.features.datasets import DATA_SETS
from l0engine.studies.features.settings import FeatureStudy

_PLANTED = "planted"
_TASKS = {"Decided by the target": "auto", "Regression": "regression", "Classification": "classification"}
_WANTED = 5


def show() -> None:
    """Entry fields and the button that starts it."""
    source = _source()
    table = Path(source) if source not in (*DATA_SETS, _PLANTED) else None
    try:
        settings = _of_table(source) if table else _of_planted() if source == _PLANTED else {"source": source}
        most = _most(settings)
        count, go, words = layout.columns([2, 2, 5], key="feature_start", narrowest=150, gap="medium", align="bottom")
        wanted = count.number_input(
            "Features wanted", 1, None, min(settings.get("true", _WANTED), most), persist_state="session",
            key=f"feature_count_{source}_{settings.get('true')}", help="Gates are held to this number; smaller ones are compared as well.",
        )  # fmt: skip
        if wanted > most:
            raise ConfigError(
                f"{wording.count(wanted)} of {wording.plural(most, 'feature')} are impossible: choose from 1 to {wording.count(most)}."
            )
    except L0Error as error:
        st.error(str(error), icon=":material/error:")
        return
    words.caption(
        "Ten folds are held out in turn; L1 path, univariate selection and recursive elimination choose as many from the same rows."
    )
    if go.button("Choose the features", type="primary", icon=":material/checklist:", width="stretch"):
        jobs.start(FeatureStudy(count=int(wanted), **settings), {"table.parquet": table} if table else None)


def _source() -> str:
    """A name of a bundled data set, 'planted', or the path of a table."""
    source, _, below = picker.pick(
        TABLES, _titles, key="feature_source", label="Data", upload="Or upload a table", help="Rows with named columns."
    )
    if source in DATA_SETS:
        below.caption(f"Predicts **{DATA_SETS[source].target}** ({DATA_SETS[source].task}). Ships with scikit-learn.")
    return source


def _titles() -> dict[str, str]:
    titles = {
        name: f"{d.title} · {wording.plural(d.rows, 'row')}, {wording.plural(d.features, 'feature')}" for name, d in DATA_SETS.items()
    }
    titles[_PLANTED] = "Planted truth · made up, so that the right answer is known"
    return titles | TABLES.titles()


def _of_planted() -> dict[str, Any]:
    rows, features, true, snr, correlation = layout.columns(5, key="feature_planted", narrowest=130)
    keep = {"persist_state": "session"}
    return {
        "source": _PLANTED,
        "rows": int(rows.number_input("Rows", 20, 20_000, 500, 100, key="feature_rows", **keep)),
        "features": int(features.number_input("Features", 2, 2_000, 1_000, 100, key="feature_features", **keep)),
        "true": int(true.number_input("True features", 1, 200, 10, key="feature_true", help="Each has a coefficient of +1 or −1.", **keep)),
        "snr": float(
            snr.number_input(
                "Signal to noise", 0.1, 100.0, 5.0, key="feature_snr", help="Variance of the signal over that of the noise.", **keep
            )
        ),
        "correlation": float(
            correlation.number_input("Correlation", 0.0, 0.95, 0.0, 0.1, key="feature_correlation", help="Of neighbours.", **keep)
        ),
    }  # fmt: skip


def _of_table(path: str) -> dict[str, Any]:
    target, task, missing = layout.columns([3, 3, 4], key="feature_table", narrowest=200, gap="medium", align="bottom")
    columns = [str(c) for c in table(path).columns]
    name = target.selectbox(
        "Target", columns, len(columns) - 1, key=f"feature_target_{path}", persist_state="session", help="The column to predict."
    )
    how = task.selectbox(
        "Task", list(_TASKS), key="feature_task", persist_state="session", help="Text, or two values, make a classification."
    )
    drop = missing.checkbox("Leave out rows with missing values", key="feature_drop", persist_state="session")
    return {"source": "table", "title": TABLES.titles()[path], "target": name, "task": _TASKS[how], "drop_missing": drop}


def _most(settings: dict[str, Any]) -> int:
    """The largest number of features that can be wanted, as far as the form knows."""
    if settings["source"] in DATA_SETS:
        return DATA_SETS[settings["source"]].features
    if settings["source"] != _PLANTED:
        return 2_000  # text columns become several features: the study says how many there are
    if settings["true"] > settings["features"]:
        raise ConfigError(
            f"{settings['true']} true features of {settings['features']} are impossible: choose a number from 1 to {settings['features']}."
        )
    return int(settings["features"])
