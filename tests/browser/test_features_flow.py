"""Feature gates in a real browser: choose data, start, read the verdict, take the features home."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
from tabs import download, press, settle
from waiting import until

from l0engine.jobs.store import Store
from l0engine.studies.features.settings import FeatureStudy


def test_from_a_data_set_to_the_chosen_features(server, open_tab):
    page = open_tab(f"{server.url}/features")
    page.get_by_role("button", name="Choose the features", exact=True).wait_for()
    settle(page)
    page.get_by_role("combobox", name="Data").click()
    page.get_by_role("option", name="Breast cancer").click()
    page.get_by_text("Predicts diagnosis").wait_for()
    settle(page)
    wanted = page.get_by_role("spinbutton", name="Features wanted")
    wanted.fill("4")
    wanted.press("Enter")
    settle(page)
    press(page, "Choose the features")
    name = str(page.wait_for_function("new URLSearchParams(location.search).get('features')").json_value())
    store = Store(server.home)
    page.wait_for_function(  # the gates of a running study are drawn
        "document.querySelector('.live-plot')?.data?.length > 1 || document.querySelector('[data-testid=stHeading] h3')"
    )
    until(lambda: store.job(name).status.ended, story=lambda: store.job(name))
    record = store.job(name)
    assert record.task == FeatureStudy("breast_cancer", 4)
    result = record.result
    mean = result.scores["accuracy"]["gates"].mean[-1]
    page.get_by_role("heading", name="4 of 30 features predict").wait_for()
    assert f"accuracy {mean:.3f} ±" in page.get_by_role("heading", name="4 of 30 features predict").inner_text()
    settle(page)
    page.wait_for_function("document.querySelectorAll('.js-plotly-plot').length === 3")
    chosen = pd.read_csv(io.BytesIO(download(page, "Chosen features (CSV)")))
    assert chosen["name"].tolist() == [*result.names, "(intercept)"] and chosen["rank"].tolist()[:4] == [1, 2, 3, 4]
    np.testing.assert_allclose(chosen["coefficient"], np.append(np.ravel(result.coefficients), result.intercept))
    np.testing.assert_allclose(chosen["gate_probability"][:4], result.gates)
    scores = pd.read_csv(io.BytesIO(download(page, "Scores (CSV)")))
    ours = scores.query("measure == 'log loss' and method == 'rfe'")
    np.testing.assert_allclose(ours["mean"], result.scores["log loss"]["rfe"].mean)
    page.reload()
    page.get_by_role("heading", name="4 of 30 features predict").wait_for()
