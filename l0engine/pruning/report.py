"""What compaction saved: parameters, multiply-adds, bytes and time, before and after, layer by layer; read without torch."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from l0engine.plain import Plain

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Size:
    """How large a layer, or a whole network, is.

    Attributes
    ----------
    parameters : int
    multiply_adds : int
        Products of a weight of a linear layer or a convolution with an input, for one example; zeros count, biases do not.
    bytes : int
        Of parameters and buffers.
    seconds : float
        Median time of a call with the example batch.
    """

    parameters: int
    multiply_adds: int
    bytes: int
    seconds: float


@dataclass(frozen=True)
class LayerSize(Size):
    """How large a layer is; `inputs` and `outputs` are units or channels, None where it is of a kind that is left whole."""

    inputs: int | None
    outputs: int | None


@dataclass(frozen=True)
class LayerChange:
    """One layer before and after compaction.

    Attributes
    ----------
    name : str
        In the model and in the compact network.
    kind : str
        Its type in torch.nn.
    unread : tuple of int
        Inputs of the layer, by their position before, that stay though it reads none of them: features of the network's own input,
        or units that another layer needs.
    """

    name: str
    kind: str
    before: LayerSize
    after: LayerSize
    unread: tuple[int, ...]


@dataclass(frozen=True)
class LeftWhole:
    """Something that compaction does not go through: it stays as it is, and what it reads keeps its full width.

    Attributes
    ----------
    name : str
        Of the module, or of the module whose forward pass calls the function; '' for the network itself.
    kind : str
        The module's type, or the function's name.
    why : str
        The end of a sentence: 'it is called more than once'.
    """

    name: str
    kind: str
    why: str


@dataclass(frozen=True)
class CompactionReport(Plain):
    """What compaction saved.

    Attributes
    ----------
    layers : tuple of LayerChange
        Every module that has parameters, in the order of their calls.
    before, after : Size
        Of the whole network; `before` is the ordinary network that computes what the model does at test time.
    batch : int
        Examples in the batch that was timed.
    difference : float
        Largest absolute difference between the outputs before and after, for the example batch.
    whole : tuple of LeftWhole
        Modules and functions that compaction did not go through, in the order of their calls. Layers that could shrink on their
        own are among them where something else uses them too.
    """

    layers: tuple[LayerChange, ...]
    before: Size
    after: Size
    batch: int
    difference: float
    whole: tuple[LeftWhole, ...]

    def table(self) -> pd.DataFrame:
        """One row a layer and a last one for the network, named 'total'; columns 'parameters_before', 'parameters_after' and so on."""
        import pandas as pd  # here alone: reports are read where a table is not needed

        rows = [{"name": c.name, "kind": c.kind, **_columns(c.before, c.after), "unread": len(c.unread)} for c in self.layers]
        return pd.DataFrame([*rows, {"name": "total", "kind": "", **_columns(self.before, self.after)}]).convert_dtypes()


def _columns(before: Size, after: Size) -> dict[str, float]:
    names = [field.name for field in fields(before)]
    return {f"{name}_{when}": getattr(size, name) for name in names for when, size in (("before", before), ("after", after))}
