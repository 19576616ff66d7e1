"""A column of text as finite numbers, by what its cells prove, what was said, and what the rest of the file shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from l0engine.errors import AmbiguousTable, ProblemError
from l0engine.io.limits import clipped
from l0engine.io.tables import notation


@dataclass(frozen=True, eq=False)
class Written:
    """Numbers as text.

    Attributes
    ----------
    cells : pyarrow.ChunkedArray of string, shape (n,)
    file, column : str
    place : callable
        Row -> where its cell stands.
    seen : str
        The decimal sign that the rest of the file shows; empty where it shows none.
    factor : str
        What the head of the column, or a title, says that its numbers are multiplied by; empty where neither says anything.
    title : str
        The title that says it; empty where the head does.
    marked : bool
        Some cells carry the mark of a footnote, of which the reading tells.
    answers : mapping of str to str
    """

    cells: pa.ChunkedArray
    file: str
    column: str
    place: Callable[[int], str]
    seen: str
    factor: str
    answers: Mapping[str, str]
    title: str = ""
    marked: bool = False

    def numbers(self) -> np.ndarray:
        """Float64, shape (n,).

        Raises
        ------
        AmbiguousTable
            They can be read in two ways.
        ProblemError
            A cell is no number.
        """
        plain = self._plain()
        if plain is not None:
            return self.times(plain, self.factor, 0)
        return self._as_people_write()

    def _plain(self) -> np.ndarray | None:
        """The numbers where all cells are such as programs write them and no point can stand between thousands."""
        out = notation.plain(self.cells)
        if out is None:
            return None
        if not notation.has(self.cells, ".") or self.answers.get("decimal") == ".":
            return out
        if self.answers.get("decimal") == ",":
            return None
        return out if notation.proves(self.cells, ".") or self.seen == "." else None

    def _as_people_write(self) -> np.ndarray:
        gone = notation.missing(self.cells)
        n_gone = pc.sum(gone).as_py() or 0
        whole = notation.stripped(self.cells, marks=self.marked)
        core = pc.if_else(gone, "0", whole.core) if n_gone else whole.core
        sign = self._decimal(core)
        bad = notation.invalid(core, sign)
        if bad is not None:
            raise self._no_number(bad, core, sign)
        if n_gone and self.answers.get("missing") != "0":
            raise self.lacks(int(np.argmax(gone.to_numpy())), n_gone, ("0", "such cells are 0"))
        out = notation.to_float(core, sign)
        if not np.isfinite(out).all():
            row = int(np.argmin(np.isfinite(out)))
            raise ProblemError(f"{self.place(row)}: '{self._text(row)}' is not a finite number: replace it or remove the row.")
        self._check_thousands(core, sign)
        out = self._signed(out, whole.parentheses)
        return self._scaled(out, whole.percent, gone.to_numpy().astype(bool))

    def _decimal(self, core: pa.ChunkedArray) -> str:
        """The decimal sign: proven by the column, or said, or seen elsewhere in the file."""
        said = self.answers.get("decimal", "")
        if said:
            return said
        signs = [s for s in ".," if notation.has(core, s)]
        if not signs:
            return "."
        proven = [s for s in ".," if notation.proves(core, s)]
        if len(proven) == 1:
            return proven[0]
        if len(proven) == 2 or len(signs) == 2:  # each cell is a number, but not all are in one way
            return self.seen or max(".,", key=lambda s: (notation.invalid(core, s) is None, s == "."))
        if self.seen:
            return self.seen
        other = {".": ",", ",": "."}
        if any(notation.invalid(core, s) is not None for s in ".,"):
            return signs[0]
        row = int(np.argmax(pc.match_substring(core, signs[0]).to_numpy()))
        text = str(core[row])
        grouped, small = f"{int(text.replace(signs[0], '')):,}", text.replace(signs[0], ".")
        ways = ((signs[0], f"'{text}' is {small}"), (other[signs[0]], f"'{text}' is {grouped}"))
        raise AmbiguousTable(self.file, "decimal", ways, f"{self.place(row)}: '{clipped(text)}' may be {small} or {grouped}")

    def _check_thousands(self, core: pa.ChunkedArray, sign: str) -> None:
        said = self.answers.get("thousands")
        if said is None:
            return
        other = "." if sign == "," else ","
        row = pc.index(pc.match_substring(core, other), True).as_py() if said != other else -1
        if row >= 0:
            raise ProblemError(f"{self.place(row)}: '{self._text(row)}' has another sign between thousands than was said ('{said}').")

    def _signed(self, out: np.ndarray, parentheses: np.ndarray | None) -> np.ndarray:
        if parentheses is None:
            return out
        said = self.answers.get("parentheses")
        if said is None:
            row = int(np.argmax(parentheses))
            value = f"{abs(out[row]):,.10g}"
            ways = (("negative", f"it is -{value}, as accounts write it"), ("positive", f"it is {value}, marked as uncertain"))
            raise AmbiguousTable(self.file, "parentheses", ways, f"{self.place(row)}: '{self._text(row)}' stands in parentheses")
        return np.where(parentheses, -out, out) if said == "negative" else out

    def _scaled(self, out: np.ndarray, percent: np.ndarray | None, gone: np.ndarray) -> np.ndarray:
        if percent is None:
            return self.times(out, self.factor, 0)
        row = int(np.argmax(percent))
        if not (percent | gone | (out == 0)).all():
            row = int(np.argmin(percent | gone | (out == 0)))
            raise ProblemError(f"{self.place(row)}: '{self._text(row)}' has no % though others of its column have: write all in one unit.")
        if self.factor not in ("", "0.01"):
            raise ProblemError(f"{self.place(row)}: '{self._text(row)}' has a % though its head names another unit: write plain numbers.")
        return self.times(out, "0.01", row)

    def times(self, out: np.ndarray, natural: str, row: int) -> np.ndarray:
        """The numbers in units of 1, by what their unit says and what was said of it."""
        if not natural:
            return out
        said = self.answers.get("factor", "")
        if said in ("1", natural):
            return out / 100 if said == "0.01" else out * float(said)  # 0.01 is no binary fraction
        text = self._text(row)
        times = "a hundredth of what is written" if natural == "0.01" else f"{int(natural):,} times what is written"
        which = "numbers but years, ages, codes and weights" if self.title else "numbers"
        ways = ((natural, f"{which} are {times}"), ("1", "they are as written"))
        where = f"'{clipped(self.title, 60)}' stands above or below the table" if self.title else f"'{text}' has a unit beside it"
        raise AmbiguousTable(self.file, "factor", ways, f"{self.place(row)}: {where}")

    def lacks(self, row: int, n: int, *options: tuple[str, str]) -> AmbiguousTable:
        """The question what a cell without a value means."""
        text = self._text(row).strip()
        cell = f"'{text}' is not a number" if text else "the cell is empty"
        more = f" ({n:,} such)" if n > 1 else ""
        return AmbiguousTable(self.file, "missing", options, f"{self.place(row)}: {cell}{more}; correct it, or")

    def _no_number(self, row: int, core: pa.ChunkedArray, sign: str) -> ProblemError:
        text, other = self._text(row), "." if sign == "," else ","
        if str(core[row]).lower().lstrip("+-") in ("inf", "infinity"):
            why = f"'{text}' is not a finite number: replace it or remove the row"
        elif set(str(core[row])) <= set("0123456789.,+-'  "):
            why = f"'{text}' is no number where '{sign}' is the decimal sign, nor others where '{other}' is: write all alike"
        else:
            why = f"'{text}' is not a number: correct it or remove the row"
        return ProblemError(f"{self.place(row)}: {why}.")

    def _text(self, row: int) -> str:
        return clipped(str(self.cells[row].as_py() or ""))
