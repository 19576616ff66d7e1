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
#: Rows that meet are sought among so many columns; so many sets of rows that do not meet are tried as seeds of areas.
SAMPLE, SETS = 20_000, 60
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


def _work(sizes: np.ndarray, border: int) -> float:
    s = sizes.astype(float)
    return float((s**3 / 3 + s**2 * border + s * border**2 / 2).sum() + border**3 / 3)


def found(rows: sp.csr_array, columns: sp.csc_array) -> Areas | None:
    """Areas of a matrix, given by rows and by columns; None where it has none that are `WORTH` it.

    Rows that do not meet, largest first, are seeds: a household is of the area of its seed, and a row of an area where all its
    households are. Of several such sets the one is taken whose factor is least work.
    """
    n_rows, n_columns = rows.shape
    if n_rows < FEW_ROWS:
        return None
    some = columns if n_columns <= SAMPLE else columns[:, np.linspace(0, n_columns - 1, SAMPLE).astype(int)]
    seeds = _seeds(some)
    if len(seeds) < 2:
        return None
    home = np.full(n_columns, -1)
    for number in range(len(seeds) - 1, -1, -1):  # where seeds meet in few columns after all, the largest has them
        home[rows.indices[rows.indptr[seeds[number]] : rows.indptr[seeds[number] + 1]]] = number
    area, some_entries = np.full(n_rows, -1), np.flatnonzero(np.diff(rows.indptr))
    at = home[rows.indices]
    least, most = (f.reduceat(at, rows.indptr[some_entries]) for f in (np.minimum, np.maximum))
    area[some_entries] = np.where(least == most, least, -1)
    used, area[area >= 0] = np.unique(area[area >= 0], return_inverse=True)
    areas = Areas(area)
    return areas if len(used) > 1 and areas.work < WORTH * n_rows**3 / 3 else None


def _seeds(columns: sp.csc_array) -> np.ndarray:
    """Rows that share no column, largest first: the set that makes the factor least work."""
    ones = sp.csc_array((np.ones(columns.nnz, np.float32), columns.indices, columns.indptr), shape=columns.shape)
    by_rows = ones.tocsr()
    sizes = np.diff(by_rows.indptr)
    order = np.argsort(-sizes, kind="stable")[: np.count_nonzero(sizes)]
    meets = sp.csr_array(by_rows[order] @ ones[order].T)
    best, seeds, tried, sets = np.inf, order[:0], np.zeros(len(order), bool), 0
    for first in np.flatnonzero(2 * sizes[order] <= columns.shape[1]):
        if tried[first] or sets == SETS:
            continue
        members, free = [], np.ones(len(order), bool)
        row = int(first)
        while True:
            members.append(row)
            free[_met(meets, row)] = False
            row = int(free.argmax())
            if not free[row]:
                break
        tried[members], sets = True, sets + 1
        touched = np.concatenate([_met(meets, row) for row in members])
        local = np.bincount(touched, minlength=len(order)) == 1
        owner = np.repeat(np.arange(len(members)), [len(_met(meets, row)) for row in members])
        work = _work(np.bincount(owner[local[touched]]), int((~local).sum()))
        if work < best:
            best, seeds = work, order[members]
    return seeds


def _met(meets: sp.csr_array, row: int) -> np.ndarray:
    """The rows that share a column with one."""
    return np.asarray(meets.indices[meets.indptr[row] : meets.indptr[row + 1]])
