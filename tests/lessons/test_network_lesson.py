"""The network in a plane: what is shown against the network itself, and what compaction leaves."""

import numpy as np
import pytest
import torch
from further import further

from l0engine.lessons.made import network
from l0engine.lessons.shown.network import NetworkAsk
from l0engine.studies.pruning.networks import answers


@pytest.fixture(scope="module")
def shown():
    return network.show(NetworkAsk(hidden=8))


def test_the_last_stage_is_the_network_that_was_trained(shown):
    x, y = network.points("moons", network.POINTS, 0)
    more, theirs = network.points("moons", network.FURTHER, 1)
    model = network.network(8, 0)
    assert list(network.trained(model, x, y, 1.0)) == list(range(1, network.EPOCHS + 1))
    scores = answers(model, more)
    assert shown.accuracy[-1] == pytest.approx(float((scores.argmax(1) == theirs).float().mean()))
    i, j = 5, 30  # row and column of the map
    point = torch.tensor([[shown.side[j], shown.side[i]]])
    assert shown.maps[-1, i, j] == round(255 * float(answers(model, point).softmax(1)[0, 1]))
    np.testing.assert_array_equal(shown.points, x)


def test_what_lives_is_joined_and_counted(shown):
    for stage in (0, 10, -1):
        alive = [a[stage] for a in shown.alive]
        joined = [np.outer(alive[i + 1], alive[i]) & (shown.weights[i][stage] != 0) for i in range(3)]
        assert sum(int(j.sum()) for j in joined) == shown.opened[stage]
        for i in (0, 1):  # a hidden unit that lives has something on both sides
            assert (joined[i].any(1) == alive[i + 1]).all() and (joined[i + 1].any(0) == alive[i + 1]).all()


def test_the_small_network_says_the_same(shown):
    assert shown.difference < 1e-5
    units = [int(a[-1].sum()) for a in shown.alive]
    assert shown.after == sum((units[i] + 1) * units[i + 1] for i in range(3)) < shown.before == 3 * 8 + 9 * 8 + 9 * 2


@pytest.mark.slow
def test_no_global_randomness_is_used_or_left(shown):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    again = network.show(NetworkAsk(hidden=8))
    assert torch.equal(torch.rand(3), expected)
    np.testing.assert_array_equal(again.maps, shown.maps)


@pytest.mark.parametrize("shape", further("moons", "circles", "spiral"))
def test_every_shape_is_learnt_with_a_part_of_the_units(shape):
    found = network.show(NetworkAsk(shape=shape, price=1.0))
    assert found.accuracy[-1] > 0.93 and found.after < found.before / 1.5
