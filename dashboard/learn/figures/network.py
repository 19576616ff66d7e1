"""A network in a plane that moves: the boundary it draws, and its units and connections as they go."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dashboard.kit import theme, wording
from dashboard.kit.figures.film import Film, Mark, Panel
from l0engine.lessons.shown.network import NetworkPicture


class NetworkInfo(NamedTuple):
    """The picture, and a caption for each stage."""

    picture: NetworkPicture
    captions: tuple[str, ...]


def info(picture: NetworkPicture) -> NetworkInfo:
    """Of a network."""
    hidden = sum(alive.shape[1] for alive in picture.alive[1:3])
    captions = []
    for i, epoch in enumerate(picture.epochs):
        units = sum(int(alive[i].sum()) for alive in picture.alive[1:3])
        head = f"Epoch {epoch} of {picture.epochs[-1]}: {units} of {hidden} units live, with {picture.opened[i]} weights"
        captions.append(f"{head}; {wording.percent(picture.accuracy[i])} of new points told right")
    return NetworkInfo(picture, tuple(captions))


def film(info: NetworkInfo, palette: theme.Palette) -> Film:
    """Left the points on the map of what the network says; right its units, faint where they are dead."""
    picture = info.picture
    edge = float(picture.side[-1])
    plane = Panel("What it says of every point", (-edge, edge), (-edge, edge), square=True, width=1.0)
    columns = len(picture.alive)
    drawing = Panel("The network", (-0.15, columns - 0.85), (-0.06, 1.06), width=1.35)
    places = [np.linspace(1, 0, alive.shape[1] + 2)[1:-1] for alive in picture.alive]
    first = picture.labels == 0
    colours = (palette.held_out, palette.kept)
    marks = [Mark("map", 0, {"share": picture.maps}, colours)]
    for of, colour in ((first, colours[0]), (~first, colours[1])):
        point = picture.points[of]
        marks.append(Mark("dots", 0, {"x": point[:, 0], "y": point[:, 1], "r": np.full(len(point), 3.5)}, (colour,)))
    largest = max(float(np.abs(w).max()) for w in picture.weights)
    for layer, weights in enumerate(picture.weights):
        outputs, inputs = weights.shape[1:]
        joined = picture.alive[layer + 1][:, :, None] & picture.alive[layer][:, None, :]
        width = np.where(joined, np.abs(weights), 0.0).reshape(len(weights), -1) / largest * 6
        start, end = np.tile(places[layer], outputs), np.repeat(places[layer + 1], inputs)
        n = outputs * inputs
        values = {
            "x": np.full(n, float(layer)), "y": start, "x1": np.full(n, layer + 1.0), "y1": end, "w": width,
            "tone": (weights.reshape(len(weights), -1) > 0).astype(float), "alpha": np.full(n, 0.6),
        }  # fmt: skip
        marks.append(Mark("links", 1, values, (palette.error, palette.dropped, palette.kept)))
    for layer, alive in enumerate(picture.alive):
        n = alive.shape[1]
        values = {
            "x": np.full(n, float(layer)), "y": places[layer], "r": np.where(alive, 8.0, 4.0), "tone": alive.astype(float),
            "alpha": np.where(alive, 1.0, 0.35),
        }  # fmt: skip
        names = ("Input", "Unit of the first layer", "Unit of the second layer", "Class")
        marks.append(Mark("dots", 1, values, (palette.dropped, palette.kept), [names[layer]] * n, ring=True))
    words = ("inputs", "first layer", "second layer", "classes")
    at = {"x": np.arange(columns, dtype=float), "y": np.full(columns, -0.04)}
    marks.append(Mark("text", 1, at, (palette.muted,), words=words))
    return Film((plane, drawing), marks, info.captions, seconds=8.0, height=400)
