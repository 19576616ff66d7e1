"""From tables: a table of households and one of published totals become a problem, without a matrix."""

import streamlit as st

from dashboard import state
from dashboard.build import check, definition, files, survey
from dashboard.kit import question
from dashboard.state import building
from l0engine.errors import AmbiguousRecipe, L0Error
from l0engine.io import upload_title
from l0engine.io.build import controls_in

st.title("From tables")
st.markdown("Two tables are enough: one with a row for each **household** of a survey, one with the **totals** it should add up to.")
files.take()
now = building.building()
if not now.tables:
    st.info("Drop both tables above. What the totals count, and of whom, is proposed from their columns.", icon=":material/table:")
    files.example()
    st.stop()
files.show(now)
said = state.held("build_guess")
if told := state.held("build_controls"):
    st.success(told, icon=":material/check:")
    state.hold("build_controls", None)
if said and (controls_in(now.frames) or said.startswith("The recipe") or now.recipe is None or not now.recipe.targets):
    st.error(said, icon=":material/error:")
if now.recipe is None or now.recipe.households not in now.tables:
    st.info("Add the other table: a recipe needs households and totals.", icon=":material/hourglass_empty:")
    st.stop()

st.subheader("Households")
recipe, frames = survey.show(now.recipe, now.frames), now.frames
st.subheader("Targets")
built, problem_said, asked = None, "", None
matches = {}
try:
    built = now.built()
    matches = {m.name: m for m in built.matches}
except AmbiguousRecipe as error:
    asked = error
except L0Error as error:
    problem_said = str(error)
recipe = definition.show_all(recipe, frames, matches, {} if built is None else built.far)
if recipe != now.recipe:
    building.set_recipe(recipe)
    st.rerun()
st.subheader("Check")
if asked is not None:
    if (answer := question.ask(asked, f"build_blank_{asked.setting}")) is not None:
        building.rewrite(recipe.taking({asked.setting: {"": answer}}))
        st.rerun()
elif built is None:
    st.error(problem_said, icon=":material/error:")
else:
    check.show(built)
shape = (0, 0) if built is None else (built.problem.n_targets, built.problem.n_households)
check.onward(built, recipe, upload_title([recipe.households], *shape, {known.title for known in state.store().problems()}))
