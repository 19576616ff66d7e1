"""What a pruned network is, in words and tables: pure functions of a study's result."""

from __future__ import annotations

from dashboard.kit import wording
from dashboard.pruning.figures.size import TITLES
from l0engine.studies.pruning.result import PruningResult

_BOTH = ("compact", "dense")


def verdict(result: PruningResult) -> str:
    """How much is gone, what it cost, and what it gains; counts alone, for times are those of one machine and what else it did."""
    return f"{_gone(result)} {_gain(result)}"


def _gone(result: PruningResult) -> str:
    right, weights, test = result.right, result.weights, result.test
    more = right["dense"] - right["compact"]
    share = wording.percent(1 - weights["compact"] / weights["dense"])
    own, dense = (wording.percent(right[name] / test) for name in _BOTH)
    if more == 0:
        return f"{share} of the weights are gone and as many of the {wording.count(test)} test images are told right as before, {own}."
    verb = "are" if abs(more) > 1 else "is"
    images = f"{wording.count(abs(more))} of {wording.count(test)} test images {'more' if more > 0 else 'fewer'} {verb} wrong"
    return f"{share} of the weights are gone and {images}: {own} against {dense} dense."


def _gain(result: PruningResult) -> str:
    before, after = result.report.before, result.report.after
    return f"Compacted, the network needs {_times(before.multiply_adds / after.multiply_adds)} fewer multiply-adds."


def _times(ratio: float) -> str:
    return f"{ratio:.1f} times" if ratio < 10 else f"{wording.count(ratio)} times"


def tiles(result: PruningResult) -> list[tuple[str, str, str, str]]:
    """Label, value after, value before, and help, of what pruning changes."""
    right, test, weights = result.right, result.test, result.weights
    after, before = result.report.after, result.report.before
    stored = "Weights and biases; zeros between two living units are still there."
    return [
        ("Test accuracy", *(wording.percent(right[k] / test) for k in _BOTH), "Share of the images held out that are told right."),
        ("Weights that are not zero", *(wording.count(weights[k]) for k in _BOTH), "Biases are not counted."),
        ("Numbers stored", wording.count(after.parameters), wording.count(before.parameters), stored),
        (
            "Multiply-adds an image", wording.count(after.multiply_adds), wording.count(before.multiply_adds),
            "Of the network as an ordinary one.",
        ),
        (
            "Latency where pruned", milliseconds(after.seconds), milliseconds(before.seconds),
            f"Of {result.report.batch} images: median over calls, in turn, on the machine that pruned it and beside what else it did.",
        ),
    ]  # fmt: skip


def milliseconds(seconds: float) -> str:
    """A short time, in milliseconds or microseconds."""
    return f"{seconds * 1e3:.3g} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.0f} µs"


def compared(result: PruningResult) -> list[dict[str, str]]:
    """A row a network."""
    notes = {
        "compact": "its units and weights chosen by gates while it learnt",
        "dense": "the same shape, trained alike without gates",
        "magnitude": "the dense one without its smallest weights, not trained on",
        "small": "a narrow network with as many weights, all of them used",
        "anew": "the compacted network's shape, all weights used and drawn anew",
    }
    rows = []
    for name, note in notes.items():
        if name in result.right:
            share = result.right[name] / result.test
            weights = wording.count(result.weights[name])
            wrong = wording.count(result.test - result.right[name])
            rows.append(
                {"Network": TITLES[name], "Weights": weights, "Test accuracy": wording.percent(share), "Wrong": wrong, "What it is": note}
            )
    return rows


def by_layer(result: PruningResult) -> list[dict[str, str]]:
    """A row a layer."""
    return [
        {
            "Layer": layer.name,
            "Weights alive": wording.of(layer.weights, layer.of_weights),
            "Units alive": wording.of(layer.units, layer.of_units),
        }
        for layer in result.layers
    ]


READING = """
**Gates.** Every weight (in a convolution: every channel) is multiplied by a gate between 0 and 1. While the network learns, gates are
drawn by chance and an open one costs the price you set; so a weight must be worth its price, or its gate shuts. The price rises over
the first three quarters of the epochs. The temperature falls from soft gates to gates that are nearly on or off.

**Pruning and compaction.** A weight whose gate is shut is zero. A unit that nothing living leads to, or that leads nowhere, is dead,
and is taken out together with all its weights; so is a pixel that no living weight reads. What is left is an ordinary, smaller network
that gives the same answers, and needs fewer multiplications. Zeros between two living units stay in it as numbers.

**The others.** *Dense* is the same network without gates, trained on the same images in the same way. *Magnitude pruning* takes the
smallest weights out of it until as many are left; nothing is trained afterwards, in either network. *Small network* has about as many
weights as are left, and uses all of them. *Compacted shape* has the units that are left, but all weights between them, and learns from
scratch: it says what the choice of single weights is worth beyond the choice of units.

**Accuracy** is the share of test images, a fifth of all, that are told right. With 360 of them one image is 0.28 points: differences of
a few images are chance. Try other seeds.

**The picture of the network.** Dots are pixels, hidden units and classes; faint ones are gone. Lines are the strongest connections. In
the map of pixels darker ones feed more living weights; in a convolution, where all pixels share their weights, darker ones sway the
answer more.
"""
