"""PruningStudy: its numbers against the files it leaves, run by themselves, and against counts by hand."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn

from l0engine.draining import drain
from l0engine.errors import L0Error, ProblemError
from l0engine.io.whole import read_arrays
from l0engine.jobs.task import Context
from l0engine.studies.pruning.images import UPLOAD, load, split
from l0engine.studies.pruning.living import by_layer, living
from l0engine.studies.pruning.networks import Training, gated, restarted, right, size
from l0engine.studies.pruning.result import PruningResult, PruningSnapshot
from l0engine.studies.pruning.run import run
from l0engine.studies.pruning.settings import PruningStudy

OLD = Path(__file__).parents[1] / "data" / "store_2" / "studies"
QUICK = {
    "mlp": PruningStudy(hidden=32, epochs=15, lambda_l0=2.0, learning_rate=0.03),
    "conv": PruningStudy(network="conv", hidden=12, epochs=25, lambda_l0=2.0, learning_rate=0.02, batch_size=64),
}


def carried_out(study, folder, stop_after=None):
    """Result and snapshots; asked to stop after so many snapshots."""
    folder.mkdir(exist_ok=True)
    snapshots = []
    job = Context(study, folder, lambda: stop_after is not None and len(snapshots) >= stop_after)
    result = drain(run(job), snapshots.append).result
    for said in (result, *snapshots):
        assert type(said).from_dict(json.loads(json.dumps(said.to_dict()))) == said
    return result, snapshots


@pytest.fixture(scope="module", params=["mlp", pytest.param("conv", marks=pytest.mark.slow)])
def done(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    return QUICK[request.param], folder, *carried_out(QUICK[request.param], folder)


def by_itself(folder, images):
    """Answers of the network that the folder's model.py builds, in a Python of its own that cannot see this library."""
    np.save(folder / "in.npy", images)
    command = [sys.executable, "-I", "model.py", "in.npy", "out.npy"]
    subprocess.run(command, cwd=folder, check=True, timeout=300)
    assert "l0engine" not in (folder / "model.py").read_text()
    return np.load(folder / "out.npy").argmax(axis=1)


def held_out(study):
    """The test images as scikit-learn has them, and their labels."""
    digits, images = load_digits(), load("digits", None, study.seed)
    return digits.images[images.test][:, None].astype(np.float32), digits.target[images.test]


@pytest.fixture(scope="module")
def alone(done):
    """Answers of the files run by themselves: of the test images, and of the examples."""
    study, folder, *_ = done
    images, _ = held_out(study)
    answers = by_itself(folder, np.concatenate([images, read_arrays(folder / "examples.npz")["images"].astype(np.float32)]))
    return answers[: len(images)], answers[len(images) :]


def test_the_accuracy_is_that_of_the_files_run_by_themselves(done, alone):
    study, _, result, _ = done
    _, labels = held_out(study)
    assert result.test == len(labels) == 1797 - result.train
    assert (alone[0] == labels).sum() == result.right["compact"] == result.right["gated"]
    assert result.right["compact"] > 0.8 * len(labels) and result.difference < 1e-3


def test_counts_are_those_of_the_files(done):
    study, folder, result, _ = done
    weights = {name: a for name, a in read_arrays(folder / "model.npz").items() if a.ndim > 1}
    kept = sum(np.count_nonzero(a) for a in weights.values())
    assert result.weights["compact"] == result.weights["gated"] == result.weights["magnitude"] == kept
    assert kept == sum(layer.weights for layer in result.layers)
    assert [len(a) for a in weights.values()] == [layer.units for layer in result.layers]
    h, pixels = study.hidden, 64
    shapes = (
        [pixels * h, h * h, h * 10] if study.network == "mlp" else [9 * h, 9 * h * 2 * h, 2 * h * 4 * 10]
    )  # two poolings leave 2 x 2 of 8 x 8
    assert [layer.of_weights for layer in result.layers] == shapes and result.weights["dense"] == sum(shapes)
    adds = shapes if study.network == "mlp" else [64 * shapes[0], 16 * shapes[1], shapes[2]]
    assert result.report.before.multiply_adds == sum(adds)
    assert result.report.after.parameters == sum(a.size for a in read_arrays(folder / "model.npz").values())
    assert result.report.batch == 256 and result.weights["anew"] == sum(a.size for a in weights.values())


def test_the_small_network_has_as_many_weights_and_no_more(done):
    study, _, result, _ = done
    inputs, kept = 64, result.weights["compact"]

    def count(w):
        return inputs * w + w * w + 10 * w if study.network == "mlp" else 9 * w + 18 * w * w + 80 * w

    width = max(w for w in range(1, study.hidden + 1) if count(w) <= kept)
    assert result.weights["small"] == count(width)


def test_drawings_show_what_lives(done):
    study, folder, result, _ = done
    drawing, weights = read_arrays(folder / "drawing.npz"), list(read_arrays(folder / "model.npz").values())
    layers = result.layers
    assert [int(drawing[f"alive{i + 1}"].sum()) for i in range(len(layers))] == [layer.units for layer in layers]
    for i in range(len(layers)):
        before, after = drawing[f"links{i}"].T
        assert drawing[f"alive{i}"][before].all() and drawing[f"alive{i + 1}"][after].all()
        assert len(before) == min(250, drawing["connections"][i])
    if study.network == "mlp":
        assert drawing["pixels"].sum() == layers[0].weights and (drawing["connections"] == [layer.weights for layer in layers]).all()
        np.testing.assert_array_equal(drawing["pixels"].ravel(), np.count_nonzero(weights[0], axis=0))
        np.testing.assert_array_equal(drawing["pixels"].ravel() > 0, drawing["alive0"])
    else:
        assert drawing["pixels"].shape == (8, 8) and (drawing["pixels"] >= 0).all() and drawing["pixels"].any()


def test_examples_carry_the_answers_of_both_networks(done, alone):
    study, folder, *_ = done
    examples = read_arrays(folder / "examples.npz")
    assert examples["images"].shape == (12, 1, 8, 8)
    np.testing.assert_array_equal(alone[1], examples["compact"])
    images, labels = held_out(study)
    for image, label in zip(examples["images"], examples["labels"], strict=True):
        assert label in labels[(images == image).all(axis=(1, 2, 3))]
    differs = examples["dense"] != examples["compact"]
    assert (differs[:6] >= differs[6:]).all() and not differs[6:].any()


def test_snapshots_tell_of_every_epoch(done):
    study, _, result, snapshots = done
    assert [s.step for s in snapshots] == list(range(1, 2 * study.epochs + 1)) and {s.epochs for s in snapshots} == {2 * study.epochs}
    ours = [s for s in snapshots if s.test is not None]
    assert len(ours) == study.epochs and ours[-1].layers == result.layers
    assert ours[-1].test == result.right["gated"] / result.test and ours[-1].dense == result.right["dense"] / result.test
    assert (ours[0].temperature, ours[-1].temperature) == (study.temperature_start, pytest.approx(study.temperature_end))
    alive = [sum(layer.weights for layer in s.layers) for s in ours]
    assert alive[-1] < 0.6 * alive[0] and ours[0].l0_loss == 0 < ours[-1].l0_loss and ours[-1].l2_loss > 0


def test_magnitude_pruning_is_told_at_several_sizes(done):
    *_, result, _ = done
    sizes, rights = zip(*result.magnitude, strict=True)
    assert sizes[0] == result.weights["dense"] and rights[0] == result.right["dense"] and list(sizes) == sorted(sizes, reverse=True)
    assert result.right["magnitude"] < result.right["compact"]


def test_a_seed_repeats_itself_and_leaves_the_global_generator_alone(tmp_path):
    study = replace(QUICK["mlp"], epochs=2)
    before = torch.random.get_rng_state()
    first, second, other = (
        carried_out(s, tmp_path / str(i), stop_after=2)[1] for i, s in enumerate((study, study, replace(study, seed=1)))
    )
    assert first == second != other
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.slow  # on the page: tests/dashboard/test_pruning_page.py
def test_a_stop_prunes_what_there_is(tmp_path):
    result, snapshots = carried_out(QUICK["mlp"], tmp_path, stop_after=10)
    assert len(snapshots) == 10 == result.epochs and set(result.right) == {"dense", "gated", "compact", "magnitude"}
    images, labels = held_out(QUICK["mlp"])
    assert (by_itself(tmp_path, images) == labels).sum() == result.right["compact"]
    small = replace(QUICK["mlp"], hidden=16, epochs=10, lambda_l0=0.1)
    late, snapshots = carried_out(small, tmp_path, stop_after=12)  # in the midst of the networks from scratch
    assert late.epochs == 10 and "small" not in late.right and len(snapshots) == 12


@pytest.mark.slow  # on the page: tests/dashboard/test_pruning_page.py
def test_uploaded_images_of_any_scale_and_colour(tmp_path):
    rng = np.random.default_rng(0)
    labels = np.repeat([7, -3], 60)
    images = rng.random((120, 6, 5, 3), dtype=np.float32) * 200 - 50
    images[labels == 7, :3] += 150
    np.savez(tmp_path / UPLOAD, images=images, labels=labels)
    study = PruningStudy(source="upload", hidden=16, epochs=20, batch_size=16, lambda_l0=0.3)
    result, _ = carried_out(study, tmp_path)
    assert result.classes == ("-3", "7") and (result.train, result.test) == (96, 24)
    assert result.right["compact"] == 24
    found = by_itself(tmp_path, images.transpose(0, 3, 1, 2))  # as they were given
    assert (np.array([-3, 7])[found] == labels).mean() > 0.97
    assert read_arrays(tmp_path / "drawing.npz")["pixels"].shape == (6, 5)


def test_a_fifth_of_every_class_is_held_out():
    labels = np.repeat([4, 2, 9], [50, 10, 2])
    images = np.arange(62, dtype=np.float32)[:, None, None, None] * np.ones((1, 2, 3, 1), np.float32)
    cut = split(images, labels, seed=0)
    assert cut.classes == ("2", "4", "9") and cut.pixels.shape == (62, 1, 2, 3)
    assert sorted([*cut.train, *cut.test]) == list(range(62))
    assert np.bincount(cut.labels[cut.test]).tolist() == [2, 10, 1]
    np.testing.assert_array_equal(np.array([2, 4, 9])[cut.labels], labels)
    assert cut.scale == 64.0 and split(images * 0, labels, 0).scale == 1.0 and split(images / 61 * 255, labels, 0).scale == 256.0


def test_living_by_hand():
    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    first = [[1, 0, 0], [0, 2, 0], [0, 0, 0], [0, 3, 0]]  # unit 2 reads nothing
    second = [[1, 0, 5, 0], [0, 0, 7, 0], [0, 0, 0, 4]]  # unit 1 of the next reads only unit 2; nothing reads unit 1
    third = [[2, 9, 0], [0, 9, 0]]  # nothing reads unit 2, so unit 3 before it leads nowhere
    for layer, weight in zip((net[0], net[2], net[4]), (first, second, third), strict=True):
        layer.weight.data = torch.tensor(weight, dtype=torch.float32)
    found = living(net)
    assert [u.tolist() for u in found.units] == [[True, False, False], [True, False, False, False], [True, False, False], [True, True]]
    assert found.weights == (1, 1, 1) and found.strength[2].tolist() == [[2, 0, 0], [0, 0, 0]]
    assert [(layer.name, layer.units, layer.of_units) for layer in by_layer(net, found)] == [
        ("Hidden layer 1", 1, 4), ("Hidden layer 2", 1, 3), ("Output layer", 2, 2),
    ]  # fmt: skip


def test_the_loss_is_the_mean_cross_entropy_and_the_price_an_image():
    study = replace(QUICK["mlp"], hidden=64, epochs=4, learning_rate=1e-6, batch_size=5, lambda_l0=3.0, lambda_l2=0.25)
    images = load("digits", None, 0)
    network = restarted(gated(study, images), 0)
    x, y = torch.from_numpy(images.pixels[:23]) / 16, torch.from_numpy(images.labels[:23])
    with torch.no_grad():
        scores = network(x).log_softmax(1)
        squares = sum(float(p.square().sum()) for name, p in network.named_parameters() if "weight" in name)
    terms = Training(network, study, x, y).epoch(0, lambda: False)
    assert terms.data == pytest.approx(-float(scores[torch.arange(23), y].mean()), rel=1e-3)
    assert terms.l2 == pytest.approx(0.25 * squares, rel=1e-3) and terms.l0 == 0  # it has no gates
    model = gated(study, images)
    priced = Training(model, study, x, y).epoch(3, lambda: False)  # the last epoch: the whole price
    share = 1 / (1 + np.exp(-np.array(open_logits(model, study.temperature_end))))
    assert priced.l0 == pytest.approx(3.0 / 23 * share.sum(), rel=1e-2)
    assert right(network, x, y) == int((scores.argmax(1) == y).sum()) and size(network) == 64 * 64 + 64 * 64 + 640


def open_logits(model, temperature):
    """log_alpha - beta log(-gamma / zeta) of every gate."""
    return [
        v - temperature * np.log(0.1 / 1.1) for name, p in model.named_parameters() if "qz" in name for v in p.detach().flatten().tolist()
    ]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"source": "faces"}, "no images 'faces'"),
        ({"network": "gpt"}, "no network 'gpt'"),
        ({"hidden": 0}, "hidden is 0"),
        ({"epochs": 0}, "epochs is 0"),
        ({"lambda_l0": float("nan")}, "lambda_l0 is nan"),
        ({"temperature_end": 0.0}, "final_temp is 0"),
        ({"schedule": "sudden"}, "no schedule 'sudden'"),
        ({"lambda_l0": 1e6, "epochs": 4, "learning_rate": 0.1}, "No weight is left"),
    ],
)
def test_bad_settings_are_told_in_a_sentence(tmp_path, changes, words):
    with pytest.raises(L0Error) as error:
        carried_out(replace(QUICK["mlp"], **changes), tmp_path)
    assert words in str(error.value) and str(error.value).endswith(".") and "\n" not in str(error.value)


def test_a_loss_that_is_not_finite_is_told():
    study, images = QUICK["mlp"], load("digits", None, 0)
    x, y = torch.from_numpy(images.pixels[:9]) * torch.inf, torch.from_numpy(images.labels[:9])
    with pytest.raises(ProblemError, match=r"^The loss is no finite number in epoch 3: lower the learning rate"):
        Training(gated(study, images), study, x, y).epoch(2, lambda: False)


def test_small_images_are_no_matter_for_convolutions(tmp_path):
    np.savez(tmp_path / UPLOAD, images=np.zeros((20, 3, 9, 1), np.float32), labels=np.arange(20) % 2)
    with pytest.raises(L0Error, match="3 x 9 pixels"):
        carried_out(PruningStudy(source="upload", network="conv", hidden=4, epochs=2), tmp_path)


def test_what_an_earlier_version_wrote_is_read_whole():
    """Steps that only count had neither accuracies nor layers then."""
    (folder,) = (f.parent for f in OLD.glob("*/study.json") if json.loads(f.read_text())["kind"] == PruningStudy.kind)
    settings, found = (
        json.loads((folder / name).read_text())[key] for name, key in (("study.json", "settings"), ("outcome.json", "result"))
    )
    assert PruningStudy.from_dict(settings).to_dict() == settings
    assert json.loads(json.dumps(PruningResult.from_dict(found).to_dict())) == found
    lines = [json.loads(line) for line in (folder / "snapshots.jsonl").read_text().splitlines()]
    for line in lines:
        read = json.loads(json.dumps(PruningSnapshot.from_dict(line).to_dict()))
        assert {name: value for name, value in read.items() if value not in (None, [])} == line
    assert [line["step"] for line in lines] == list(range(1, 9)) and len([line for line in lines if "test" in line]) == 4
