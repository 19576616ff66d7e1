"""Adam without torch's class, which loads torch's compiler: the same steps. That nothing loads it: tests/test_machine.py."""

import pytest
import torch

from l0engine.adam import Adam, adam_step


def losses(parameters, step):
    """A loss whose slopes change, in which the last parameter takes part at every other step only."""
    first, second, third = parameters
    return (first.square().sum() * (step + 1) + (second * first[0]).sin().sum() + (third.exp().sum() if step % 2 else 0.0)).sum()


def test_it_takes_the_steps_of_the_class():
    torch.manual_seed(3)
    start = [torch.randn(4), torch.randn(2, 3), torch.randn(5)]
    ours, theirs = ([torch.nn.Parameter(p.clone()) for p in start] for _ in range(2))
    adam = Adam(ours[:1], ours[1:], [])
    known = torch.optim.Adam([{"params": theirs[:1], "lr": 0.1}, {"params": theirs[1:], "lr": 0.02}])
    for step in range(12):
        adam.forget()
        known.zero_grad()
        losses(ours, step).backward()
        losses(theirs, step).backward()
        rates = [0.1 / (step + 1), 0.02 / (step + 1)]
        for group, rate in zip(known.param_groups, rates, strict=True):
            group["lr"] = rate
        known.step()
        adam.step(*rates, 1.0)
        for p, q in zip(ours, theirs, strict=True):
            assert p.detach().numpy().tobytes() == q.detach().numpy().tobytes()


@pytest.mark.parametrize("fused", [False, True])
def test_a_step_with_settings_of_its_own(fused):
    p, q = torch.nn.Parameter(torch.tensor([1.0, -2.0])), torch.nn.Parameter(torch.tensor([1.0, -2.0]))
    p.grad = q.grad = torch.tensor([0.3, 1e-7])
    torch.optim.Adam([q], lr=0.1, eps=1e-3, fused=fused).step()
    with torch.no_grad():
        adam_step([p], [p.grad], [torch.zeros(2)], [torch.zeros(2)], [torch.tensor(0.0)], lr=0.1, eps=1e-3, fused=fused)
    assert p.detach().numpy().tobytes() == q.detach().numpy().tobytes()
