"""Networks made smaller on a GPU against the CPU, in double precision: convolutions there round single precision to ten bits."""

import copy

import pytest
import torch
from networks_with_zeros import NETWORKS, without

from l0engine.pruning import compact

pytestmark = pytest.mark.cuda


@pytest.mark.parametrize("name", NETWORKS)
def test_a_compacted_network_is_that_of_the_cpu(device, name):
    make, shape = NETWORKS[name]
    network, batch = without(make(), 0.6).double().eval(), torch.randn(6, *shape, dtype=torch.float64)
    here, _ = compact(network, batch)
    there, report = compact(copy.deepcopy(network).to(device), batch.to(device))
    assert {p.device.type for p in there.parameters()} == {device}
    assert [p.shape for p in there.parameters()] == [p.shape for p in here.parameters()]
    assert report.difference <= 1e-5
    with torch.no_grad():
        torch.testing.assert_close(there(batch.to(device)).cpu(), network(batch))
