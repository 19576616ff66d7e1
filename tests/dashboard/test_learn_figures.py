"""Films: what the browser is sent is what the engine computed, stage by stage."""

import base64

import numpy as np
import pytest
from helpers import film_read, numbers

from dashboard.kit import theme
from dashboard.kit.figures.film import Film, Mark, Panel, to_json
from dashboard.learn.figures import attempts, gate, network, paths, surface, survey, weights
from l0engine.lessons.board import Entry
from l0engine.lessons.made import challenge as made_challenge
from l0engine.lessons.made import evenness as made_evenness
from l0engine.lessons.made import gate as made_gate
from l0engine.lessons.made import households as made_households
from l0engine.lessons.made import network as made_network
from l0engine.lessons.made import truth as made_truth
from l0engine.lessons.shown.challenge import ChallengeAsk, FrontierPicture
from l0engine.lessons.shown.evenness import EvennessAsk
from l0engine.lessons.shown.gate import GateAsk
from l0engine.lessons.shown.households import VIEWS, HouseholdsAsk
from l0engine.lessons.shown.network import NetworkAsk
from l0engine.lessons.shown.truth import TruthAsk


def close(shown, computed):
    """Equal but for the rounding, a hundred-thousandth of the largest."""
    np.testing.assert_allclose(np.asarray(shown, float), computed, rtol=0, atol=1e-5 * np.abs(computed).max() + 1e-12)


def sent(film, palette=theme.LIGHT):
    """As the browser reads it; every channel with as many stages, or none, and as many things as the others."""
    read = film_read(to_json(film, palette))
    for mark in read["marks"]:
        assert 0 <= mark["panel"] < len(read["panels"])
        if mark["kind"] == "map":
            continue
        sizes = {len(c[0]) if isinstance(c[0], list) else len(c) for c in mark["values"].values()}
        stages = {len(c) for c in mark["values"].values() if isinstance(c[0], list)}
        assert len(sizes) == 1 and stages <= {len(read["captions"])}
        assert len(mark["hover"]) in (0, *sizes) and len(mark["words"]) in (0, *sizes)
        for hover in mark["hover"]:  # each names channels that are there
            assert {part.split("}")[0] for part in hover.split("{")[1:]} <= set(mark["values"])
    return read


def test_numbers_are_sent_as_single_floats_and_with_gaps():
    values = {"x": [0.0, 0.04, -123456.789, np.nan], "y": np.array([[1.23456789, 2, 3, 4], [5, 6, 7, np.inf]])}
    film = Film((Panel("", (0, 1), (0, 1)),), (Mark("dots", 0, values, ("#000000",)),), ("a", "b"))
    read = sent(film)["marks"][0]["values"]
    assert read["x"] == [0.0, np.float32(0.04), np.float32(-123456.789), None]
    assert read["y"] == [[np.float32(1.23456789), 2, 3, 4], [5, 6, 7, None]]
    with pytest.raises(AssertionError):
        to_json(film._replace(captions=("a", "b", "c")), theme.LIGHT)


def test_survey_film():
    picture = made_households.show(HouseholdsAsk()).survey
    read = sent(survey.film(survey.info(picture), theme.DARK))
    dots, bars, line = read["marks"]
    close(dots["values"]["tone"], picture.gates)
    close(dots["values"]["w"], picture.weights)
    close(bars["values"]["y"], picture.estimates)
    radius = np.array(dots["values"]["r"])[-1]
    large = picture.weights[-1] > picture.weights.max() / 20
    np.testing.assert_allclose(radius[large] ** 2 / picture.weights[-1][large], 26**2 / picture.weights.max(), rtol=1e-3)  # area is weight
    assert line["values"]["y"] == [1, 1] and dots["colours"] == [theme.DARK.dropped, theme.DARK.undecided, theme.DARK.kept]
    kept, of, error, ess = numbers(read["captions"][-1])
    assert (
        (kept, of) == (picture.kept[-1], 60)
        and error / 100 == pytest.approx(picture.errors[-1], rel=0.05)
        and ess == pytest.approx(picture.ess[-1], abs=0.05)
    )


def test_surface_film():
    picture = made_households.show(HouseholdsAsk(view=VIEWS[1])).two
    read = sent(surface.film(surface.info(picture), theme.LIGHT))
    trail = next(m for m in read["marks"] if m["kind"] == "trail")
    close(np.stack([trail["values"]["x"], trail["values"]["y"]], 1), picture.path)
    ends = [(m["values"]["x"][0], m["values"]["y"][0]) for m in read["marks"] if m["kind"] == "dots" and m["panel"] == 0]
    close(ends, [(e.first, e.second) for e in picture.ends])
    shown = read["marks"][0]["values"]["share"]
    image = np.frombuffer(base64.b64decode(shown["bytes"]), np.uint8).reshape(shown["rows"], shown["columns"])
    assert np.unravel_index(image.argmin(), image.shape) == np.unravel_index(picture.loss.argmin(), picture.loss.shape)


def test_gate_film():
    ask = GateAsk(log_alpha=0.4, published=True)
    picture = made_gate.show(ask)
    read = sent(gate.film(gate.info(ask, picture), theme.LIGHT))
    bars = [m for m in read["marks"] if m["kind"] == "bars"]
    close(bars[0]["values"]["y"], picture.between)
    close(bars[1]["values"]["y"], [picture.p_zero, picture.p_one])
    dots = [m for m in read["marks"] if m["kind"] == "dots"]
    log_alpha = np.clip(np.array(dots[0]["values"]["x"]), -6, 6)
    mistaken = np.clip(1.2 / (1 + np.exp(-log_alpha)) - 0.1, 0, 1)  # gates slide along the curve that is looked at
    np.testing.assert_allclose(dots[0]["values"]["y"], mistaken, atol=3e-3)
    assert dots[1]["values"]["y"] == [pytest.approx(picture.published, rel=1e-4)]
    trails = {tuple(m["values"]["y"]) for m in read["marks"] if m["kind"] == "trail"}
    assert trails == {tuple(map(float, picture.trained.right)), tuple(map(float, picture.trained.published))}
    assert numbers(read["captions"][-1])[-2:] == [30, picture.trained.published[-1]]


def test_paths_film():
    picture = made_truth.show(TruthAsk())
    found = paths.info(picture)
    read = sent(paths.film(found, theme.LIGHT))
    for m, name in enumerate(("L0", "L1", "L2")):
        close(read["marks"][2 * m]["values"]["y"], picture.coefficients[m][:, found.order])
        assert read["panels"][m]["title"].startswith(name)
        assert numbers(read["panels"][m]["title"])[-1] / 100 == pytest.approx(picture.errors[m].min(), rel=0.05)
    strokes = np.array(read["marks"][1]["values"]["y"])
    assert (np.abs(strokes - picture.truth[found.order][:5]) < 0.05).all() and (np.diff(np.abs(picture.truth[found.order])) <= 0).all()


def test_weights_film():
    picture = made_evenness.show(EvennessAsk())
    read = sent(weights.film(weights.info(picture), theme.LIGHT))
    households, totals, kept, effective = read["marks"]
    close(np.sort(households["values"]["y"], axis=1), np.sort(picture.weights / 100, axis=1))
    close(totals["values"]["y"], np.abs(picture.errors))
    np.testing.assert_allclose(np.square(kept["values"]["w"])[:, 0], picture.kept, rtol=1e-3)  # area
    np.testing.assert_allclose(np.square(effective["values"]["w"])[:, 0], picture.ess, rtol=1e-3)


def test_network_film():
    picture = made_network.show(NetworkAsk(hidden=4, price=2.0))
    read = sent(network.film(network.info(picture), theme.LIGHT))
    shown = read["marks"][0]["values"]["share"]
    raw = np.frombuffer(base64.b64decode(shown["bytes"]), np.uint8).reshape(picture.maps.shape)
    np.testing.assert_array_equal(raw, picture.maps)
    links = [m["values"]["w"] for m in read["marks"] if m["kind"] == "links"]
    assert [sum(sum(w > 0 for w in layer[stage]) for layer in links) for stage in (0, -1)] == picture.opened[[0, -1]].tolist()
    units = [np.array(m["values"]["r"]) for m in read["marks"] if m["kind"] == "dots" and m["panel"] == 1]
    assert [int((r[-1] > 5).sum()) for r in units] == [int(alive[-1].sum()) for alive in picture.alive]


def test_attempts_film():
    mine = made_challenge.attempt(ChallengeAsk(price=1.6))
    entry = Entry("<i>Ada</i>", 30, 0.04, 20.0, {}, 0.0)
    read = sent(attempts.film(attempts.info(mine, [entry], FrontierPicture((mine,))), theme.LIGHT))
    dots = [m for m in read["marks"] if m["kind"] == "dots"]
    assert [d["values"]["x"] for d in dots] == [[mine.kept], [30], [mine.kept]]
    assert dots[1]["hover"][0].startswith("<i>Ada</i>: 30 households")  # the player writes it as text
    assert len(read["captions"]) == 1 and numbers(read["captions"][0])[0] == mine.kept
