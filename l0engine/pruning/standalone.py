"""A network as two files that need nothing of this library: its arrays, and the Python code that builds it and runs it."""

from __future__ import annotations

import os
import re
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx

from l0engine.errors import ConfigError
from l0engine.pruning.graph import arguments, defaults, shape_of

SCRIPT, ARRAYS = "model.py", "model.npz"
#: Names that generated code may use, and where they come from.
_IMPORTS = {"inf": "math", "nan": "math", "device": "torch"}

_SCRIPT = Template('''"""A network of plain torch layers with $parameters parameters; it takes arrays of shape $shapes.

It needs torch, numpy and the weights in model.npz beside this file. In Python `load()` returns it; from the command line:

    python model.py input.npy output.npy
"""

import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn
$imports

class Network(nn.Module):
    def __init__(self):
        super().__init__()
$modules

$forward


def load(path=Path(__file__).with_name("model.npz")):
    """The network with its weights, ready to run."""
    with np.load(path, allow_pickle=False) as arrays:
        state = {name: torch.from_numpy(arrays[name]) for name in arrays.files}
    network = Network()
    network.load_state_dict(state, assign=True)
    return network.eval()


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit("Usage: python model.py input.npy output.npy")
    *inputs, output = sys.argv[1:]
    with torch.inference_mode():
        result = load()(*(torch.from_numpy(np.load(path, allow_pickle=False)) for path in inputs))
    np.save(output, result.numpy())
''')


def standalone_script(network: fx.GraphModule) -> str:
    """Python code that builds a network of plain torch layers, loads its weights from model.npz beside it and runs it.

    Parameters
    ----------
    network : GraphModule
        As `compact` returns it.

    Raises
    ------
    ConfigError
        The network is no graph, or calls something that is not part of torch.
    """
    names = _names(network)
    modules = [
        f"self.{names[name]} = nn.{type(module).__name__}({_written(module)})"
        for name, module in ((name, network.get_submodule(name)) for name in _modules(network))
    ]
    tensors = [f'self.register_buffer("{names[name]}", torch.empty({list(t.shape)}))' for name, t in _own_tensors(network).items()]
    forward = _forward(network, names)
    used = [name for name in _IMPORTS if re.search(rf"\b{name}\b", "\n".join([*modules, *forward]))]
    shapes = [shape_of(node) for node in network.graph.nodes if node.op == "placeholder"]
    return _SCRIPT.substitute(
        parameters=f"{sum(p.numel() for p in network.parameters()):,}",
        shapes=" and ".join(f"(batch, {', '.join(map(str, shape[1:]))})" for shape in shapes if shape) or "any",
        modules="\n".join(f"        {line}" for line in [*modules, *tensors]),
        forward="\n".join(f"    {line}" for line in forward),
        imports="".join(f"from {_IMPORTS[name]} import {name}\n" for name in used),
    )


def save_standalone(network: fx.GraphModule, folder: str | os.PathLike[str]) -> None:
    """Write model.py, see `standalone_script`, and model.npz, its weights as arrays without pickle, into a folder that exists.

    Raises
    ------
    ConfigError
        As in `standalone_script`, or numpy knows no numbers like the weights (bfloat16).
    OSError
        The folder cannot be written to.
    """
    script, names = standalone_script(network), _names(network)
    if any(t.dtype == torch.bfloat16 for t in network.state_dict().values()):
        raise ConfigError("The network has weights in bfloat16, which npz files cannot hold: convert it with .float() first.")
    arrays: dict[str, Any] = {}
    for name, values in network.state_dict().items():
        called = next(prefix for prefix in names if f"{name}.".startswith(f"{prefix}."))
        arrays[names[called] + name[len(called) :]] = values.numpy(force=True)
    np.savez(Path(folder) / ARRAYS, **arrays)
    (Path(folder) / SCRIPT).write_text(script, encoding="utf-8")


def _modules(network: fx.GraphModule) -> list[str]:
    return list(dict.fromkeys(str(node.target) for node in network.graph.nodes if node.op == "call_module"))


def _own_tensors(network: fx.GraphModule) -> dict[str, Tensor]:
    """Parameters and buffers that the network's forward pass reads itself."""
    state = network.state_dict()
    return {str(node.target): state[str(node.target)] for node in network.graph.nodes if node.op == "get_attr"}


def _names(network: fx.GraphModule) -> dict[str, str]:
    """An identifier for every module and tensor of the graph, by its dotted name there."""
    if not isinstance(network, fx.GraphModule):
        raise ConfigError(f"The network is a {type(network).__name__} without a graph: give the one that compact returns.")
    names: dict[str, str] = {}
    for name in (*_modules(network), *_own_tensors(network)):
        identifier = re.sub(r"\W", "_", f"layer_{name}" if name[0].isdigit() else name)
        while identifier in names.values():
            identifier += "_"
        names[name] = identifier
    return names


def _written(module: torch.nn.Module) -> str:
    """The arguments of a module's constructor as code, without those that have their default."""
    usual = defaults(module)
    given = {name: v for name, v in arguments(module).items() if v != usual[name] and not (isinstance(v, tuple) and {*v} == {usual[name]})}
    if not type(module).__module__.startswith("torch.nn.modules") or not _makes(type(module), given, module):
        raise ConfigError(f"A {type(module).__name__} like this cannot be written as a line of code: use export for a file with it.")
    return ", ".join(f"{name}={value!r}" for name, value in given.items())


def _makes(kind: type[torch.nn.Module], given: dict[str, Any], module: torch.nn.Module) -> bool:
    """Whether these arguments make a module like this one: not every constructor's arguments can be told from what it makes."""
    try:
        with torch.device("meta"):
            made = kind(**given)
    except (TypeError, ValueError, AssertionError):
        return False
    return bool(_shape_and_settings(made) == _shape_and_settings(module))


def _shape_and_settings(module: torch.nn.Module) -> Any:
    plain = (bool, int, float, str, tuple, type(None))
    settings = [
        (type(m), {k: v for k, v in vars(m).items() if isinstance(v, plain) and k[0] != "_" and k != "training"}) for m in module.modules()
    ]
    return settings, {name: t.shape for name, t in module.state_dict().items()}


def _forward(network: fx.GraphModule, names: dict[str, str]) -> list[str]:
    """The forward method, line by line, with the identifiers in place of dotted names."""
    graph = fx.Graph()
    graph.output(graph.graph_copy(network.graph, {}))
    for node in graph.nodes:
        if node.op in ("call_module", "get_attr"):
            node.target = names[str(node.target)]
    code = graph.python_code("self")
    foreign = set(code.globals) - {"torch", "getattr", "NoneType", "fx_pytree", "pytree", *_IMPORTS}
    if foreign:
        raise ConfigError(f"The network calls '{min(foreign)}', which is not part of torch: give the network that compact returns.")
    lines = code.src.strip().splitlines()
    return [line.split(";  ")[0] for line in lines if line.strip()]
