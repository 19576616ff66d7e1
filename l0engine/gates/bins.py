"""How gates are counted where a distribution of them is shown."""

import numpy as np

#: Edges of the gate histogram: 20 equal bins of the open interval (0, 1).
GATE_BINS = np.linspace(0.0, 1.0, 21)
