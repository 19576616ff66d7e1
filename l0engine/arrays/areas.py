"""Areas: totals by state, district or region, of which no household is in those of two; and the border, all other totals.

The matrix of inner products of such rows is mostly 0, and so is its Cholesky factor where the border comes last: it takes far less work
than one of the whole. Source: George (1973), Nested dissection of a regular finite element mesh; one level of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from scipy import sparse as sp
from torch import Tensor

#: Fewer rows are factored as they are, in no time.
FEW_ROWS = 1000
#: Pairs of rows that meet, each time they do: with more, next to all rows meet, and to list them takes gigabytes.
MOST_PAIRS = 5e8
#: Rows that meet are sought among so many columns; so many sets of rows that do not meet are tried as seeds
#: of areas, in each of two orders.
SAMPLE, SETS = 20_000, 10
#: Areas are worth it from this share of the work down.
WORTH = 0.5


@dataclass(frozen=True, eq=False)
class Areas:
    """Rows by area, and the border.

    Attributes
    ----------
    area : ndarray of int, shape (n_rows,)
        The area of each row, numbered from 0; -1 in the border. No column has entries in rows of two areas.
    """

    area: np.ndarray

    @classmethod
    def of(cls, rows: sp.csr_array, columns: sp.csc_array) -> Areas | None:
        """Areas of a matrix, given by rows and by columns; None where it has none that are `WORTH` it.

        Rows that do not meet are seeds: a household is of the area of its seed, and a row of an area where all its
        households are. Of several such sets the one is taken whose factor is least work.
        """
        n_rows, n_columns = rows.shape
        if n_rows < FEW_ROWS:
            return None
        some = columns if n_columns <= SAMPLE else columns[:, np.linspace(0, n_columns - 1, SAMPLE).astype(int)]
        if float((np.diff(some.indptr).astype(float) ** 2).sum()) > MOST_PAIRS:
            return None
        seeds = _seeds(some)
        if len(seeds) < 2:
            return None
        home = np.full(n_columns, -1)
        for number in range(len(seeds) - 1, -1, -1):  # where seeds meet in few columns after all, the first has them
            home[_entries(rows, seeds[number])] = number
        area, some_entries = np.full(n_rows, -1), np.flatnonzero(np.diff(rows.indptr))
        at = home[rows.indices]
        least, most = (f.reduceat(at, rows.indptr[some_entries]) for f in (np.minimum, np.maximum))
        area[some_entries] = np.where(least == most, least, -1)
        used, area[area >= 0] = np.unique(area[area >= 0], return_inverse=True)
        areas = cls(area)
        return areas if len(used) > 1 and areas.work < WORTH * full_work(n_rows) else None

    @cached_property
    def sizes(self) -> np.ndarray:
        """Number of rows of each area."""
        return np.bincount(self.area[self.area >= 0])

    @cached_property
    def local(self) -> Tensor:
        """Rows of areas, one area after the other, shape (n_local,)."""
        rows = np.flatnonzero(self.area >= 0)
        return torch.from_numpy(rows[np.argsort(self.area[rows], kind="stable")])

    @cached_property
    def border(self) -> Tensor:
        """Rows of the border, ascending, shape (n_border,)."""
        return torch.from_numpy(np.flatnonzero(self.area < 0))

    @cached_property
    def slots(self) -> Tensor:
        """Where each of `local` stands in a table of areas by their largest number of rows, shape (n_local,)."""
        first = np.cumsum(self.sizes) - self.sizes
        within = np.arange(len(self.local)) - np.repeat(first, self.sizes)
        return torch.from_numpy(np.repeat(np.arange(len(self.sizes)), self.sizes) * self.sizes.max() + within)

    @cached_property
    def place(self) -> Tensor:
        """Column of each row in the table of an area's rows, which the border follows, shape (n_rows,), of type int32."""
        largest = int(self.sizes.max())
        place = torch.empty(len(self.area), dtype=torch.int32)
        place[self.local] = (self.slots % largest).to(torch.int32)
        place[self.border] = largest + torch.arange(len(self.border), dtype=torch.int32)
        return place

    @cached_property
    def order(self) -> Tensor:
        """`local` and `border`."""
        return torch.cat([self.local, self.border])

    @property
    def work(self) -> float:
        """Multiplications that a Cholesky factor takes."""
        return _work(self.sizes, len(self.border))


def full_work(n_rows: int) -> float:
    """Multiplications that a Cholesky factor of a full matrix takes."""
    return n_rows**3 / 3


def _work(sizes: np.ndarray, border: int) -> float:
    s = sizes.astype(float)
    return float((s**3 / 3 + s**2 * border + s * border**2 / 2).sum()) + full_work(border)


def _seeds(columns: sp.csc_array) -> np.ndarray:
    """Rows that share no column, the likeliest first: of some sets that which makes the factor least work."""
    ones = sp.csc_array((np.ones(columns.nnz, np.float32), columns.indices, columns.indptr), shape=columns.shape)
    by_rows = ones.tocsr()
    meets = sp.csr_array(by_rows @ ones.T)
    sizes, meet = np.diff(by_rows.indptr), np.diff(meets.indptr)
    likely = np.flatnonzero((meet > 0) & (2 * meet <= len(meet)))  # who meets most others is of the border
    best, seeds = np.inf, likely[:0]
    for size in (sizes, sizes / np.maximum(meet, 1)):  # a whole area is large, or large for the few that it meets
        order = likely[np.argsort(-size[likely], kind="stable")]
        left = order
        for _ in range(SETS):
            if not len(left):
                break
            members = _apart(meets, order, int(left[0]))
            left = left[~np.isin(left, members)]
            met = [_entries(meets, row) for row in members]
            local = np.bincount(np.concatenate(met), minlength=len(meet)) == 1
            work = _work(np.array([np.count_nonzero(local[rows]) for rows in met]), int((~local).sum()))
            if work < best:
                best, seeds = work, order[np.isin(order, members)]
    return seeds


def _apart(meets: sp.csr_array, order: np.ndarray, first: int) -> list[int]:
    """Rows that do not meet: one, then always the foremost in order that meets none of them."""
    members, free = [first], np.zeros(meets.shape[0], bool)
    free[order] = True
    free[_entries(meets, first)] = False
    while free.any():
        members.append(int(order[free[order].argmax()]))
        free[_entries(meets, members[-1])] = False
    return members


def _entries(matrix: sp.csr_array, row: int) -> np.ndarray:
    """The columns in which a row has entries."""
    return np.asarray(matrix.indices[matrix.indptr[row] : matrix.indptr[row + 1]])
