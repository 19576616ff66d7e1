"""The report of compact: counted by hand."""

import json

import pytest
import torch
from torch import nn

from l0engine.pruning import CompactionReport, compact


@pytest.fixture(scope="module")
def result():
    """Channel 1 of 4 is dead; of the last layer the first two features of each other channel's four are not read."""
    network = nn.Sequential(
        *(nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 3, groups=4, bias=False), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(16, 3)),
    ).eval()
    with torch.no_grad():
        network[0].weight[1], network[0].bias[1] = 0, 0
        network[0].weight[:, 1] = 0
        network[6].weight.view(3, 4, 4)[:, :, :2] = 0
    return compact(network, torch.randn(5, 2, 6, 6))


def test_sizes_by_hand(result):
    """Images are 6 x 6, then 4 x 4, then 2 x 2."""
    _, report = result
    by_name = {layer.name: layer for layer in report.layers}
    assert [(layer.name, layer.kind) for layer in report.layers] == [
        ("0", "Conv2d"),
        ("1", "BatchNorm2d"),
        ("3", "Conv2d"),
        ("6", "Linear"),
    ]

    def figures(name, when):
        size = getattr(by_name[name], when)
        return size.inputs, size.outputs, size.parameters, size.multiply_adds, size.bytes

    assert figures("0", "before") == (2, 4, 4 * 2 * 9 + 4, 36 * 4 * 2 * 9, 4 * 76)
    assert figures("0", "after") == (2, 3, 3 * 2 * 9 + 3, 36 * 3 * 2 * 9, 4 * 57)
    assert figures("1", "before") == (4, 4, 8, 0, 4 * 16 + 8)  # with running mean and variance, and a count of 8 bytes
    assert figures("1", "after") == (3, 3, 6, 0, 4 * 12 + 8)
    assert figures("3", "before") == (4, 4, 4 * 9, 16 * 4 * 9, 4 * 36)
    assert figures("3", "after") == (3, 3, 3 * 9, 16 * 3 * 9, 4 * 27)
    assert figures("6", "before") == (16, 3, 51, 48, 4 * 51)
    assert figures("6", "after") == (12, 3, 39, 36, 4 * 39)
    assert (report.before.parameters, report.before.multiply_adds) == (76 + 8 + 36 + 51, 2592 + 576 + 48)
    assert (report.after.parameters, report.after.multiply_adds) == (57 + 6 + 27 + 39, 1944 + 432 + 36)
    assert report.before.bytes - report.after.bytes == 4 * (171 - 129) + 4 * 2
    assert report.batch == 5
    assert report.whole == ()


def test_inputs_that_stay_unread_are_named(result):
    unread = {layer.name: layer.unread for layer in result[1].layers}
    assert unread == {"0": (1,), "1": (), "3": (), "6": (0, 1, 8, 9, 12, 13)}  # features 4 to 7 are gone


def test_times_are_measured(result):
    _, report = result
    assert 0 < report.before.seconds < 1 and 0 < report.after.seconds < 1
    assert all(0 < size.seconds < 1 for layer in report.layers for size in (layer.before, layer.after))


def test_a_larger_network_takes_longer():
    network = nn.Sequential(nn.Linear(800, 2000), nn.ReLU(), nn.Linear(2000, 800)).eval()
    nn.init.zeros_(network[0].weight[10:])
    with torch.no_grad():
        network[2].weight[:, 10:] = 0
    _, report = compact(network, torch.randn(64, 800))
    assert report.after.seconds < report.before.seconds
    assert all(layer.after.seconds < layer.before.seconds for layer in report.layers)


def test_as_json_and_as_a_table(result):
    _, report = result
    plain = report.to_dict()
    assert CompactionReport.from_dict(json.loads(json.dumps(plain))) == report
    assert plain["layers"][3]["after"]["parameters"] == 39 and plain["before"]["parameters"] == 171
    table = report.table()
    assert list(table["name"]) == ["0", "1", "3", "6", "total"]
    assert table["multiply_adds_after"].tolist() == [1944, 0, 432, 36, 2412]
    assert table["inputs_before"].isna().tolist() == [False] * 4 + [True]
    assert table["unread"].tolist()[:4] == [1, 0, 0, 6]


def test_what_is_left_whole_is_in_json_and_has_no_units():
    network = nn.Sequential(nn.Linear(4, 4), nn.RMSNorm(4), nn.GRU(4, 3)).eval()
    _, report = compact(network, torch.randn(5, 4))
    plain = report.to_dict()
    assert CompactionReport.from_dict(json.loads(json.dumps(plain))) == report
    assert [(left["name"], left["kind"]) for left in plain["whole"]] == [("1", "RMSNorm"), ("2", "GRU")]
    assert [layer["before"]["outputs"] for layer in plain["layers"]] == [4, 4, None]
    assert plain["layers"][2]["before"]["parameters"] == 3 * (3 * 4 + 3 * 3 + 2 * 3)
    assert report.table()["outputs_after"].isna().tolist() == [False, False, True, True]
