"""Models: a loss, linear in its features, and the coefficients that minimise it. A new one is a class with these methods."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from scipy import linalg
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax


class Model(Protocol):
    """A loss phi of ``eta = X W + b``, of shape (n, n_outputs), whose second derivative is at most `curvature`."""

    @property
    def curvature(self) -> float:
        """For independent gates z on the rows of W, ``E phi`` is at most phi at the mean plus half this times the variance of eta."""

    @property
    def ridge(self) -> float:
        """Price of ``|W|^2 / 2`` beside the summed loss when coefficients are fitted to standardised features."""

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

    def start(self, y: np.ndarray) -> np.ndarray:
        logs = np.log(np.bincount(y, minlength=self.n_classes) / len(y))
        return np.asarray(logs[1:] - logs[0] if self.n_classes == 2 else logs - logs.mean())

    def value(self, eta: np.ndarray, y: np.ndarray) -> float:
        return -float(log_softmax(self._full(eta), axis=1)[np.arange(len(y)), y].mean())

    def derivative(self, eta: np.ndarray, y: np.ndarray) -> np.ndarray:
        p = self.probabilities(eta)
        p[np.arange(len(y)), y] -= 1
        return np.asarray(p[:, -eta.shape[1] :])

    def probabilities(self, eta: np.ndarray) -> np.ndarray:
        """Of all classes, shape (n, n_classes)."""
        return np.asarray(softmax(self._full(eta), axis=1))

    def row_curvature(self, eta: np.ndarray) -> np.ndarray:
        p = self.probabilities(eta)[:, -eta.shape[1] :]
        return np.asarray(p * (1 - p))

    def fit(self, X: np.ndarray, y: np.ndarray, W: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        k, n = X.shape[1], len(X)

        def loss(theta: np.ndarray) -> tuple[float, np.ndarray]:
            theta = theta.reshape(k + 1, -1)
            eta = X @ theta[1:] + theta[0]
            r = self.derivative(eta, y) / n
            slope = np.vstack([r.sum(axis=0), X.T @ r + self.ridge / n * theta[1:]])
            return self.value(eta, y) + self.ridge / (2 * n) * float((theta[1:] ** 2).sum()), slope.ravel()

        options: Any = {"maxiter": 500, "gtol": 1e-5}
        theta = minimize(loss, np.vstack([b, W]).ravel(), jac=True, method="L-BFGS-B", options=options).x.reshape(k + 1, -1)
        return theta[1:], theta[0]

    def _full(self, eta: np.ndarray) -> np.ndarray:
        return np.hstack([np.zeros_like(eta), eta]) if self.n_classes == 2 else eta
