"""Sample gates: rows of a table that stand for all of them, chosen by gates, beside random, stratified and balanced samples."""

from dashboard.kit import study_page
from dashboard.samples import form, view

question = "Choose a few rows of a table so that their plain averages are those of all rows."
study_page.show("samples", "Sample gates", question, "Sample", "Another sample", form, view)
