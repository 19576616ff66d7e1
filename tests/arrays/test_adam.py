"""Adam's steps are torch's own, and taking them loads no compiler."""

import subprocess
import sys

import pytest
import torch

from l0engine.arrays.adam import Adam


@pytest.mark.parametrize("fused", [False, True])
def test_steps_are_those_of_torch_to_the_last_bit(fused):
    generator = torch.Generator().manual_seed(0)
    ours = [torch.randn(5, generator=generator), torch.randn(3, 2, generator=generator).requires_grad_()]
    theirs = [p.detach().clone().requires_grad_() for p in ours]
    adam, torchs = Adam(ours, 0.07, fused=fused), torch.optim.Adam(theirs, lr=0.07, fused=fused)
    for _ in range(20):
        for mine, other in zip(ours, theirs, strict=True):
            mine.grad = torch.randn(mine.shape, generator=generator)
            other.grad = mine.grad.clone()
        adam.step()
        torchs.step()
    for mine, other in zip(ours, theirs, strict=True):
        assert torch.equal(mine.detach(), other.detach())


@pytest.mark.slow  # a process that imports torch; layers with gates import the compiler themselves
@pytest.mark.parametrize("name", ["GateAsk", "TruthAsk", "HouseholdsAsk", "EvennessAsk", "ChallengeAsk"])
def test_the_first_picture_of_a_lesson_loads_no_compiler(name):
    code = (
        f"import sys; from l0engine.lessons.school import picture_of; picture_of('{name}', {{}}); sys.exit('torch._dynamo' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
