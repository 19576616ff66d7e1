"""Networks as files for other programs, each checked by running it."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from l0engine.errors import ConfigError
from l0engine.pruning.graph import as_inputs, first_line
from l0engine.pruning.masks import plain

#: Largest difference from the network's outputs, relative to the largest of them, or absolute where they are below 1.
TOLERANCE = 1e-4
_ONNX = ("onnx", "onnxscript", "onnxruntime")

Inputs = tuple[Tensor, ...]
Run = Callable[..., Any]


def export(network: nn.Module, example_input: Tensor | tuple[Tensor, ...], path: str | os.PathLike[str]) -> float:
    """Write a network as a file that takes batches of any size, read it back, run it and compare its outputs with the network's.

    Parameters
    ----------
    network : Module
        With gated layers or without; what it computes at test time is written.
    example_input : Tensor or tuple of Tensor
        A batch as the network takes it; the file is compared on it and on one example more.
    path : path
        Ends in .onnx (ONNX), .pt (TorchScript) or .pt2 (torch.export).

    Returns
    -------
    float
        Largest absolute difference between an output of the file and of the network.

    Raises
    ------
    ConfigError
        The path ends otherwise, a package that ONNX needs is missing, torch cannot write the network in this format for batches of
        any size, or the outputs differ by more than `TOLERANCE`.
    """
    path = Path(path)
    if path.suffix not in _FORMATS:
        raise ConfigError(f"The file '{path.name}' has no known format: end its name in {', '.join(_FORMATS)}.")
    ordinary, inputs = plain(network).eval(), as_inputs(example_input)
    larger = tuple(torch.cat([x, x[:1]]) for x in inputs)  # the shape of a batch of one could not tell that it may grow
    write, read = _FORMATS[path.suffix]
    with torch.no_grad(), _without_notices():
        try:
            write(ordinary, larger, path)
            run = read(path)
            return max(_difference(ordinary, run, batch, path) for batch in (inputs, larger))
        except (RuntimeError, AssertionError) as error:
            why = first_line(error)
            raise ConfigError(f"The network cannot be written as '{path.name}' ({why}): choose another format.") from error


def _difference(network: nn.Module, run: Run, inputs: Inputs, path: Path) -> float:
    worst = 0.0
    for expected, found in zip(tree_leaves(network(*inputs)), tree_leaves(run(*inputs)), strict=True):
        expected, difference = expected.cpu(), float((torch.as_tensor(found).cpu() - expected.cpu()).abs().max())
        if not difference <= TOLERANCE * max(1.0, float(expected.abs().max())):
            raise ConfigError(f"The outputs of '{path.name}' differ from the network's by {difference:.2g}: choose another format.")
        worst = max(worst, difference)
    return worst


@contextmanager
def _without_notices() -> Iterator[None]:
    """What torch says of its own future: TorchScript is deprecated, and torch.export uses what is."""
    with warnings.catch_warnings():
        for category in (DeprecationWarning, FutureWarning):
            warnings.simplefilter("ignore", category)
        yield


def _any_batch(inputs: Inputs) -> tuple[dict[int, Any], ...]:
    return tuple({0: torch.export.Dim.AUTO} for _ in inputs)


def _write_program(network: nn.Module, inputs: Inputs, path: Path) -> None:
    torch.export.save(torch.export.export(network, inputs, dynamic_shapes=_any_batch(inputs)), path)


def _read_program(path: Path) -> Run:
    return torch.export.load(path).module()


def _write_script(network: nn.Module, inputs: Inputs, path: Path) -> None:
    torch.jit.save(torch.jit.trace(network, inputs), path)  # type: ignore[no-untyped-call]


def _write_onnx(network: nn.Module, inputs: Inputs, path: Path) -> None:
    missing = [name for name in _ONNX if find_spec(name) is None]
    if missing:
        raise ConfigError(f"Writing ONNX needs {', '.join(missing)}: install them with pip install 'l0engine[export]'.")
    torch.onnx.export(network, inputs, path, dynamo=True, verbose=False, external_data=False, dynamic_shapes=_any_batch(inputs))


def _read_onnx(path: Path) -> Run:
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [given.name for given in session.get_inputs()]
    return lambda *inputs: session.run(None, {name: x.numpy(force=True) for name, x in zip(names, inputs, strict=True)})


_FORMATS = {".onnx": (_write_onnx, _read_onnx), ".pt": (_write_script, torch.jit.load), ".pt2": (_write_program, _read_program)}
