"""SparseMLP: a small network of gated layers."""

from __future__ import annotations

import numpy as np
from torch import Tensor, nn

from l0engine.layers.layers import L0Linear
from l0engine.penalties import compute_l0_penalty, compute_l2_penalty, get_sparsity_stats


class SparseMLP(nn.Module):
    """Three `L0Linear` layers, fc1 to fc3, with rectifiers between them.

    Parameters
    ----------
    input_dim, hidden_dim, output_dim : int
    init_sparsity, temperature, use_l2
        As in `L0Linear`, of all three.
    seed : int, optional
        Seed of all gates' noise; from the system's entropy by default.
    """

    def __init__(
        self,
        input_dim: int = 784,
        hidden_dim: int = 256,
        output_dim: int = 10,
        init_sparsity: float = 0.5,
        temperature: float = 0.5,
        use_l2: bool = False,
        *,
        seed: int | None = None,
    ) -> None:
        super().__init__()
        self.use_l2 = use_l2
        sizes = ((input_dim, hidden_dim), (hidden_dim, hidden_dim), (hidden_dim, output_dim))
        seeds = np.random.SeedSequence(seed).generate_state(3).tolist()
        self.fc1, self.fc2, self.fc3 = (
            L0Linear(*size, temperature=temperature, init_sparsity=init_sparsity, use_l2=use_l2, seed=s)
            for size, s in zip(sizes, seeds, strict=True)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Outputs, shape (batch, output_dim), for inputs of any shape with `input_dim` entries a row."""
        x = nn.functional.relu(self.fc1(x.flatten(1)))
        return self.fc3(nn.functional.relu(self.fc2(x)))  # type: ignore[no-any-return]

    def get_l0_loss(self) -> Tensor:
        """Expected number of weights whose gate is open, a differentiable scalar."""
        return compute_l0_penalty(self)

    def get_l2_loss(self) -> Tensor:
        """`compute_l2_penalty` of the network if `use_l2`, else 0; a differentiable scalar."""
        return compute_l2_penalty(self) if self.use_l2 else self.fc1.weight.new_zeros(())

    def get_sparsity_stats(self) -> dict[str, dict[str, float]]:
        """How much of each layer is left, see `l0engine.penalties.get_sparsity_stats`."""
        return get_sparsity_stats(self)
