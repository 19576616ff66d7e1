"""The form of pruning: which images, which network, what an open weight costs, how it is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

from dashboard.kit import jobs, layout, picker
from dashboard.state.uploads import IMAGES
from l0engine.schedules import SCHEDULES
from l0engine.studies.pruning.images import UPLOAD
from l0engine.studies.pruning.settings import BOUNDS, PruningStudy

_DIGITS = "digits"
_BUNDLED = {_DIGITS: "Handwritten digits · 1,797 images of 8 × 8 pixels, 10 classes"}
#: What the networks are called, and the settings each begins with.
_NETWORKS = {"Fully connected": "mlp", "Convolutional": "conv"}
_DEFAULTS: dict[str, dict[str, Any]] = {
    "mlp": {"hidden": 256, "lambda_l0": "0.5", "epochs": 200, "batch_size": "128"},
    "conv": {"hidden": 32, "lambda_l0": "0.2", "epochs": 120, "batch_size": "64"},
}
_L0 = ("0", "0.01", "0.03", "0.1", "0.2", "0.3", "0.5", "1", "2", "3", "5", "10", "30", "100")
_L2 = ("0", "1e-6", "1e-5", "3e-5", "1e-4", "3e-4", "1e-3", "1e-2")
_RATES = ("0.0003", "0.001", "0.002", "0.005", "0.01", "0.02", "0.05")
_BATCHES = ("16", "32", "64", "128", "256", "512")
_KEEP = {"persist_state": "session"}


def show() -> None:
    """Entry fields and the button that starts it."""
    source = _source()
    settings = _settings()
    go, words = layout.columns([1.3, 4], key="pruning_start", narrowest=190, gap="medium", align="center")
    words.caption(
        "A fifth of the images is held out for testing. To compare, a dense network is trained beside the gated one, and small ones after."
    )
    if go.button("Train and prune", type="primary", icon=":material/content_cut:", width="stretch"):
        own = source != _DIGITS
        named = {"source": "upload", "title": IMAGES.titles()[source]} if own else {"source": _DIGITS}
        jobs.start(PruningStudy(**named, **settings), {UPLOAD: Path(source)} if own else None)


def _source() -> str:
    """'digits', or the path of uploaded images; an upload becomes the choice at once."""
    source, _, below = picker.pick(
        IMAGES, lambda: _BUNDLED | IMAGES.titles(), key="pruning_source", label="Images", upload="Or upload images (.npz)",
        help="Made with numpy.savez(file, images=..., labels=...): images of shape (n, height, width) or (n, height, width, colours), "
        "up to 64 × 64 pixels and 100,000 of them; labels are n whole numbers.",
    )  # fmt: skip
    if source == _DIGITS:
        below.caption("Real ones, written by 43 people; they ship with scikit-learn.")
    return source


def _settings() -> dict[str, Any]:
    """What the fields say, by names of `PruningStudy`."""
    chosen = st.segmented_control(
        "Network", list(_NETWORKS), default="Fully connected", required=True, key="pruning_kind", **_KEEP,
        help="Fully connected: SparseMLP, two hidden layers with a gate on every weight. "
        "Convolutional: two 3 × 3 convolutions with a gate on every channel, and a layer with a gate on every weight.",
    )  # fmt: skip
    hidden, l0, l2 = layout.columns([1.2, 2, 2], key="pruning_network", narrowest=150, gap="medium")
    kind = _NETWORKS[chosen]
    start = _DEFAULTS[kind]
    out: dict[str, Any] = {"network": kind}
    out["hidden"] = hidden.number_input(
        "Hidden units" if kind == "mlp" else "Channels", *BOUNDS["hidden"], start["hidden"], 16, key=f"pruning_hidden_{kind}", **_KEEP,
        help="Of each hidden layer." if kind == "mlp" else "Of the first convolution; the second has twice as many.",
    )  # fmt: skip
    out["lambda_l0"] = float(
        l0.select_slider(
            "Price of an open weight (λ L0)", _L0, start["lambda_l0"], key=f"pruning_l0_{kind}", **_KEEP,
            help="A weight stays if it lowers the cross entropy, summed over the training images, by more than this (in nats). "
            "More leaves a smaller network.",
        )
    )  # fmt: skip
    out["lambda_l2"] = float(
        l2.select_slider(
            "Price of large weights (λ L2)", _L2, "3e-4", key="pruning_l2", **_KEEP,
            help="Times the sum of squared weights, those that are open; keeps them small. The dense network pays it too.",
        )
    )  # fmt: skip
    return {**out, **_training(kind, start)}


def _training(kind: str, start: dict[str, Any]) -> dict[str, Any]:
    begin, end, schedule, epochs, rate, batch, seed = layout.columns([1] * 7, key="pruning_training", narrowest=125)
    return {
        "temperature_start": begin.number_input(
            "First temperature", 0.05, 5.0, 1.0, 0.1, key="pruning_temperature_start", **_KEEP,
            help="Gates are soft while it is high, and nearly on or off when it is low.",
        ),
        "temperature_end": end.number_input("Last temperature", 0.05, 5.0, 0.2, 0.05, key="pruning_temperature_end", **_KEEP,
            help="At which gates are read when it ends."),
        "schedule": schedule.selectbox("Temperature falls", list(SCHEDULES), format_func=str.capitalize, key="pruning_schedule", **_KEEP),
        "epochs": epochs.number_input(
            "Epochs", *BOUNDS["epochs"], start["epochs"], 10, key=f"pruning_epochs_{kind}", **_KEEP, help="How often every image is seen."
        ),
        "learning_rate": float(
            rate.selectbox("Learning rate", _RATES, 3, key="pruning_rate", **_KEEP, help="Of the weights; gates learn ten times as fast.")
        ),
        "batch_size": int(
            batch.selectbox("Batch size", _BATCHES, _BATCHES.index(start["batch_size"]), key=f"pruning_batch_{kind}", **_KEEP)
        ),
        "seed": seed.number_input(
            "Seed", *BOUNDS["seed"], 0, key="pruning_seed", **_KEEP, help="Another one holds out other images and starts elsewhere."
        ),
    }  # fmt: skip
