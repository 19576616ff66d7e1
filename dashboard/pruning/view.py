"""A network as it is pruned and when it is there: the answer in words, before and after, what is left of it, and what else would do."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard.kit import layout, wording
from dashboard.kit.browser.live_plot import live_plot
from dashboard.kit.chart import chart, side_by_side
from dashboard.kit.download import download
from dashboard.pruning import words as pruning_words
from dashboard.pruning.figures import accuracy, loss, pixels, size
from dashboard.pruning.figures import alive as pruning_alive
from dashboard.pruning.figures import examples as pruning_examples
from dashboard.pruning.figures import network as pruning_network
from dashboard.state.opened import studies
from l0engine.io.whole import read_arrays
from l0engine.jobs.job import JobRecord
from l0engine.studies.pruning.result import PruningResult, PruningSnapshot
from l0engine.studies.pruning.settings import PruningStudy

Record = JobRecord[PruningStudy, PruningResult]
_READ_ME = """A pruned network. It needs Python with torch and numpy, and nothing else:

    python model.py images.npy scores.npy

images.npy holds a few test images, shape (images, colours, height, width), with their pixels as they were given.
scores.npy will have a row an image and a column a class: {}.
The highest score of a row is the network's answer. What the images are: {}.
"""
_HISTORY = {
    "accuracy": (accuracy, "Accuracy by epoch"),
    "alive": (pruning_alive, "Weights and units alive by epoch"),
    "loss": (loss, "Loss terms by epoch"),
    "size": (size, "Accuracy against number of weights"),
}


def show(record: Record) -> None:
    """The network of a study, or how far its training came."""
    if record.result is not None:
        _finished(record, record.result)
    elif snapshots := studies.snapshots(record):
        _history(record.id, snapshots)


def archive(folder: Path, classes: Sequence[str]) -> bytes:
    """The small network with the script that loads it and a few images to try it on, as a ZIP file."""
    examples, out = read_arrays(folder / "examples.npz"), io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as files:
        for name in ("model.npz", "model.py"):
            files.write(folder / name, name)
        with files.open("images.npy", "w") as member:
            np.save(member, examples["images"])
        files.writestr("README.txt", _READ_ME.format(", ".join(classes), ", ".join(classes[int(k)] for k in examples["labels"])))
    return out.getvalue()


def title(study: PruningStudy) -> str:
    """What the study is about."""
    images = "Handwritten digits" if study.source == "digits" else study.title
    network = "two hidden layers of {} units" if study.network == "mlp" else "two convolutions, the first of {} channels"
    return (
        f"{images} · {network.format(wording.count(study.hidden))} · λ L0 {study.lambda_l0:g}, λ L2 {study.lambda_l2:g}, seed {study.seed}"
    )


def live(record: Record, snapshots: Sequence[PruningSnapshot]) -> None:
    """The network as it learns."""
    if snapshots[-1].test is None:
        st.caption("The gated network is trained. Small networks are trained from scratch now, to compare.")
    _history(record.id, snapshots, draw=live_plot)


def _history(
    study_id: str, snapshots: Sequence[PruningSnapshot], names: Sequence[str] = tuple(_HISTORY), draw: Callable[..., None] = chart
) -> list[DeltaGenerator]:
    """Pictures in two columns, which are returned."""
    found = ((name, *_HISTORY[name]) for name in names)
    drawn = [(module.plot, module.info(snapshots), f"pruning_{name}_{study_id}", alt) for name, module, alt in found]
    return side_by_side(drawn, "pruning_history", draw)


def _finished(record: Record, result: PruningResult) -> None:
    folder, key = studies.folder(record), record.id
    words, out = layout.columns([5, 2], key="pruning_verdict", narrowest=240, gap="medium", align="center")
    words.markdown(f"### {pruning_words.verdict(result)}")
    words.caption(f"{title(record.task)}, {wording.plural(result.epochs, 'epoch')}, {wording.seconds(result.seconds)}")
    help_ = "The small network: model.npz (its numbers), model.py (loads and runs it by itself), and a few test images to try it on."
    download("Download (ZIP)", lambda: archive(folder, result.classes), "pruned_network.zip", "application/zip", help_, place=out)
    tiles = pruning_words.tiles(result)
    for column, (label, after, before, help_) in zip(layout.columns(len(tiles), key="pruning_tiles", narrowest=150), tiles, strict=True):
        column.metric(label, after, f"{before} dense", delta_color="off", delta_arrow="off", help=help_)
    st.caption(
        f"Largest difference between a score of the gated and of the compacted network over all test images: {result.difference:.1g}."
    )
    _what_is_left(record, result, folder)
    snapshots = studies.snapshots(record)
    chart(size.plot, size.info(snapshots, result), f"pruning_size_{key}", "Accuracy against number of weights")
    st.dataframe(pruning_words.compared(result), hide_index=True, height="content")
    if "small" not in result.right:
        st.caption("Stopped before the small networks were trained from scratch.")
    examples = read_arrays(folder / "examples.npz")
    info = pruning_examples.info(*(examples[name] for name in ("images", "labels", "dense", "compact")), result.classes)
    chart(pruning_examples.plot, info, f"pruning_examples_{key}", "Test images and what they are taken for")
    _, right = _history(key, snapshots, ("accuracy", "alive", "loss"))
    with right:
        st.markdown("**What lives, layer by layer**")
        st.dataframe(pruning_words.by_layer(result), hide_index=True, height="content")
    with st.expander("How to read this"):
        st.markdown(pruning_words.READING)


def _what_is_left(record: Record, result: PruningResult, folder: Path) -> None:
    """The network drawn, and the pixels it looks at."""
    drawing = read_arrays(folder / "drawing.npz")
    parts = len(result.layers)
    alive, links = [drawing[f"alive{i}"] for i in range(parts + 1)], [drawing[f"links{i}"] for i in range(parts)]
    dense = record.task.network == "mlp"
    width = drawing["pixels"].shape[1]
    places = (len(alive[0]) // width, width) if dense else (1, len(alive[0]))
    titles = ("Pixels" if dense else "Image", *(layer.name for layer in result.layers[:-1]), "Classes")
    left, right = layout.columns([3, 2], key="pruning_left", narrowest=340, gap="medium")
    with left:
        info = pruning_network.info(alive, links, int(drawing["connections"].sum()), titles, places, result.classes)
        chart(pruning_network.plot, info, f"pruning_network_{record.id}", "The network with its living units and connections")
    with right:
        info = pixels.info(drawing["pixels"], dense)
        chart(pixels.plot, info, f"pruning_pixels_{record.id}", "Pixels the network still looks at")
