"""One thread for torch: the problems here are tiny, and two OpenMP teams on few cores wait for each other."""

import torch

torch.set_num_threads(1)
