"""What L0, L1 and L2 find of a planted truth, along their paths."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import lasso_path

from l0engine.lessons.shown.truth import TruthAsk, TruthPicture
from l0engine.sparse_linear.local_search import Products, best_support

#: Coefficients that are not 0, of so many.
TRUTH, FEATURES = (2.0, -1.5, 1.0, -0.75, 0.5), 20
#: Penalties of a path, from where nothing is found down to a thousandth of that; squared penalties to a millionth.
STEPS, LEAST = 31, 1e-3
#: Further rows on which errors are measured.
FURTHER = 1_000


def show(ask: TruthAsk) -> TruthPicture:
    """Paths on the data of these settings."""
    truth, x, y, more, goal = data(ask)
    paths = [l0_path(x, y), l1_path(x, y), l2_path(x, y)]
    coefficients = np.stack([found for _, found in paths])
    found, true = coefficients != 0, truth != 0
    hits = (found & true).sum(-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        precision = np.where(found.any(-1), hits / found.sum(-1), 1.0)
        ratio = np.abs(coefficients[..., true]) / np.abs(truth[true])
        shrinkage = ratio.sum(-1) / hits
    errors = ((more @ coefficients.transpose(0, 2, 1) - goal[:, None]) ** 2).mean(1) / goal.var()
    snr = float((more @ truth).var() / ask.noise**2)
    return TruthPicture(truth, coefficients, precision, hits / true.sum(), shrinkage, errors, errors.argmin(1), snr)


def data(ask: TruthAsk) -> tuple[np.ndarray, ...]:
    """Truth, shape (p,), features and y of the fit, and of `FURTHER` rows; columns are centred and of unit mean square in the fit."""
    rng = np.random.default_rng(ask.seed)
    truth = np.zeros(FEATURES)
    truth[rng.choice(FEATURES, len(TRUTH), replace=False)] = TRUTH
    rows = ask.rows + FURTHER
    fresh, x = rng.standard_normal((rows, FEATURES)), np.empty((rows, FEATURES))
    x[:, 0] = fresh[:, 0]
    for j in range(1, FEATURES):
        x[:, j] = ask.correlation * x[:, j - 1] + np.sqrt(1 - ask.correlation**2) * fresh[:, j]
    fit = x[: ask.rows]
    x = (x - fit.mean(0)) / fit.std(0)
    y = x @ truth + ask.noise * rng.standard_normal(rows)
    y = y - y[: ask.rows].mean()
    return truth, x[: ask.rows], y[: ask.rows], x[ask.rows :], y[ask.rows :]


def l0_path(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Least ``mean((y - x w)^2) + penalty * (number of w that are not 0)`` by the search that ends every fit of `SparseL0Linear`."""
    n, p = x.shape
    products = Products(x.T @ x / n, x.T @ y / n, float(y @ y) / n)
    top = float((products.y**2).max())
    penalties, out = _falling(top, LEAST), np.zeros((STEPS, p))
    for i, penalty in enumerate(penalties):
        before = np.flatnonzero(out[i - 1]) if i else np.arange(0)
        found = best_support(products, float(penalty), [np.arange(0), before, np.argsort(-np.abs(products.y))])
        out[i, found.columns] = found.coefficients
    return penalties, out


def l1_path(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Least ``mean((y - x w)^2) / 2 + penalty * sum(abs(w))``, by scikit-learn."""
    penalties = _falling(float(np.abs(x.T @ y).max()) / len(y), LEAST)
    _, found, _ = lasso_path(x, y, alphas=penalties, tol=1e-8, max_iter=20_000)
    return penalties, found.T


def l2_path(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Least ``mean((y - x w)^2) + penalty * sum(w^2)``."""
    values, vectors = np.linalg.eigh(x.T @ x / len(y))
    penalties = _falling(100 * float(values.max()), LEAST**2)
    turned = vectors.T @ (x.T @ y / len(y))
    return penalties, (turned / (values + penalties[:, None])) @ vectors.T


def _falling(top: float, least: float) -> np.ndarray:
    return top * 1.001 * np.geomspace(1, least, STEPS)
