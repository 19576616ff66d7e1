"""Ordinary networks in which some units are dead or constant, for the tests of compaction."""

import torch
from torch import Tensor, nn


def without(network: nn.Module, share: float = 0.4, seed: int = 0) -> nn.Module:
    """The network in eval mode with random weights, of which whole rows, whole columns and single ones are 0; biases are not."""
    g = torch.Generator().manual_seed(seed)

    def gone(n: int) -> Tensor:
        return torch.rand(n, generator=g) < share

    with torch.no_grad():
        for p in (*network.parameters(), *network.buffers()):
            if p.is_floating_point():
                p.copy_(torch.randn(p.shape, generator=g) / max(p[0].numel() if p.dim() else 1, 1) ** 0.5)
        for module in network.modules():
            if isinstance(module, nn.Linear | nn.Conv1d | nn.Conv2d):
                module.weight[gone(len(module.weight))] = 0
                module.weight[:, gone(module.weight.shape[1])] = 0
                module.weight *= torch.rand(module.weight.shape, generator=g) < 0.7
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                module.running_var.abs_().add_(0.5)
    return network.eval()


class Residual(nn.Module):
    """Two convolutions with normalisation around a sum."""

    def __init__(self, channels: int, inplace: bool = False) -> None:
        super().__init__()
        self.a, self.b = (nn.Conv2d(channels, channels, 3, padding=1, bias=False) for _ in range(2))
        self.na, self.nb = nn.BatchNorm2d(channels), nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=inplace)

    def forward(self, x: Tensor) -> Tensor:
        y = self.nb(self.b(self.relu(self.na(self.a(x)))))
        y += x
        return self.relu(y)


class Attended(nn.Module):
    """Channels times a number of their own, made from their means, beside a second branch (cat)."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 8, 3)
        self.squeeze, self.excite = nn.Conv2d(8, 4, 1), nn.Conv2d(4, 8, 1)
        self.side = nn.Conv2d(8, 6, 1)
        self.end = nn.Linear(14, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.stem(x))
        gate = torch.sigmoid(self.excite(torch.relu(self.squeeze(x.mean((2, 3), keepdim=True)))))
        x = torch.cat([x * gate, self.side(x)], dim=1)
        return torch.log_softmax(self.end(x.mean((2, 3))), dim=1)


class Viewed(nn.Module):
    """Sizes written out, as people do."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.fc = nn.Conv2d(1, 6, 3), nn.Linear(6 * 9, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.max_pool2d(nn.functional.relu(self.conv(x)), 2)
        return self.fc(x.view(-1, 6 * 3 * 3))


class Sequence(nn.Module):
    """Units on the last axis, and convolutions in one dimension."""

    def __init__(self) -> None:
        super().__init__()
        self.up, self.down, self.end = nn.Linear(5, 12), nn.Linear(12, 5), nn.Linear(5 * 7, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.end((x + self.down(nn.functional.gelu(self.up(x)))).flatten(1))


#: Name -> how to make the network, and the shape of one example.
NETWORKS = {
    "mlp": (lambda: nn.Sequential(nn.Linear(9, 12), nn.Sigmoid(), nn.Linear(12, 11), nn.Dropout(), nn.ReLU(), nn.Linear(11, 3)), (9,)),
    "mlp with normalisation": (
        lambda: nn.Sequential(nn.Linear(9, 12), nn.BatchNorm1d(12), nn.Tanh(), nn.Linear(12, 11), nn.PReLU(11), nn.Linear(11, 3)),
        (9,),
    ),
    "convolutions": (
        lambda: nn.Sequential(
            *(nn.Conv2d(2, 8, 3), nn.BatchNorm2d(8), nn.ReLU(inplace=True), nn.AvgPool2d(2), nn.Conv2d(8, 10, 3, bias=False)),
            *(nn.LeakyReLU(), nn.Flatten(), nn.Linear(90, 3)),
        ),
        (2, 12, 12),
    ),
    "padded convolutions": (
        lambda: nn.Sequential(
            *(nn.Conv2d(2, 8, 3, padding=1), nn.BatchNorm2d(8), nn.Sigmoid(), nn.Conv2d(8, 10, 5, padding="same", stride=1)),
            *(nn.ELU(), nn.MaxPool2d(3, padding=1), nn.Conv2d(10, 9, 3, padding=1, padding_mode="reflect", stride=2), nn.ReLU()),
            *(nn.AvgPool2d(2, padding=1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(9, 3)),
        ),
        (2, 12, 12),
    ),
    "residual": (
        lambda: nn.Sequential(
            *(nn.Conv2d(1, 8, 3), nn.ReLU(), Residual(8), nn.MaxPool2d(2), Residual(8, inplace=True), nn.AdaptiveAvgPool2d(1)),
            *(nn.Flatten(), nn.Linear(8, 3)),
        ),
        (1, 10, 10),
    ),
    "depthwise": (
        lambda: nn.Sequential(
            *(nn.Conv2d(1, 8, 1), nn.ReLU(), nn.Conv2d(8, 16, 3, groups=8, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 8, 1)),
            *(nn.Conv2d(8, 8, 3, groups=8), nn.ReLU(), nn.Conv2d(8, 8, 3, groups=2), nn.AdaptiveAvgPool2d(1)),
            *(nn.Flatten(), nn.Linear(8, 3)),
        ),
        (1, 8, 8),
    ),
    "one dimension": (
        lambda: nn.Sequential(
            *(nn.Conv1d(2, 8, 3, padding=2), nn.BatchNorm1d(8), nn.ReLU(), nn.MaxPool1d(2), nn.Conv1d(8, 6, 3), nn.ReLU()),
            *(nn.Flatten(), nn.Linear(24, 3)),
        ),
        (2, 10),
    ),
    "squeeze and excitation": (Attended, (1, 8, 8)),
    "written-out sizes": (Viewed, (1, 8, 8)),
    "sequence": (Sequence, (7, 5)),
    "whole": (lambda: nn.Sequential(nn.Linear(5, 9), nn.LayerNorm(9), nn.ReLU(), nn.Linear(9, 8), nn.ReLU(), nn.Linear(8, 3), nn.Softmax(1)), (5,)),
}  # fmt: skip
