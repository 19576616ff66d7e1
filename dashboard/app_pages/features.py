"""Feature gates: a few columns that predict another one as well as all do, beside other ways of choosing them."""

from dashboard.features import form, view
from dashboard.kit import study_page

question = "Which few columns predict another one as well as all of them? Every feature gets a gate, and gates are held to a number."
study_page.show("features", "Feature gates", question, "Choose features", "Another choice", form, view)
