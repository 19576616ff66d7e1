"""Calibration log: a run of PolicyEngine's, epoch by epoch and target by target. Data leads here."""

from functools import partial

import pandas as pd
import streamlit as st

from dashboard import state
from dashboard.calibration.figures import error_fan, estimates
from dashboard.kit import picker
from dashboard.kit.chart import chart, side_by_side
from dashboard.kit.layout import columns, metrics
from dashboard.log import words
from dashboard.log.figures import loss, path
from dashboard.state.uploads import LOGS

st.title("Calibration log")
st.markdown("A run of another program, as `calibration_log.csv` of policyengine-us-data or microcalibrate holds it.")
place, title, below = picker.pick(
    LOGS, state.logs, key="log", label="Log", upload="Or open your own log",
    help="A .csv with a row per epoch and target: epoch, target_name, target, estimate, loss. It stays on this machine.",
)  # fmt: skip
log = state.calibration_log(place)
if log.notes:
    below.caption(" ".join(log.notes))
at = len(log.epochs) - 1
if at:
    chosen = st.select_slider("Epoch", log.epochs.tolist(), value=int(log.epochs[-1]), key=f"log_epoch_{place}")
    at = log.epochs.tolist().index(chosen)
metrics(words.facts(log, at), key="log_facts", narrowest=125)
drawn = (
    (loss.plot, loss.info(log, at), "log_loss", "Loss by epoch"),
    (
        partial(error_fan.plot, what="Epoch"),
        words.fan(log, at),
        "log_errors",
        "Error of the targets by epoch: the median and the spread",
    ),
)
side_by_side(drawn, "log_run")

order = words.worst_first(log, at)
left, right = columns(2, key="log_targets", narrowest=340, gap="medium")
with left:
    chart(estimates.plot, words.estimates(log, at), "log_estimates", "Estimate against published value of each target at the chosen epoch")
with right:
    st.markdown(f"**Targets at epoch {log.epochs[at]:,}**, worst first; click one to follow it")
    table = pd.DataFrame({"target": log.names, "value": log.values, "estimate": log.estimates[at], "error": log.errors[at]}).iloc[order]
    looks = {"value": "compact", "estimate": "compact", "error": "percent"}
    picked = st.dataframe(
        table, hide_index=True, height=210, on_select="rerun", selection_mode="single-row", key=f"log_table_{place}_{at}",
        column_config={name: st.column_config.NumberColumn(name, format=how) for name, how in looks.items()},
    )  # fmt: skip
    row = next(iter(picked.selection.rows), 0)
    chart(path.plot, path.info(log, int(order[row]), at), "log_path", "Estimate of one target by epoch, and its published value")
with st.expander("How to read this"):
    st.markdown(
        "Above: what the run tried to make small, and how far off its targets were meanwhile. Below: every target at the chosen epoch, on "
        "the line where it is met; and one of them up to that epoch, with the published total as the dotted line."
    )
st.page_link("app_pages/data.py", label="Back to Data", icon=":material/arrow_back:")
