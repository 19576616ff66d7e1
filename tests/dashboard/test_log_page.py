"""Calibration log: the bundled run, and an uploaded one in the other form."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import uploads

from dashboard.kit.theme import LIGHT
from dashboard.log import words
from dashboard.log.figures import loss, path
from l0engine.io.logs import CalibrationLog

SAMPLE = uploads.SAMPLES / "massachusetts" / "calibration_log.csv"


def by_epoch() -> bytes:
    """Two epochs of two targets, one of them of no value."""
    table = pd.DataFrame({"epoch": [0, 0, 9, 9], "loss": [0.5, 0.5, 0.25, 0.25], "target_name": ["a/x", "a/y"] * 2})
    return table.assign(target=[100.0, 0.0] * 2, estimate=[150.0, 1.0, 104.0, 2.0]).to_csv().encode()


def test_data_leads_to_the_bundled_log(visit):
    table = pd.read_csv(SAMPLE)
    last = table[table["epoch"] == table["epoch"].max()]
    page = visit().to("log")
    assert page.title == "Calibration log" and not page.said("warning", "error")
    assert page.metrics["Targets"] == str(len(last)) == "35" and page.metrics["Epochs logged"] == str(table["epoch"].nunique())
    assert page.metrics["Loss"] == f"{last['loss'].mean():.3g}"
    assert page.metrics["Median error"] == f"{last['rel_abs_error'].median() * 100:.2g} %"
    worst = last.loc[last["rel_abs_error"].idxmax(), "target_name"]
    assert page.at.dataframe[0].value["target"].iloc[0] == worst and worst.split("/")[1] in page.chart("log_path")
    first = table[table["epoch"] == 20]
    page.choose("Epoch", 20)
    assert page.metrics["Median error"] == f"{first['rel_abs_error'].median() * 100:.2g} %"


def test_an_uploaded_log_becomes_the_choice(visit):
    page = visit("log")
    page.at.file_uploader[0].set_value(("run 7.csv", by_epoch(), "text/csv")).run()
    page.check()
    assert (page.metrics["Targets"], page.metrics["Epochs logged"]) == ("2", "2")
    assert (page.metrics["Loss"], page.metrics["Median error"], page.metrics["Within 10 %"]) == ("0.25", "4 %", "100 %")
    page.at.file_uploader[0].set_value(("bad.csv", b"epoch,loss\n1,2\n", "text/csv")).run()
    (said,) = page.check().said("error")
    assert r"column 'target\_name' is missing" in said and page.metrics["Targets"] == "2"


def test_figures_leave_gaps_where_nothing_is_known():
    log = CalibrationLog(
        np.array([1, 5]), np.array(["a", "b"], object), np.array([0.0, 4.0]), np.array([[np.nan, 5.0], [1.0, np.nan]]),
        np.array([np.nan, 0.1]), True, np.array([True, False]),
    )  # fmt: skip
    assert words.fan(log, 1).step.tolist() == [1] and words.known(log, 1).tolist() == []
    assert words.worst_first(log, 0).tolist() == [1, 0]
    seen = words.estimates(log, 1)
    assert seen.names.tolist() == ["a"] and not seen.use.any()
    for figure in (loss.plot(loss.info(log, 1), LIGHT), path.plot(path.info(log, 0, 1), LIGHT), path.plot(path.info(log, 1, 1), LIGHT)):
        json.loads(figure.to_json())
    assert loss.plot(loss.info(log, 1), LIGHT).data[0].y == (None, 0.1)
    assert "1 at epoch 5, published 0" in path.plot(path.info(log, 0, 1), LIGHT).layout.title.subtitle.text
