"""The published totals of New England as the tables they come in, for the page From tables: `python sample_data/two_tables.py`.

Population by state, and households with food stamps (SNAP) and what they get, by state; figures as in `new_england/targets.parquet`.
"""

from pathlib import Path

import pandas as pd

HERE = Path(__file__).parent / "new_england"
OUT = HERE / "tables"


def main() -> None:
    """Write population.csv and snap.csv."""
    targets = pd.read_parquet(HERE / "targets.parquet")
    targets[["state", "what"]] = targets["target"].str.split("/", n=1, expand=True)
    wide = targets.pivot_table(index="state", columns="what", values="value").round().astype("int64")
    OUT.mkdir(exist_ok=True)
    wide[["population"]].to_csv(OUT / "population.csv")
    wide[["snap_households", "snap_cost"]].to_csv(OUT / "snap.csv")


if __name__ == "__main__":
    main()
