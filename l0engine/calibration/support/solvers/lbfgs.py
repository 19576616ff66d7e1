"""Curvature: what limited-memory BFGS remembers of a function, on any device, in its compact form.

With the last m steps s and changes y of the gradient as the rows of S and Y, R the upper triangle of ``S Y'`` and D its diagonal,

    H = gamma I + [S' gamma Y'] [[R^-T (D + gamma Y Y') R^-1, -R^-T], [-R^-1, 0]] [S; gamma Y],  gamma = s'y / y'y of the last step,

so a direction takes two products with the stacked rows, and little else. Source: Byrd, Nocedal & Schnabel (1994), Representations of
quasi-Newton matrices and their use in limited memory methods, equation 3.1.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

#: Steps that are remembered.
MEMORY = 10
#: A step counts where ``s'y`` is at least this share of ``y'y``: elsewhere the function is not seen to be convex.
CONVEX = 1e-12


class Curvature:
    """The inverse Hessian H of a function of n variables, as its last steps show it.

    Parameters
    ----------
    like : Tensor, shape (n,)
        Of the precision and device of all vectors.
    """

    def __init__(self, like: Tensor) -> None:
        self._rows = torch.zeros(2 * MEMORY, len(like), dtype=like.dtype, device=like.device)
        self._forget()

    def _forget(self) -> None:
        self._slots = np.zeros(0, int)  # where the steps stand, oldest first, as in D, the inverse of R, and Y Y'
        self._d, self._inverse, self._yy = np.zeros(0), np.zeros((0, 0)), np.zeros((0, 0))

    def add(self, step: Tensor, change: Tensor) -> None:
        """Remember a step and how the gradient changed along it, in the place of the oldest."""
        first = int(len(self._slots) == MEMORY)
        slot = int(self._slots[0]) if first else len(self._slots)
        self._rows[slot], self._rows[MEMORY + slot] = step, change
        seen = (self._rows @ change).cpu().numpy()
        slope, square = seen[slot], seen[MEMORY + slot]
        if not slope > CONVEX * square:
            self._forget()
            return
        size, kept = len(self._slots) - first, self._slots[first:]
        inverse, yy = np.zeros((size + 1, size + 1)), np.empty((size + 1, size + 1))
        inverse[:size, :size], yy[:size, :size] = self._inverse[first:, first:], self._yy[first:, first:]
        inverse[:size, size] = inverse[:size, :size] @ seen[kept] / -slope
        inverse[size, size] = 1 / slope
        yy[:size, size] = yy[size, :size] = seen[MEMORY + kept]
        yy[size, size] = square
        self._slots, self._d, self._inverse, self._yy = np.append(kept, slot), np.append(self._d[first:], slope), inverse, yy

    def direction(self, gradient: Tensor) -> Tensor:
        """``-H gradient``, shape (n,); minus the gradient while nothing is known."""
        slots, d, inverse = self._slots, self._d, self._inverse
        if not len(slots):
            return -gradient
        gamma, seen = d[-1] / self._yy[-1, -1], (self._rows @ gradient).cpu().numpy()
        along = inverse @ seen[slots]
        factors = np.zeros(2 * MEMORY)
        factors[slots] = inverse.T @ (gamma * (seen[MEMORY + slots] - self._yy @ along) - d * along)
        factors[MEMORY + slots] = gamma * along
        return torch.sub(torch.from_numpy(factors).to(gradient.device) @ self._rows, gradient, alpha=gamma)
