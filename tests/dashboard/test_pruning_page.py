"""The Pruning page: a form in, a pruned network out; uploads, stops, bad input, the archive."""

from __future__ import annotations

import io
import json
import re
import runpy
import sys
import zipfile

import numpy as np
import pytest
from further import further
from waiting import until

from dashboard import state
from dashboard.pruning import view
from dashboard.state.uploads import IMAGES
from l0engine.calibration.results import Status
from l0engine.io.whole import read_arrays
from l0engine.studies.pruning.settings import PruningStudy

START = "Train and prune"
PRICE = "Price of an open weight (λ L0)"


def record():
    return state.store().jobs("pruning")[0]


def quick(page):
    """Settings that are done in a few seconds, and prune all the same."""
    return page.choose("Hidden units", 16).choose("Epochs", 10).choose("Learning rate", "0.05").choose(PRICE, "3")


def pruned(page):
    page.press(START)
    until(lambda: record().status.ended, story=record)
    return page.rerun()


def heading(page):
    return next(text for text in page.said("markdown") if text.startswith("### "))


def faces(n=60):
    rng = np.random.default_rng(0)
    labels = np.arange(n) % 2
    images = rng.integers(0, 100, (n, 6, 6), dtype=np.uint8)
    images[labels == 1, :3] += 120
    return images, labels


def upload(page, name, **arrays):
    out = io.BytesIO()
    np.savez(out, **arrays)
    page.at.file_uploader[0].set_value((name, out.getvalue(), "application/octet-stream")).run()
    return page.check()


def test_from_the_form_to_the_small_network(working, visit, tmp_path, monkeypatch):
    page = quick(visit("pruning")).choose("Seed", 3)
    assert page.title == "Pruning"
    page = pruned(page)
    task, result = record().task, record().result
    assert task == PruningStudy(hidden=16, epochs=10, learning_rate=0.05, lambda_l0=3.0, seed=3)
    gone = 1 - result.weights["compact"] / result.weights["dense"]
    said = heading(page)
    assert gone > 0.5 and float(re.search(r"([\d.]+) % of the weights are gone", said)[1]) == pytest.approx(100 * gone, abs=0.06)
    share = result.right["compact"] / result.test
    assert page.metrics["Test accuracy"] == re.search(r"(?::|before,) ([\d.]+ %)", said)[1] == f"{100 * share:.1f} %".replace(".0 %", " %")
    assert page.metrics["Multiply-adds an image"] == f"{result.report.after.multiply_adds:,}"
    for name in ("network", "pixels", "size", "examples", "accuracy", "alive", "loss"):
        assert json.loads(page.chart(f"pruning_{name}_{record().id}"))["data"]
    compared, layers = (frame.value for frame in page.at.dataframe)
    assert list(compared["Network"]) == [
        "Pruned by gates", "Dense", "Magnitude pruning", "Small network, from scratch", "Compacted shape, from scratch",
    ]  # fmt: skip
    assert list(layers["Layer"]) == ["Hidden layer 1", "Hidden layer 2", "Output layer"]
    archive = view.archive(state.store().folder(record().id), result.classes)
    zipfile.ZipFile(io.BytesIO(archive)).extractall(tmp_path / "out")
    command = ["model.py", "images.npy", "scores.npy"]  # as README.txt says; by a Python of its own: tests/studies/test_pruning_study.py
    assert " ".join(command) in (tmp_path / "out" / "README.txt").read_text()
    monkeypatch.chdir(tmp_path / "out")
    monkeypatch.setattr(sys, "argv", command)
    runpy.run_path("model.py", run_name="__main__")
    examples = read_arrays(state.store().folder(record().id) / "examples.npz")
    np.testing.assert_array_equal(np.load(tmp_path / "out" / "scores.npy").argmax(axis=1), examples["compact"])


@pytest.mark.slow
def test_a_second_visitor_sees_it_by_its_address(working, visit):
    page = pruned(quick(visit("pruning")).choose("Epochs", 8))
    other = visit("pruning", pruning=record().id)
    assert heading(other) == heading(page) and other.metrics == page.metrics


@pytest.mark.slow
def test_the_convolutional_network_has_settings_of_its_own(working, visit):
    page = visit("pruning").choose("Epochs", 7).choose("Network", "Convolutional")
    assert page.widget("Channels").value == 32 and page.widget("Epochs").value == 120 and page.widget("Batch size").value == "64"
    page = pruned(page.choose("Channels", 4).choose("Epochs", 5))
    assert record().task.network == "conv" and record().task.hidden == 4
    assert "of the weights are gone" in heading(page) or "test images" in heading(page)
    layers = page.at.dataframe[1].value
    assert list(layers["Layer"]) == ["Convolution 1", "Convolution 2", "Output layer"]
    assert page.choose("Network", "Fully connected").widget("Epochs").value == 7


def test_settings_outlive_a_switch_of_pages(visit):
    page = (
        visit("pruning")
        .choose("Temperature falls", "linear")
        .choose("Price of large weights (λ L2)", "1e-2")
        .choose("First temperature", 2.0)
    )
    page.to("data").to("pruning")
    assert page.widget("Temperature falls").value == "linear" and page.widget("First temperature").value == 2.0
    assert page.widget("Price of large weights (λ L2)").value == "1e-2"


@pytest.mark.slow
def test_uploaded_images_become_the_choice_and_are_learnt(working, visit):
    images, labels = faces()
    page = upload(visit("pruning"), "my faces.npz", images=images, labels=labels)
    assert page.widget("Images").options == ["Handwritten digits · 1,797 images of 8 × 8 pixels, 10 classes", "my faces.npz"]
    assert page.widget("Images").value in IMAGES.titles()
    page = pruned(
        page.choose("Hidden units", 8).choose("Epochs", 40).choose("Learning rate", "0.02").choose("Batch size", "16").choose(PRICE, "0.1")
    )
    assert record().task.title == "my faces.npz" and record().result.classes == ("0", "1") and record().result.test == 12
    assert record().result.right["compact"] == 12 and any("my faces.npz" in c for c in page.said("caption"))
    upload(page, "again.npz", images=images, labels=labels)
    assert len(IMAGES.titles()) == 1  # the same content is kept once


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"images": faces()[0]}, "bad.npz: it has 0 members 'labels'"),
        *further(
            ({"images": faces()[0], "labels": np.arange(59) % 2}, "59 labels for 60 images"),
            ({"images": faces()[0][:, :, 0], "labels": faces()[1]}, "its shape is 60 x 6"),
            ({"images": faces()[0] * np.nan, "labels": faces()[1]}, "no finite number"),
        ),
    ],
)
def test_a_bad_upload_is_told_in_a_sentence_and_changes_nothing(visit, arrays, words):
    page = upload(visit("pruning"), "bad.npz", **arrays)
    (said,) = page.said("error")
    assert words in said and page.widget("Images").value == "digits" and IMAGES.titles() == {}
    assert not page.button(START).disabled


def test_names_from_outside_are_no_paths(visit):
    images, labels = faces()
    upload(visit("pruning"), "../../evil\\..\\x.npz", images=images, labels=labels)
    (path,) = IMAGES.titles()
    assert re.fullmatch(r"[0-9a-f]{64}\.npz", path.rsplit("/", 1)[1])


@pytest.mark.slow  # the same buttons: test_samples_page.py
def test_a_pause_holds_it_and_a_stop_ends_it_with_what_there_is(working, visit):
    page = quick(visit("pruning")).choose("Epochs", 2000)
    page.press(START)
    until(lambda: len(state.store().snapshots(record().id)) > 3, story=record)
    page.rerun()
    assert any("Epoch" in p.proto.text for p in page.at.get("progress"))
    page.press("Pause")
    until(lambda: record().status is Status.PAUSED, story=record)
    held = len(state.store().snapshots(record().id))
    assert "Resume" in page.rerun().buttons() and Status.PAUSED.sentence in " ".join(page.said("markdown"))
    page.press("Resume")
    until(lambda: len(state.store().snapshots(record().id)) > held, story=record)
    page.rerun().press("Stop")
    until(lambda: record().status.ended, story=record)
    page.rerun()
    assert page.said("info") == [Status.STOPPED.sentence]
    assert record().status is Status.STOPPED and 3 < record().result.epochs < 2000
    assert "test images" in heading(page) and any("Stopped before the small networks" in c for c in page.said("caption"))
    assert "Small network, from scratch" not in list(page.at.dataframe[0].value["Network"])


@pytest.mark.slow
def test_what_went_wrong_is_told_beside_its_history(working, visit):
    visit("pruning")
    name = state.store().queue(PruningStudy(hidden=16, epochs=40, learning_rate=0.02, lambda_l0=1e5)).id
    until(lambda: record().status.ended, story=record)
    page = visit("pruning", pruning=name)
    assert record().status is Status.FAILED
    assert page.said("error") == [record().message] and record().message.startswith("No weight is left")
    assert json.loads(page.chart(f"pruning_alive_{name}"))["data"] and not page.metrics
