"""Settings of a run as pictures name them: short, and old runs by the names they had."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from dashboard.kit import theme, wording
from l0engine.calibration.config import Config, settings

#: Fields whose label is too long for an axis, or stands for two of them.
_SHORT = {
    "price_l0": "Price of a household",
    "price_l2": "Price of uneven weights",
    "lambda_l0": "λ L0",
    "lambda_l2": "λ L2",
    "share": "Share",
    "lambda_ratio": "λ ratio",
}


def name(field: str) -> str:
    """What a field of `Config` is called; a field from elsewhere as it stands."""
    known = settings().get(field)
    label = _SHORT.get(field) or (known.label if known else field)
    return theme.label(label, 30)


def configuration(config: Config) -> str:
    """The price of a household that was taken, and every setting that is not at its default."""
    default = Config().to_dict()
    price = "share" if config.share is not None else "lambda_l0" if config.lambda_l0 is not None else "price_l0"
    changed = {field: v for field, v in config.to_dict().items() if field == price or (v != default[field] and field != "price_l0")}
    return "; ".join(f"{name(field)} {_plain(v)}" for field, v in changed.items())


def value(setting: Any) -> str:
    """A setting as people read it."""
    if setting is None:
        return "none"
    if isinstance(setting, bool | np.bool_):
        return "yes" if setting else "no"
    if isinstance(setting, int | float):
        return wording.count(setting) if float(setting).is_integer() and abs(setting) < 1e15 else _short(float(setting))
    if isinstance(setting, str):
        return setting
    items = [f"{k} {v:g}" for k, v in setting.items()] if hasattr(setting, "items") else [str(v) for v in setting]
    return ", ".join(items) or "none"


def _short(number: float) -> str:
    if not math.isfinite(number) or 1e-3 <= abs(number) < 1e4:
        return f"{number:g}"
    digits, exponent = f"{number:.2e}".split("e")
    return f"{float(digits):g}e{int(exponent)}"


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{k} {_plain(v)}" for k, v in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else f"{value:g}" if isinstance(value, float) else str(value)
