"""Models: a loss, linear in its features, and the coefficients that minimise it. A new one is a class with these methods."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self

import numpy as np
from scipy import linalg
from scipy.optimize import minimize

#: Up to so many coefficients of a logistic model are found by Newton's method, more by L-BFGS.
NEWTON_UP_TO = 300
#: Newton's method ends after so many steps, or one that lowers the loss by no more than this share: the next lowers it by its square.
NEWTON_STEPS, NEWTON_GAIN = 50, 1e-6
Loss = Callable[[np.ndarray], tuple[float, np.ndarray]]


class Model(Protocol):
    """A loss phi of ``eta = X W + b``, of shape (n, n_outputs), whose second derivative is at most `curvature`."""

    @property
    def curvature(self) -> float:
        """For independent gates z on the rows of W, ``E phi`` is at most phi at the mean plus half this times the variance of eta."""

    @property
    def ridge(self) -> float:
        """Price of ``|W|^2 / 2`` beside the summed loss when coefficients are fitted to standardised features."""

    def ridged(self, ridge: float) -> Self:
        """The same with another ridge."""

    def start(self, y: np.ndarray) -> np.ndarray:
        """Intercepts before any feature, shape (n_outputs,)."""

    def value(self, eta: np.ndarray, y: np.ndarray) -> float:
        """Mean loss."""

    def derivative(self, eta: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Of each row's loss with respect to its eta, shape (n, n_outputs)."""

    def row_curvature(self, eta: np.ndarray) -> np.ndarray:
        """Second derivative of each row's loss by each of its outputs, shape (n, n_outputs)."""

    def fit(self, X: np.ndarray, y: np.ndarray, W: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Coefficients of standardised features, shape (k, n_outputs), and intercepts; from `W` and `b` on."""


@dataclass(frozen=True)
class LeastSquares:
    """``phi = (eta - y)^2 / 2``; the bound of `curvature` is an equality, so the expected loss is exact."""

    ridge: float = 1e-3
    curvature: float = 1.0

    def ridged(self, ridge: float) -> LeastSquares:
        return replace(self, ridge=ridge)

    def start(self, y: np.ndarray) -> np.ndarray:
        return np.asarray(y.mean(axis=0))

    def value(self, eta: np.ndarray, y: np.ndarray) -> float:
        return float(((eta - y) ** 2).mean()) / 2

    def derivative(self, eta: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.asarray(eta - y)

    def row_curvature(self, eta: np.ndarray) -> np.ndarray:
        return np.ones(eta.shape)

    def fit(self, X: np.ndarray, y: np.ndarray, W: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        b = y.mean(axis=0)
        return np.asarray(linalg.solve(X.T @ X + self.ridge * np.eye(X.shape[1]), X.T @ (y - b), assume_a="pos")), b


@dataclass(frozen=True)
class Logistic:
    """``phi = log sum_c exp(eta_c) - eta_y``; with two classes only the second has an eta, the first one's is 0.

    The bounds on the curvature, 1/4 with two classes and 1/2 with more, are those of Boehning (1992).
    """

    n_classes: int
    ridge: float = 1.0

    @property
    def curvature(self) -> float:
        return 0.25 if self.n_classes == 2 else 0.5

    def ridged(self, ridge: float) -> Logistic:
        return replace(self, ridge=ridge)

    def start(self, y: np.ndarray) -> np.ndarray:
        logs = np.log(np.maximum(np.bincount(y, minlength=self.n_classes), 0.5) / len(y))  # a class may be absent from a fold
        return np.asarray(logs[1:] - logs[0] if self.n_classes == 2 else logs - logs.mean())

    def value(self, eta: np.ndarray, y: np.ndarray) -> float:
        full = self._full(eta)
        top = full.max(axis=1)
        return float((np.log(np.exp(full - top[:, None]).sum(axis=1)) + top - full[np.arange(len(y)), y]).mean())

    def derivative(self, eta: np.ndarray, y: np.ndarray) -> np.ndarray:
        p = self.probabilities(eta)
        p[np.arange(len(y)), y] -= 1
        return np.asarray(p[:, -eta.shape[1] :])

    def probabilities(self, eta: np.ndarray) -> np.ndarray:
        """Of all classes, shape (n, n_classes)."""
        full = self._full(eta)
        shares = np.exp(full - full.max(axis=1, keepdims=True))
        return np.asarray(shares / shares.sum(axis=1, keepdims=True))

    def row_curvature(self, eta: np.ndarray) -> np.ndarray:
        p = self.probabilities(eta)[:, -eta.shape[1] :]
        return np.asarray(p * (1 - p))

    def fit(self, X: np.ndarray, y: np.ndarray, W: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        theta = np.vstack([b, W])
        A = np.column_stack([np.ones(len(X)), X])
        ridge = self.ridge * np.r_[0.0, np.ones(X.shape[1])][:, None]

        def loss(t: np.ndarray) -> tuple[float, np.ndarray]:
            t = t.reshape(theta.shape)
            eta = A @ t
            return self.value(eta, y) + float((ridge * t**2).sum()) / (2 * len(y)), A.T @ self.derivative(eta, y) + ridge * t

        theta = self._newton(A, ridge, loss, theta) if theta.size <= NEWTON_UP_TO else self._descend(loss, theta, len(y))
        return theta[1:], theta[0]

    @staticmethod
    def _descend(loss: Loss, theta: np.ndarray, n: int) -> np.ndarray:
        def flat(t: np.ndarray) -> tuple[float, np.ndarray]:
            value, slope = loss(t)
            return value, slope.ravel() / n

        options: Any = {"maxiter": 500, "gtol": 1e-5}
        return minimize(flat, theta.ravel(), jac=True, method="L-BFGS-B", options=options).x.reshape(theta.shape)

    def _newton(self, A: np.ndarray, ridge: np.ndarray, loss: Loss, theta: np.ndarray) -> np.ndarray:
        """Newton's steps, halved while they do not lower the loss."""
        now, slope = loss(theta)
        for _ in range(NEWTON_STEPS):
            step = linalg.solve(self._hessian(A, A @ theta, ridge), slope.ravel(order="F"), assume_a="pos").reshape(theta.shape, order="F")
            promised, size = float((slope * step).sum()) / len(A), 1.0
            while (then := loss(theta - size * step))[0] > now and size > 1e-6:
                size /= 2
            if then[0] < now:
                theta, (now, slope) = theta - size * step, then
            if size <= 1e-6 or promised <= NEWTON_GAIN * now:
                break
        return theta

    def _hessian(self, A: np.ndarray, eta: np.ndarray, ridge: np.ndarray) -> np.ndarray:
        """Of the summed loss with its ridge, output by output; a trace of ridge on intercepts too, whose sum nothing else decides."""
        p, k = self.probabilities(eta)[:, -eta.shape[1] :], A.shape[1]
        out = np.empty((p.shape[1] * k, p.shape[1] * k))
        for c in range(p.shape[1]):
            for d in range(c + 1):
                block = (A * (p[:, c] * ((c == d) - p[:, d]))[:, None]).T @ A
                out[c * k : (c + 1) * k, d * k : (d + 1) * k] = out[d * k : (d + 1) * k, c * k : (c + 1) * k] = block
        out[np.diag_indices_from(out)] += np.tile(np.maximum(ridge[:, 0], 1e-8 * len(A)), p.shape[1])
        return out

    def _full(self, eta: np.ndarray) -> np.ndarray:
        return np.hstack([np.zeros_like(eta), eta]) if self.n_classes == 2 else eta
