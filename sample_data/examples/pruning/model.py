"""A network of plain torch layers with 9,720 parameters; it takes arrays of shape (batch, 1, 8, 8).

It needs torch, numpy and the weights in model.npz beside this file. In Python `load()` returns it; from the command line:

    python model.py input.npy output.npy
"""

import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(in_features=64, out_features=64)
        self.fc2 = nn.Linear(in_features=64, out_features=74)
        self.fc3 = nn.Linear(in_features=74, out_features=10)

    def forward(self, x):
        flatten_1 = torch.flatten(x, 1)
        fc1 = self.fc1(flatten_1)
        relu = torch.nn.functional.relu(fc1, inplace = False)
        fc2 = self.fc2(relu)
        relu_1 = torch.nn.functional.relu(fc2, inplace = False)
        fc3 = self.fc3(relu_1)
        return fc3


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
