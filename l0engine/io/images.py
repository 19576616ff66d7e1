"""Labelled images from an NPZ file, checked member by member before anything is unpacked; nothing is ever unpickled."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from l0engine.errors import ProblemError
from l0engine.io.limits import check_unpacked, readable, shown, writable
from l0engine.io.matrices.npz import read_array
from l0engine.io.whole import write_arrays

MAX_IMAGES = 100_000
#: Pixels along a side.
MAX_SIDE = 64
MAX_CHANNELS = 4
MAX_CLASSES = 100
#: Numbers in all images together.
MAX_VALUES = 100_000_000


def read_images(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Images and their labels.

    Parameters
    ----------
    path : Path
        NPZ with the members 'images', shape (n, height, width) or (n, height, width, channels), and 'labels', shape (n,).

    Returns
    -------
    images : ndarray of float32, shape (n, height, width, channels)
    labels : ndarray of int64, shape (n,)

    Raises
    ------
    ProblemError
        The file is no such thing, or more than the limits of this module.
    """
    file = shown(path)
    with readable(file, "NPZ"), zipfile.ZipFile(path) as archive:
        members = {name: _member(archive, name, file, path.stat().st_size) for name in ("images", "labels")}
    images = _images(members["images"], file)
    return images, _labels(members["labels"], file, len(images))


def save_images(images: np.ndarray, labels: np.ndarray, path: Path) -> None:
    """Write images and labels as `read_images` reads them; the file is there whole or not at all."""
    with writable("file", path):
        write_arrays(path, {"images": images, "labels": labels})


def _member(archive: zipfile.ZipFile, name: str, file: str, packed: int) -> np.ndarray:
    found = [i for i in archive.infolist() if i.filename.removesuffix(".npy") == name]
    if len(found) != 1:
        raise ProblemError(
            f"{file}: it has {len(found)} members '{name}': save it with numpy.savez(file, images=..., labels=...), each of them once."
        )
    limit = 8 * (MAX_VALUES if name == "images" else MAX_IMAGES) + 2**16
    if found[0].file_size > limit:
        raise ProblemError(
            f"{file}, member '{name}': it unpacks to {found[0].file_size / 1e6:,.0f} MB, and {limit / 1e6:,.0f} are allowed: "
            "give fewer or smaller images."
        )
    check_unpacked(file, found[0].file_size, packed)
    return read_array(archive, found[0], file, name)


def _images(a: np.ndarray, file: str) -> np.ndarray:
    shape = " x ".join(f"{n:,}" for n in a.shape) or "a single number"
    if a.dtype.kind not in "fiub":
        raise ProblemError(f"{file}, member 'images': it holds {a.dtype}: give numbers.")
    if a.ndim == 3:
        a = a[..., None]
    if a.ndim != 4:
        raise ProblemError(f"{file}, member 'images': its shape is {shape}: give images x height x width, or one axis more for colours.")
    n, *sides, channels = a.shape
    if not (2 <= n <= MAX_IMAGES and all(1 <= side <= MAX_SIDE for side in sides) and 1 <= channels <= MAX_CHANNELS):
        raise ProblemError(
            f"{file}, member 'images': its shape is {shape}: give 2 to {MAX_IMAGES:,} images of at most {MAX_SIDE} x {MAX_SIDE} pixels "
            f"and {MAX_CHANNELS} colours."
        )
    if a.size > MAX_VALUES:
        raise ProblemError(f"{file}, member 'images': it holds {a.size:,} numbers, and {MAX_VALUES:,} are allowed: give fewer images.")
    with np.errstate(over="ignore"):
        out = a.astype(np.float32)
    bad = np.flatnonzero(~np.isfinite(out.reshape(n, -1)).all(axis=1))
    if len(bad):
        raise ProblemError(f"{file}, member 'images': image {bad[0] + 1:,} has a pixel that is no finite number: correct or remove it.")
    return out


def _labels(a: np.ndarray, file: str, n: int) -> np.ndarray:
    if a.dtype.kind not in "iub" or a.ndim != 1:
        raise ProblemError(f"{file}, member 'labels': it holds {a.ndim}-d {a.dtype}: give one whole number an image.")
    if len(a) != n:
        raise ProblemError(f"{file}: there are {len(a):,} labels for {n:,} images: give one label an image.")
    classes, counts = np.unique(a, return_counts=True)
    if not 2 <= len(classes) <= MAX_CLASSES:
        raise ProblemError(f"{file}, member 'labels': it has {len(classes):,} different labels: give 2 to {MAX_CLASSES}.")
    if int(classes.max()) > np.iinfo(np.int64).max:
        raise ProblemError(f"{file}, member 'labels': {classes.max()} is too large: number the classes from 0.")
    if counts.min() < 2:
        raise ProblemError(
            f"{file}, member 'labels': label {classes[counts.argmin()]} has a single image: give two or more of each, "
            "one to train and one to test."
        )
    return a.astype(np.int64)
