"""ImageSet: labelled images, cut into those that train a network and those that test it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from l0engine.errors import ConfigError
from l0engine.io.whole import read_arrays

#: Where images may come from; uploaded ones are in the study's folder.
SOURCES = ("digits", "upload")
UPLOAD = "images.npz"
TEST_SHARE = 0.2
#: Of the scale; what is larger or smaller cannot be folded into weights in single precision.
_EXPONENTS = (-60, 60)


@dataclass(frozen=True)
class ImageSet:
    """Images, their classes, and which of them are held out.

    Attributes
    ----------
    pixels : ndarray of float32, shape (n, channels, height, width)
        As they were given.
    labels : ndarray of int64, shape (n,)
        Positions in `classes`.
    classes : tuple of str
    train, test : ndarray of int
        Indices, ascending; a fifth of each class is held out, at least one image.
    """

    pixels: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]
    train: np.ndarray
    test: np.ndarray

    @property
    def scale(self) -> float:
        """The power of two that no pixel exceeds, within bounds: divided by it pixels lie between -1 and 1, and nothing is rounded."""
        largest = float(np.abs(self.pixels).max())
        return float(2.0 ** np.ceil(np.log2(largest)).clip(*_EXPONENTS)) if largest > 0 else 1.0


def load(source: str, folder: Path, seed: int) -> ImageSet:
    """The images of a study.

    Parameters
    ----------
    source : str
        One of `SOURCES`.
    folder : Path
        Holds uploaded images as `UPLOAD`, which were checked when they came.
    seed : int
        Decides which images are held out.

    Raises
    ------
    ConfigError
        There is no such source.
    """
    if source == "digits":
        from sklearn.datasets import load_digits

        found = load_digits()
        return split(found.images[..., None].astype(np.float32), found.target, seed)
    if source == "upload":
        arrays = read_arrays(folder / UPLOAD)
        return split(arrays["images"], arrays["labels"], seed)
    raise ConfigError(f"There are no images '{source[:40]}': choose one of {', '.join(SOURCES)}.")


def split(images: np.ndarray, labels: np.ndarray, seed: int) -> ImageSet:
    """Hold out a fifth of each class; `images` has shape (n, height, width, channels)."""
    classes, positions = np.unique(labels, return_inverse=True)
    rng = np.random.default_rng(seed)
    held: list[int] = []
    for k in range(len(classes)):
        members = rng.permutation(np.flatnonzero(positions == k))
        held += members[: max(1, round(TEST_SHARE * len(members)))].tolist()
    is_test = np.isin(np.arange(len(labels)), held)
    pixels = np.ascontiguousarray(images.transpose(0, 3, 1, 2))
    return ImageSet(pixels, positions.astype(np.int64), tuple(map(str, classes)), np.flatnonzero(~is_test), np.flatnonzero(is_test))
