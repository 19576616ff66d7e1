"""Networks as files: run by a Python without this library, by TorchScript, torch.export and ONNX Runtime."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from further import further
from networks_with_zeros import NETWORKS, without
from torch import nn

from l0engine.errors import ConfigError
from l0engine.layers.layers import L0Linear
from l0engine.pruning import compact, export, save_standalone, standalone_script
from l0engine.pruning import exports as formats


def small(name, n=4):
    make, shape = NETWORKS[name]
    x = torch.randn(n, *shape, generator=torch.Generator().manual_seed(3))
    return compact(without(make(), 0.4), x)[0], x


def loaded(folder):
    scope = {"__name__": "model", "__file__": str(folder / "model.py")}
    exec((folder / "model.py").read_text(), scope)  # noqa: S102
    return scope["load"]()


@pytest.mark.parametrize("name", NETWORKS)
def test_the_script_builds_the_same_network(name, tmp_path):
    network, x = small(name)
    save_standalone(network, tmp_path)
    with torch.no_grad():
        assert torch.equal(loaded(tmp_path)(x), network(x))
    with np.load(tmp_path / "model.npz", allow_pickle=False) as arrays:
        assert sum(arrays[name].size for name in arrays.files) == sum(t.numel() for t in network.state_dict().values())


@pytest.mark.slow
def test_the_script_runs_where_this_library_is_not(tmp_path):
    network, x = small("residual")
    save_standalone(network, tmp_path)
    np.save(tmp_path / "input.npy", x.numpy())
    forbid = f"import sys, runpy; sys.modules['l0engine'] = None; sys.argv = {['model.py', 'input.npy', 'output.npy']}; runpy.run_path('model.py', run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", forbid], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False, env={**os.environ, "PYTHONWARNINGS": "error"})  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    np.testing.assert_allclose(np.load(tmp_path / "output.npy"), network(x).detach().numpy(), atol=1e-6)
    done = subprocess.run([sys.executable, "model.py"], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1 and done.stderr.startswith("Usage:")


def test_precision_and_tensors_of_the_network_itself_are_kept(tmp_path):
    class Shifted(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(3, 2)
            self.register_buffer("shift", torch.tensor([1.0, 2.0, 3.0]))
            self.add_module("fc_", nn.Linear(2, 2))

        def forward(self, x):
            return self.fc_(self.fc(x - self.shift).clamp(max=float("inf")))

    x = torch.randn(4, 3, dtype=torch.float64)
    network, _ = compact(Shifted().double(), x)
    save_standalone(network, tmp_path)
    assert torch.equal(loaded(tmp_path)(x), network(x))


@pytest.mark.parametrize(
    ("name", "suffix"),
    [
        *(("residual", ".onnx"), ("residual", ".pt")),  # ONNX is written by way of what .pt2 holds
        *further(
            ("residual", ".pt2"),
            *((name, suffix) for name in ("written-out sizes", "mlp", "depthwise") for suffix in (".onnx", ".pt", ".pt2")),
        ),
    ],
)
def test_exported_files_give_the_same_outputs(name, suffix, tmp_path):
    network, x = small(name)
    assert export(network, x, tmp_path / f"network{suffix}") <= 1e-5


@pytest.mark.parametrize("suffix", [".onnx", ".pt", ".pt2"])
def test_exported_files_take_any_batch(suffix, tmp_path):
    layer = L0Linear(4, 3, group="output", seed=0).train()
    path = tmp_path / f"network{suffix}"
    export(layer, torch.randn(1, 4), path)
    assert layer.training
    for n in (1, 2, 9):
        x = torch.randn(n, 4)
        if suffix == ".onnx":
            import onnxruntime

            session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
            found = session.run(None, {session.get_inputs()[0].name: x.numpy()})[0]
        elif suffix == ".pt2":
            found = torch.export.load(path).module()(x).detach().numpy()
        else:
            with pytest.warns(DeprecationWarning):
                found = torch.jit.load(path)(x).detach().numpy()
        gates = layer.gates.distribution.gate(layer.gates.qz_logits)
        expected = ((x @ layer.weight.T + layer.bias) * gates).detach().numpy()
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_refusals_are_one_sentence(tmp_path, monkeypatch):
    layer, x = nn.Linear(4, 3), torch.randn(2, 4)
    with pytest.raises(ConfigError, match=r"'network.h5' has no known format: end its name in .onnx, .pt, .pt2\.$"):
        export(layer, x, tmp_path / "network.h5")
    with pytest.raises(ConfigError, match=r"^The network is a Linear without a graph: give the one that compact returns\.$"):
        standalone_script(layer)
    half = compact(nn.Linear(4, 3).bfloat16(), x.bfloat16())[0]
    with pytest.raises(ConfigError, match=r"bfloat16, which npz files cannot hold: convert it with .float\(\) first\.$"):
        save_standalone(half, tmp_path)
    monkeypatch.setattr(formats, "find_spec", lambda name: None if name == "onnxscript" else name)
    with pytest.raises(ConfigError, match=r"^Writing ONNX needs onnxscript: install them with pip install 'l0engine\[export\]'\.$"):
        export(layer, x, tmp_path / "network.onnx")
    wrong = {".pt": (lambda *_: None, lambda path: lambda x: layer(x) + 1)}
    monkeypatch.setattr(formats, "_FORMATS", wrong)
    with pytest.raises(ConfigError, match=r"differ from the network's by 1: choose another format\.$"):
        export(layer, x, tmp_path / "network.pt")
