"""A gate: where it falls, what is read of it at test time, and a model of thirty such gates that learns."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dashboard.kit import theme, wording
from dashboard.kit.figures.film import Film, Mark, Panel
from l0engine.lessons.shown.gate import GateAsk, GatePicture


class GateInfo(NamedTuple):
    """What was asked, the picture, and a caption for each step of the model that learns."""

    ask: GateAsk
    picture: GatePicture
    captions: tuple[str, ...]


def info(ask: GateAsk, picture: GatePicture) -> GateInfo:
    """Of a gate."""
    trained = picture.trained
    of = trained.log_alpha.shape[1]
    captions = tuple(
        f"The model beside, step {step} of {trained.steps[-1]}: {right} of {of} features are in by the right rule, {published} as first "
        "published"
        for step, right, published in zip(trained.steps, trained.right, trained.published, strict=True)
    )
    return GateInfo(ask, picture, captions)


def film(info: GateInfo, palette: theme.Palette) -> Film:
    """Three panels; while the model learns, its gates slide along the curve that is looked at."""
    looked, other = (palette.error, palette.held_out) if info.ask.published else (palette.held_out, palette.error)
    rules = ((palette.held_out, "with the temperature"), (palette.error, "as first published"))
    return Film(
        (_falls(info, palette)[0], _read(info, palette, rules), _learns(info, palette, rules)),
        (*_falls(info, palette)[1], *_curves(info, palette, looked, other), *_counts(info, palette)),
        info.captions, seconds=6.0, height=330,
    )  # fmt: skip


def _falls(info: GateInfo, palette: theme.Palette) -> tuple[Panel, tuple[Mark, ...]]:
    picture = info.picture
    between = max(0.0, 1 - picture.p_zero - picture.p_one)
    legend = tuple(
        (colour, f"{word} {wording.percent(p)}")
        for colour, word, p in (
            (palette.dropped, "shut", picture.p_zero), (palette.undecided, "between", between), (palette.kept, "open", picture.p_one),
        )
    )  # fmt: skip
    high = max(0.2, min(1.0, 1.12 * max(picture.p_zero, picture.p_one, float(picture.between.max()))))
    ticks = tuple((v, wording.percent(v)) for v in (0.0, 0.1, 0.25, 0.5, 0.75, 1.0) if v <= high)
    places = tuple((v, word) for v, word in ((0.0, "0"), (0.25, "0.25"), (0.5, "0.5"), (0.75, "0.75"), (1.0, "1")))
    panel = Panel("Where the gate falls", (-0.1, 1.1), (0.0, high), "Gate, drawn by chance", "Probability", places, ticks, legend=legend)
    width = float(picture.edges[1])
    middle = picture.edges[:-1] + width / 2
    words = [f"{wording.percent(p)} fall from {a:.2f} to {a + width:.2f}" for p, a in zip(picture.between, picture.edges, strict=False)]
    masses = {
        "x": np.array([-0.03, 1.03]),
        "w": np.full(2, 0.05),
        "y": np.array([picture.p_zero, picture.p_one]),
        "tone": np.array([0.0, 1.0]),
    }
    said = [f"Exactly 0: {wording.percent(picture.p_zero)}", f"Exactly 1: {wording.percent(picture.p_one)}"]
    mean = {"x": np.full(2, picture.mean), "y": np.array([0.0, high])}
    label = {"x": np.array([picture.mean + (0.02 if picture.mean < 0.6 else -0.2)]), "y": np.array([high * 0.95])}
    return panel, (
        Mark("bars", 0, {"x": middle, "w": np.full(len(middle), 0.9 * width), "y": picture.between}, (palette.undecided,), words),
        Mark("bars", 0, masses, (palette.dropped, palette.kept), said),
        Mark("line", 0, mean, (palette.target,), dash=True),
        Mark("text", 0, label, (palette.text,), words=(f"mean {picture.mean:.2f}",), dash=True),
    )


def _read(info: GateInfo, palette: theme.Palette, rules: tuple[tuple[str, str], ...]) -> Panel:
    x = tuple((float(v), str(v).replace("-", "−")) for v in (-6, -4, -2, 0, 2, 4, 6))
    y = tuple((v, f"{v:g}") for v in (0.0, 0.25, 0.5, 0.75, 1.0))
    return Panel("What is read at test time", (-6, 6), (-0.04, 1.06), "log α", "Gate", x, y, legend=rules, width=1.15)


def _curves(info: GateInfo, palette: theme.Palette, looked: str, other: str) -> tuple[Mark, ...]:
    ask, picture, trained = info.ask, info.picture, info.picture.trained
    mine, theirs = (picture.publisheds, picture.gates) if ask.published else (picture.gates, picture.publisheds)
    alphas = np.clip(trained.log_alpha, -6, 6)
    n = alphas.shape[1]
    dots = {
        "x": alphas,
        "y": np.interp(alphas, picture.log_alphas, mine),
        "r": np.full(n, 4.0),
        "tone": (np.arange(n) < trained.true).astype(float),
    }
    names = [f"Feature {j + 1}, which {'matters' if j < trained.true else 'does not matter'}: log α {{x}}, gate {{y}}" for j in range(n)]
    at = {"x": np.array([ask.log_alpha]), "y": np.array([picture.published if ask.published else picture.gate]), "r": np.array([8.0])}
    return (
        Mark("line", 1, {"x": picture.log_alphas, "y": theirs}, (other,), dash=True, stroke=1.5),
        Mark("line", 1, {"x": picture.log_alphas, "y": mine}, (looked,), stroke=3.0),
        Mark("dots", 1, dots, (palette.dropped, palette.kept), names),
        Mark("dots", 1, at, (looked,), ("This gate: log α {x}, read as {y}",)),
    )


def _learns(info: GateInfo, palette: theme.Palette, rules: tuple[tuple[str, str], ...]) -> Panel:
    trained = info.picture.trained
    of, last = trained.log_alpha.shape[1], int(trained.steps[-1])
    y = tuple((float(v), str(v)) for v in range(0, of + 1, 10))
    x = tuple((float(v), str(v)) for v in range(0, last + 1, 40))
    return Panel("Features left in while a model learns", (0, last), (0, of * 1.05), "Step", "", x, y, legend=rules, width=1.15)


def _counts(info: GateInfo, palette: theme.Palette) -> tuple[Mark, ...]:
    trained = info.picture.trained
    steps = trained.steps.astype(float)
    true = {"x": steps[[0, -1]], "y": np.full(2, float(trained.true))}
    label = {"x": np.array([steps[-1] * 0.02]), "y": np.array([trained.true - 1.4])}
    return (
        Mark("line", 2, true, (palette.target,), dash=True, stroke=1.5),
        Mark("text", 2, label, (palette.text,), words=(f"{trained.true} matter",), dash=True),
        Mark("trail", 2, {"x": steps, "y": trained.published.astype(float)}, (palette.error,)),
        Mark("trail", 2, {"x": steps, "y": trained.right.astype(float)}, (palette.held_out,)),
    )
