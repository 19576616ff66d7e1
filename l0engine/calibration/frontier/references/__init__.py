"""References: what simpler methods make of as many households, so that a result is judged against something.

Each answers the same problem with the same loss; those that choose households have them refitted like any other support. A new one is a
file with a function `choose` and a line in `REFERENCES`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from l0engine.errors import ConfigError
from l0engine.lazy import importer

if TYPE_CHECKING:
    from l0engine.calibration.frontier.references.comparison import compare

__all__ = ["REFERENCES", "Reference", "checked_methods", "compare"]


class Reference(NamedTuple):
    """A method to compare with; its module is imported when it is used, so that titles are known without torch.

    One that has a size of its own comes out alike at every budget.
    """

    title: str
    sentence: str
    module: str
    own_size: bool = False

    @property
    def choose(self) -> Callable[..., Any]:
        """From a `Case` to a `Choice`, or None where it finds no weights."""
        choose: Callable[..., Any] = import_module(self.module).choose
        return choose


#: The reference methods, by name, in the order in which they are shown.
REFERENCES: dict[str, Reference] = {
    "dense": Reference(
        "All households", "Every household, refitted from its base weight: what selection gives up.", f"{__name__}.dense", own_size=True
    ),
    "random": Reference("Random", "As many households drawn at random, all alike, then refitted.", f"{__name__}.random"),
    "pps": Reference(
        "Proportional to weight", "As many households drawn with probability proportional to base weight, then refitted.", f"{__name__}.pps"
    ),
    "l1": Reference(
        "L1 path", "Least squares with a price on weight / base weight, lowered until enough are kept; then refitted.", f"{__name__}.l1"
    ),
    "lp": Reference(
        "LP vertex", "Least absolute errors at a corner: it hits targets with at most one household each.", f"{__name__}.lp", own_size=True
    ),
    "gated": Reference("Gated, no refit", "The households that the fit keeps, with its gated weights and no refit.", f"{__name__}.gated"),
    "eliminated": Reference(
        "Gates, refitted", "The households that gates and elimination keep, refitted: no relaxation, no exchange.", f"{__name__}.eliminated"
    ),
}  # fmt: skip


def checked_methods(names: Sequence[str]) -> tuple[str, ...]:
    """The names, all of them in `REFERENCES`; or a ConfigError."""
    if unknown := [name for name in names if name not in REFERENCES]:
        raise ConfigError(f"There is no reference method {unknown[0]!r}: choose from {', '.join(REFERENCES)}.")
    return tuple(names)


__getattr__ = importer(__name__, {"comparison": ("compare",)})
