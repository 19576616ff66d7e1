"""What lessons may be asked: few values each, which an address can carry."""

from dataclasses import fields

import pytest

from l0engine.errors import ConfigError
from l0engine.lessons import school
from l0engine.lessons.ask import Ask
from l0engine.lessons.shown.challenge import ChallengeAsk, FrontierAsk
from l0engine.lessons.shown.evenness import EvennessAsk
from l0engine.lessons.shown.gate import GateAsk
from l0engine.lessons.shown.households import HouseholdsAsk
from l0engine.lessons.shown.network import NetworkAsk
from l0engine.lessons.shown.truth import TruthAsk

ASKS = (GateAsk, HouseholdsAsk, TruthAsk, EvennessAsk, NetworkAsk, ChallengeAsk, FrontierAsk)


@pytest.mark.parametrize("of", ASKS)
def test_every_value_passes_through_an_address_and_no_two_look_alike(of):
    for name, choice in of.choices().items():
        texts = [of(**{name: option}).texts()[name] for option in choice.options]
        assert len(set(texts)) == len(choice.options)
        assert [getattr(of.from_texts({name: text}), name) for text in texts] == list(choice.options)
    assert of.from_texts(of().texts()) == of()


def test_the_school_knows_every_ask():
    assert (
        set(school.SHOWN)
        == {of.__name__ for of in ASKS}
        == {of.__name__ for of in Ask.__subclasses__() if of.__module__.startswith("l0engine")}
    )


@pytest.mark.parametrize(
    "texts", [{"price": "7"}, {"price": ""}, {"price": "0.40"}, {"view": "61 households"}, {"seed": "-1"}, {"seed": "1e9"}]
)
def test_other_values_are_refused_with_what_there_is(texts):
    with pytest.raises(ConfigError, match="choose from"):
        HouseholdsAsk.from_texts(texts)


def test_a_value_out_of_its_options_is_refused_in_code_too():
    with pytest.raises(ConfigError, match=r"price is '0.41' in this lesson: choose from 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2."):
        HouseholdsAsk(price=0.41)


def test_neighbours_differ_by_one_step_in_one_field():
    asked = NetworkAsk(shape="circles", price=4.0, hidden=4, seed=0)
    differing = [[f.name for f in fields(asked) if getattr(asked, f.name) != getattr(n, f.name)] for n in asked.neighbours()]
    assert differing == [["shape"], ["shape"], ["price"], ["hidden"], ["seed"]]
    assert {n.shape for n in asked.neighbours()} == {"moons", "circles", "spiral"}


def test_what_has_just_changed_is_likely_to_change_on():
    """Three steps on, then one back, before any other field; a question of another lesson says nothing."""
    before, asked = HouseholdsAsk(price=0.1, seed=5), HouseholdsAsk(price=0.2, seed=5)
    assert [n.price for n in asked.neighbours(before)[:4]] == [0.4, 0.8, 1.6, 0.1]
    assert [n.price for n in before.neighbours(asked)[:3]] == [0.05, 0.2, 0.1]
    assert {n.seed for n in asked.neighbours(before)[4:]} == {4, 5, 6}
    assert asked.neighbours(NetworkAsk(seed=1)) == asked.neighbours() == asked.neighbours(asked)


def test_of_few_options_all_others_are_neighbours():
    assert {n.shape for n in NetworkAsk(shape="moons").neighbours()} == {"moons", "circles", "spiral"}
