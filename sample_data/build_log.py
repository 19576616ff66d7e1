"""Write massachusetts/calibration_log.csv: a run of l0-python 0.6.2, logged as policyengine-us-data logs its runs.

Run it as `python sample_data/build_log.py`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from l0.calibration import SparseCalibrationWeights
from scipy import sparse as sp

FOLDER = Path(__file__).parent / "massachusetts"
EPOCHS, EVERY = 500, 20
HEAD = "target_name,estimate,target,epoch,error,rel_error,abs_error,rel_abs_error,loss,achievable"


def main() -> None:
    """Fit in pieces of `EVERY` epochs, a row per target after each."""
    entries = pd.read_csv(FOLDER / "matrix.csv", dtype={"household_id": str})
    targets = pd.read_csv(FOLDER / "targets.csv")
    households = pd.read_parquet(FOLDER / "households.parquet").astype({"household_id": str})
    row = pd.Index(targets["target"]).get_indexer(entries["target"])
    column = pd.Index(households["household_id"]).get_indexer(entries["household_id"])
    m = sp.csr_matrix((entries["value"], (row, column)), shape=(len(targets), len(households)))
    values = targets["value"].to_numpy()
    model = SparseCalibrationWeights(
        n_features=len(households), beta=0.35, gamma=-0.1, zeta=1.1, init_keep_prob=0.999,
        init_weights=households["base_weight"].to_numpy(), log_weight_jitter_sd=0.05, log_alpha_jitter_sd=0.01,
    )  # fmt: skip
    lines = [HEAD]
    for epoch in range(EVERY, EPOCHS + 1, EVERY):
        model.fit(M=m, y=values, lambda_l0=1e-4, lambda_l2=1e-12, lr=0.01, epochs=EVERY, loss_type="relative", verbose=False)
        estimates = model.predict(m).detach().cpu().numpy().astype(float)
        achievable = np.asarray((m != 0).sum(axis=1)).ravel() > 0
        for name, estimate, value, can in zip(targets["target"], estimates, values, achievable, strict=True):
            error = estimate - value
            share = error / value
            numbers = f"{estimate:.9g},{value:.9g},{epoch},{error:.9g},{share:.6g},{abs(error):.9g},{abs(share):.6g},{share**2:.6g}"
            lines.append(f'"{name}",{numbers},{can}')
    (FOLDER / "calibration_log.csv").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
