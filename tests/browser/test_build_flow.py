"""From two files without a matrix to weights.csv, in a real browser: every click is counted, the files are messy, the weights add up."""

from __future__ import annotations

import io
import time

import numpy as np
import pandas as pd
import pytest
from tabs import VERDICT, download, press, settle

#: What the issue asks of a person without a matrix.
CLICKS, SECONDS = 12, 180
N = 600


def tables():
    """A survey as a German office would save it, and totals with a title, a sum at the end and a source."""
    rng = np.random.default_rng(11)
    frame = pd.DataFrame(
        {
            "hh_id": [f"{i:04d}" for i in range(1, N + 1)],
            "region": rng.choice(["Nord", "Süd", "West"], N),
            "tenure": rng.choice(["owner", "tenant"], N),
            "weight": rng.uniform(80, 240, N).round(2),
        }
    )
    survey = frame.to_csv(index=False, sep=";", decimal=",").encode("cp1252")
    true = frame["weight"] * rng.uniform(0.6, 1.4, N)
    totals = true.groupby([frame["region"], frame["tenure"]]).sum().round().astype(int)
    lines = ["Households by region and tenure 2025", "", "Region,Tenure,Households"]
    lines += [f'{region},{tenure},"{value:,}"' for (region, tenure), value in totals.items()]
    lines += [f'Total,,"{totals.sum():,}"', "", "Source: register of dwellings"]
    return frame, survey, totals, "\n".join(lines).encode()


@pytest.mark.slow  # the same without a browser: tests/dashboard/test_build_page.py
def test_from_two_files_to_weights(server, open_tab):
    frame, survey, totals, published = tables()
    page = open_tab(server.url)
    started, clicks = time.monotonic(), 0
    page.get_by_role("link", name="From tables", exact=True).click()
    page.wait_for_selector("h1:has-text('From tables')")
    settle(page)
    files = [
        {"name": "umfrage.csv", "mimeType": "text/csv", "buffer": survey},
        {"name": "totals.csv", "mimeType": "text/csv", "buffer": published},
    ]
    page.locator('[data-testid="stFileUploaderDropzoneInput"]').set_input_files(files)  # type: ignore[arg-type]
    clicks += 3  # the link, the uploader, the files in the dialogue of the system
    for answer in ("'Total, 94,720' is left out", "'17,211' is 17,211"):  # a last row, and commas, that may mean either
        page.get_by_text(answer).click()
        settle(page)
        press(page, "Read it so")
        page.mouse.move(5, 5)  # as a hand does: a hint on the next question's button would cover its answers
        clicks += 2
    page.get_by_text("6 of 6 totals became targets").wait_for()
    settle(page)
    press(page, "Use this problem")
    page.wait_for_selector("h1:has-text('Calibrate')")
    page.get_by_role("button", name="Start", exact=True).wait_for()
    settle(page)
    press(page, "Start")
    page.get_by_text(VERDICT).wait_for()
    content = download(page, "weights.csv")
    clicks += 3
    assert clicks <= CLICKS and time.monotonic() - started < SECONDS
    weights = pd.read_csv(io.BytesIO(content), dtype={"household_id": str}).set_index("household_id")["weight"]
    kept = frame.set_index("hh_id").loc[weights.index]
    found = weights.groupby([kept["region"], kept["tenure"]]).sum()
    np.testing.assert_allclose(found[totals.index], totals, rtol=0.02)
