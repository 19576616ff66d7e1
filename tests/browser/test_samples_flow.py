"""Samples in a real browser: a table is uploaded, a hybrid sample chosen, its rows downloaded; what stands there outlives a reload."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest
from tabs import download, once, press, settle

N = 900
VERDICT = f"of {N} rows reproduce all"


def people():
    rng = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "person": [f"p{i}" for i in range(N)],
            "sex": rng.choice(["female", "male"], N),
            "age": rng.integers(0, 95, N),
            "income": rng.lognormal(10, 1, N).round(2),
            "state": rng.choice(["CA", "NY", "TX"], N),
        }
    )


@pytest.mark.slow  # the same without a browser: tests/dashboard/test_samples_page.py
def test_from_an_uploaded_table_to_the_chosen_rows(server, open_tab):
    frame = people()
    page = open_tab(server.url)  # the address of the front page: the others come by the menu
    page.get_by_role("link", name="Sample gates").click()
    page.wait_for_selector("h1:has-text('Sample gates')")
    page.get_by_role("button", name="Choose the sample", exact=True).wait_for()
    settle(page)
    file = {"name": "people.csv", "mimeType": "text/csv", "buffer": frame.to_csv(index=False).encode()}
    page.locator('[data-testid="stFileUploaderDropzoneInput"]').set_input_files(file)
    page.get_by_text("Not offered: person (900 different texts)").wait_for()
    settle(page)
    page.get_by_text("Hybrid", exact=True).click()
    page.get_by_text("Chosen by gates").wait_for()
    size = page.get_by_role("spinbutton", name="Rows in the sample")
    size.fill("120")
    size.press("Enter")
    settle(page)
    press(page, "Choose the sample")
    page.get_by_text(VERDICT).wait_for()
    once(page, "document.querySelectorAll('.js-plotly-plot').length === 6")
    assert page.get_by_text("people.csv · 30 chosen by gates, 90 drawn at random").count() == 1

    rows = pd.read_csv(io.BytesIO(download(page, "Download the chosen rows")))
    assert rows.selection.value_counts().to_dict() == {"random": 90, "l0": 30}
    expected = frame.set_index("person").loc[rows.person].reset_index()
    pd.testing.assert_frame_equal(rows.drop(columns="selection"), expected, check_dtype=False)
    off = abs(rows.income.mean() - frame.income.mean()) / frame.income.std()
    assert rows.person.is_unique and off < 0.02

    page.reload()
    page.get_by_text(VERDICT).wait_for()
    settle(page)
    page.get_by_role("combobox", name="Column to compare").click()
    page.get_by_role("option", name="sex", exact=True).click()
    page.get_by_text("Full table and sample: sex").wait_for()
