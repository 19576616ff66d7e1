"""Uploaded images: good ones arrive whole through the guarded child, all others are refused with one sentence."""

from __future__ import annotations

import io
import pickle
import zipfile

import numpy as np
import pytest
from further import further
from reading import read_here

from l0engine.errors import ProblemError
from l0engine.io import guarded
from l0engine.io import images as limits
from l0engine.io.guarded import load_guarded
from l0engine.io.images import read_images

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (12, 5, 4), dtype=np.uint8)
LABELS = np.arange(12) % 3 * 10


def npz(**arrays):
    out = io.BytesIO()
    np.savez(out, **arrays)
    return out.getvalue()


def refused(tmp_path, content):
    (tmp_path / "mine.npz").write_bytes(content)
    with pytest.raises(ProblemError) as error:
        read_images(tmp_path / "mine.npz")
    sentence = str(error.value)
    assert "\n" not in sentence and sentence.endswith(".") and sentence.startswith("mine.npz") and ": " in sentence
    assert str(tmp_path) not in sentence
    return sentence


@pytest.mark.parametrize("images", [np.stack([IMAGES] * 3, -1), *further(IMAGES, IMAGES / 255, IMAGES > 100)])
def test_good_images_arrive_whole(tmp_path, monkeypatch, images):
    monkeypatch.setattr(guarded, "_child", read_here)
    (tmp_path / "raw.npz").write_bytes(npz(images=images, labels=LABELS.astype(np.int16)))
    load_guarded(tmp_path / "raw.npz", tmp_path / "kept.npz", "images")
    with np.load(tmp_path / "kept.npz", allow_pickle=False) as kept:
        assert kept["images"].dtype == np.float32 and kept["labels"].dtype == np.int64
        np.testing.assert_array_equal(kept["images"], np.asarray(images, np.float32).reshape(12, 5, 4, -1))
        np.testing.assert_array_equal(kept["labels"], LABELS)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["kept.npz", "raw.npz"]


def with_nan():
    bad = IMAGES.astype(float)
    bad[7, 2, 1] = np.nan
    return bad


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"labels": LABELS}, "0 members 'images'"),
        ({"images": IMAGES}, "0 members 'labels'"),
        ({"images": IMAGES, "labels": LABELS[:-1]}, "11 labels for 12 images"),
        ({"images": IMAGES[0], "labels": LABELS}, "its shape is 5 x 4"),
        ({"images": np.zeros((12, 65, 4)), "labels": LABELS}, "64 x 64"),
        ({"images": np.zeros((12, 5, 4, 5)), "labels": LABELS}, "4 colours"),
        ({"images": np.zeros((12, 0, 4)), "labels": LABELS}, "its shape is 12 x 0 x 4"),
        ({"images": np.zeros((12, 5, 4), complex), "labels": LABELS}, "complex128"),
        ({"images": np.full((12, 5, 4), "a"), "labels": LABELS}, "give numbers"),
        ({"images": with_nan(), "labels": LABELS}, "image 8 has a pixel"),
        ({"images": np.full((12, 5, 4), 1e300), "labels": LABELS}, "image 1 has a pixel"),
        ({"images": IMAGES, "labels": LABELS * 0}, "1 different labels"),
        ({"images": IMAGES, "labels": np.arange(12)}, "label 0 has a single image"),
        ({"images": IMAGES, "labels": LABELS / 2}, "whole number"),
        ({"images": IMAGES, "labels": LABELS[:, None]}, "whole number"),
        ({"images": IMAGES, "labels": LABELS.astype(np.uint64) + np.uint64(2**63)}, "too large"),
    ],
)
def test_what_is_no_labelled_image_is_refused(tmp_path, arrays, words):
    assert words in refused(tmp_path, npz(**arrays))


class Bomb:
    def __reduce__(self):
        return exit, (7,)


def test_hostile_files_are_refused(tmp_path, monkeypatch):
    assert "cannot be read as NPZ" in refused(tmp_path, b"not a zip")
    assert "cannot be read as NPZ" in refused(tmp_path, npz(images=IMAGES, labels=LABELS)[:-30])
    assert "never unpickled" in refused(tmp_path, npz(images=np.array([Bomb()] * 12, object), labels=LABELS))
    lying = io.BytesIO()
    np.lib.format.write_array_header_1_0(lying, {"descr": "<f8", "fortran_order": False, "shape": (10**6, 64, 64)})
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("images.npy", lying.getvalue())
        archive.writestr("labels.npy", pickle.dumps(1))
    assert "declares" in refused(tmp_path, out.getvalue())
    bomb = io.BytesIO()
    np.savez_compressed(bomb, images=np.zeros((2000, 64, 64)), labels=np.arange(2000) % 2)
    assert len(bomb.getvalue()) < 100_000
    monkeypatch.setattr(limits, "MAX_VALUES", 10**6)
    assert "MB are allowed" not in (said := refused(tmp_path, bomb.getvalue())) and "unpacks to 66 MB" in said


def test_limits_hold_before_anything_is_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "MAX_VALUES", 12 * 20 - 1)
    assert "240 numbers" in refused(tmp_path, npz(images=IMAGES, labels=LABELS))
    monkeypatch.setattr(limits, "MAX_IMAGES", 11)
    assert "11 images" in refused(tmp_path, npz(images=IMAGES, labels=LABELS))


def test_the_child_tells_the_same_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(guarded, "_child", read_here)  # in a process of its own: tests/io/test_io_guard.py
    sentence = refused(tmp_path, npz(images=IMAGES, labels=LABELS * 0))
    with pytest.raises(ProblemError) as error:
        load_guarded(tmp_path / "mine.npz", tmp_path / "kept.npz", "images")
    assert str(error.value) == sentence and not (tmp_path / "kept.npz").exists()
