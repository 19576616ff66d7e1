"""Feature gates in a real browser: choose data, start, read the verdict, take the features home."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest
from tabs import asked, download, once, press, settle
from waiting import until

from l0engine.jobs.store import Store
from l0engine.studies.features.settings import FeatureStudy


@pytest.mark.slow  # the same without a browser: tests/dashboard/test_features_page.py
def test_from_a_data_set_to_the_chosen_features(server, open_tab):
    page = open_tab(f"{server.url}/features")
    page.get_by_role("button", name="Choose the features", exact=True).wait_for()
    settle(page)
    page.get_by_role("combobox", name="Data").click()
    page.get_by_role("option", name="Breast cancer").click()
    page.get_by_text("Predicts diagnosis").wait_for()
    settle(page)
    page.get_by_role("combobox", name="Data").click()
    page.get_by_role("option", name="Diabetes").click()
    page.get_by_text("Predicts progression").wait_for()
    settle(page)
    wanted = page.get_by_role("spinbutton", name="Features wanted")
    wanted.fill("3")
    wanted.press("Enter")
    settle(page)
    press(page, "Choose the features")
    name = asked(page, "features")
    store = Store(server.home)
    once(  # the gates of a running study are drawn
        page, "document.querySelector('.live-plot')?.data?.length > 1 || document.querySelector('[data-testid=stHeading] h3')"
    )
    until(lambda: store.job(name).status.ended, story=lambda: store.job(name))
    record = store.job(name)
    assert record.task == FeatureStudy("diabetes", 3)
    result = record.result
    mean = result.scores["R²"]["gates"].mean[-1]
    page.get_by_role("heading", name="3 of 10 features predict").wait_for()
    assert f"R² {mean:.2f} ±" in page.get_by_role("heading", name="3 of 10 features predict").inner_text()
    settle(page)
    once(page, "document.querySelectorAll('.js-plotly-plot').length === 3")
    chosen = pd.read_csv(io.BytesIO(download(page, "Chosen features (CSV)")))
    assert chosen["name"].tolist() == [*result.names, "(intercept)"] and chosen["rank"].tolist()[:3] == [1, 2, 3]
    np.testing.assert_allclose(chosen["coefficient"], np.append(np.ravel(result.coefficients), result.intercept))
    np.testing.assert_allclose(chosen["gate_probability"][:3], result.gates)
    scores = pd.read_csv(io.BytesIO(download(page, "Scores (CSV)")))
    ours = scores.query("measure == 'R²' and method == 'rfe'")
    np.testing.assert_allclose(ours["mean"], result.scores["R²"]["rfe"].mean)
