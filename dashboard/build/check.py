"""What the tables make: its size, how far off the survey is, margins that disagree, and the ways on."""

from __future__ import annotations

import numpy as np
import streamlit as st

from dashboard import state
from dashboard.data.figures import base_errors
from dashboard.kit import layout, wording
from dashboard.kit.chart import chart
from dashboard.kit.download import download
from dashboard.state import building
from l0engine.calibration.metrics import relative_errors
from l0engine.calibration.problem.preflight import THIN
from l0engine.io.build import Built, Recipe


def show(built: Built) -> None:
    """Figures, disagreements, and the picture of errors at base weights."""
    problem = built.problem
    errors = np.abs(relative_errors(problem, problem.start_weights))
    thin = int((problem.support < THIN).sum())
    figures = {
        "Targets": (wording.count(problem.n_targets), "Published totals that met a category of the survey."),
        "Households": (wording.count(problem.n_households), "Rows of the table of households."),
        "Median error": (wording.percent(float(np.median(errors))), "Of the targets at base weights: half of them are closer than this."),
        "Thin targets": (wording.count(thin), f"Fewer than {THIN} households count in them, so those get extreme weights."),
    }
    layout.metrics(figures, key="built", narrowest=130)
    for words in built.remarks:
        st.caption(f":material/swap_horiz: {words}")
    for i, d in enumerate(built.disagreements):
        with st.container(border=True):
            st.markdown(f":material/warning: {d.sentence}")
            if d.first != d.second:
                for scaled, to in ((d.second, d.first), (d.first, d.second)):
                    if st.button(f"Scale '{scaled}' to '{to}'", key=f"scale_{i}_{scaled}_{building.version()}"):
                        building.rewrite(built.recipe.changed(scaled, scale_to=to))
                        st.rerun()
    for target in built.recipe.targets:
        if target.scale_to:
            words, undo = layout.columns([5, 1], key=f"scaled_{target.name}", narrowest=100, align="center")
            words.caption(f":material/straighten: '{target.name}' is scaled to the sums of '{target.scale_to}'.")
            if undo.button("Undo", key=f"unscale_{target.name}", type="tertiary"):
                building.rewrite(built.recipe.changed(target.name, scale_to=""))
                st.rerun()
    chart(base_errors.plot, base_errors.info(problem), "built_errors", "Error of each target at base weights, by group")


def onward(built: Built | None, recipe: Recipe, proposed: str) -> None:
    """The name of the problem, the way to Calibrate, and the recipe to take away."""
    name, go, keep = layout.columns([3, 2, 2], key="onward", narrowest=170, align="bottom")
    title = name.text_input("Name of the problem", placeholder=proposed, key="build_title")
    why = None if built is not None else "Mend what is said above first."
    if go.button("Use this problem", type="primary", icon=":material/arrow_forward:", disabled=why is not None, help=why, width="stretch"):
        assert built is not None  # the button is disabled without
        state.open_built(built.problem, recipe.to_toml(), title.strip() or proposed)
        st.switch_page("app_pages/calibrate.py")
    words = "How the targets are made of the tables: edit it, or use it on next year's files."
    download("recipe.toml", lambda: recipe.to_toml().encode(), "recipe.toml", "application/toml", words, first=False, place=keep)
