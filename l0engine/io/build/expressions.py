"""Expressions on columns: comparisons, and/or/not, + - * /, in. Parsed and walked, never run as Python."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from l0engine.errors import ProblemError
from l0engine.io.build.labels import key
from l0engine.io.limits import clipped

_MOST = 5000  # characters
_COMPARISONS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge,
}  # fmt: skip
_ARITHMETIC: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
}  # fmt: skip


class Columns(Protocol):
    """What expressions are about."""

    def __len__(self) -> int: ...

    def has(self, column: str) -> bool:
        """Whether there is such a column."""

    def numbers(self, column: str) -> np.ndarray:
        """As float64, NaN where empty, shape (n_rows,); refused where a cell is no number."""

    def codes(self, column: str) -> tuple[np.ndarray, list[str]]:
        """Label number of each row, -1 where empty, and the labels."""


def condition(text: str, columns: Columns) -> np.ndarray:
    """Where the expression holds, bool, shape (n_rows,); all where it is empty. A column alone holds where it says yes: 1, true, yes."""
    if not text.strip():
        return np.ones(len(columns), bool)
    if columns.has(text):
        return _yes(columns, text)
    return _walked(text, columns, _Walk.truth)


def amount(text: str, columns: Columns) -> np.ndarray:
    """The numbers of the expression, or of the column of that name, float64, shape (n_rows,)."""
    if columns.has(text):
        return columns.numbers(text)
    return np.broadcast_to(_walked(text, columns, _Walk.number), (len(columns),))


def is_condition(text: str) -> bool:
    """Whether an expression holds or not; else it is a number."""
    tree, _ = _parsed(text)
    logical = isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.BitAnd | ast.BitOr)
    negated = isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.Not | ast.Invert)
    return logical or negated or isinstance(tree, ast.Compare | ast.BoolOp)


def _parsed(text: str) -> tuple[ast.expr, dict[str, str]]:
    """The tree, and the column names that stand in back-ticks by what stands for them."""
    names: dict[str, str] = {}

    def placeholder(match: re.Match[str]) -> str:
        name = f"__{len(names)}"
        names[name] = match[1]
        return name

    if len(text) > _MOST:
        raise ProblemError(f"The expression '{clipped(text)}' is longer than {_MOST:,} characters: shorten it.")
    try:
        return ast.parse(re.sub(r"`([^`]+)`", placeholder, text).strip(), mode="eval").body, names
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ProblemError(
            f"The expression '{clipped(text, 80)}' cannot be read: write comparisons such as age >= 18 and region == 'North', "
            "with back-ticks around column names with spaces."
        ) from None


def _walked(text: str, columns: Columns, walk: Callable[[_Walk, ast.expr], np.ndarray]) -> np.ndarray:
    tree, names = _parsed(text)
    try:
        return walk(_Walk(text, columns, names), tree)
    except RecursionError:
        raise ProblemError(f"The expression '{clipped(text, 80)}' goes too deep: write it simpler.") from None


def _yes(columns: Columns, column: str) -> np.ndarray:
    codes, labels = columns.codes(column)
    known = {"1": True, "true": True, "yes": True, "y": True, "0": False, "false": False, "no": False, "n": False}
    odd = next((label for label in labels if key(label) not in known), None)
    if odd is not None:
        raise ProblemError(f"Column '{clipped(column)}' holds '{clipped(odd)}' where yes or no is needed: compare it with something.")
    yes: np.ndarray = np.array([*(known[key(label)] for label in labels), False])
    return np.asarray(yes[codes])


class _Walk:
    """One walk over the tree of an expression."""

    def __init__(self, text: str, columns: Columns, names: dict[str, str]) -> None:
        self.text, self.columns, self.names = text, columns, names

    def truth(self, node: ast.expr) -> np.ndarray:
        match node:
            case ast.BoolOp(op=op, values=values):
                parts = [self.truth(v) for v in values]
                return np.asarray((np.logical_and if isinstance(op, ast.And) else np.logical_or).reduce(parts))
            case ast.BinOp(left=a, op=ast.BitAnd(), right=b):
                return np.asarray(self.truth(a) & self.truth(b))
            case ast.BinOp(left=a, op=ast.BitOr(), right=b):
                return np.asarray(self.truth(a) | self.truth(b))
            case ast.UnaryOp(op=ast.Not() | ast.Invert(), operand=a):
                return ~self.truth(a)
            case ast.Compare(left=left, ops=ops, comparators=others):
                pairs = zip([left, *others], ops, others, strict=False)
                return np.asarray(np.logical_and.reduce([self._compared(a, op, b) for a, op, b in pairs]))
            case ast.Constant(value=bool(value)):
                return np.full(len(self.columns), value)
            case ast.Name() | ast.Attribute() if (column := self._column(node)) is not None:
                return _yes(self.columns, column)
        raise self._refusal(node, "holds or not")

    def number(self, node: ast.expr) -> np.ndarray:
        match node:
            case ast.Constant(value=int() | float() as value):
                return np.array(float(value))
            case ast.UnaryOp(op=ast.USub(), operand=a):
                return -self.number(a)
            case ast.UnaryOp(op=ast.UAdd(), operand=a):
                return self.number(a)
            case ast.BinOp(left=a, op=op, right=b) if type(op) in _ARITHMETIC:
                with np.errstate(all="ignore"):
                    return np.asarray(_ARITHMETIC[type(op)](self.number(a), self.number(b)))
            case ast.Attribute(value=ast.Name(id="np" | "numpy"), attr="inf"):
                return np.array(np.inf)
            case ast.Name() | ast.Attribute() if (column := self._column(node)) is not None:
                return self.columns.numbers(column)
            case ast.Compare() | ast.BoolOp() | ast.UnaryOp(op=ast.Not() | ast.Invert()):
                return self.truth(node).astype(np.float64)
        raise self._refusal(node, "is a number")

    def _compared(self, a: ast.expr, op: ast.cmpop, b: ast.expr) -> np.ndarray:
        if isinstance(op, ast.In | ast.NotIn):
            if not isinstance(b, ast.Tuple | ast.List | ast.Set):
                raise self._refusal(b, "is a list such as ('North', 'South')")
            among = np.zeros(len(self.columns), bool)
            for item in b.elts:
                among |= self._compared(a, ast.Eq(), item)
            return ~among & self._known(a) if isinstance(op, ast.NotIn) else among
        if isinstance(a, ast.Constant) and isinstance(a.value, str):
            a, b = b, a  # equality is all that texts are compared by
        if isinstance(b, ast.Constant) and isinstance(b.value, str):
            if not isinstance(op, ast.Eq | ast.NotEq):
                raise self._refusal(b, "is a number, as only numbers are smaller or larger")
            column = self._column(a)
            if column is None:
                raise self._refusal(a, "is a column")
            codes, labels = self.columns.codes(column)
            wanted = np.array([*(key(label) == key(b.value) for label in labels), not key(b.value)])
            equal = np.asarray(wanted[codes])
            return equal if isinstance(op, ast.Eq) else ~equal & (codes >= 0)
        first, second = self._column(a), self._column(b)
        if type(op) not in _COMPARISONS:
            raise self._refusal(a, "is compared by == != < <= > >= in")
        x = self.number(a) if first is None else self.columns.numbers(first)
        y = self.number(b) if second is None else self.columns.numbers(second)
        out = np.broadcast_to(_COMPARISONS[type(op)](x, y), (len(self.columns),))
        return out & ~np.isnan(x) & ~np.isnan(y) if isinstance(op, ast.NotEq) else out

    def _known(self, node: ast.expr) -> np.ndarray:
        column = self._column(node)
        return ~np.isnan(self.number(node)) if column is None else self.columns.codes(column)[0] >= 0

    def _column(self, node: ast.expr) -> str | None:
        """The column that a name stands for: `age`, `households.age`, `persons.age`; None of anything else."""
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.value.id in ("np", "numpy"):
                return None
            name = f"{node.value.id}.{self.names.get(node.attr, node.attr)}"
        elif isinstance(node, ast.Name):
            name = self.names.get(node.id, node.id)
        else:
            return None
        if not self.columns.has(name):
            raise ProblemError(f"The expression '{clipped(self.text, 80)}' names '{clipped(name)}', which is no column: correct the name.")
        return name

    def _refusal(self, node: ast.expr, needed: str) -> ProblemError:
        part = clipped(ast.unparse(node), 60)
        for name, column in self.names.items():
            part = part.replace(name, f"`{column}`")
        return ProblemError(f"The expression '{clipped(self.text, 80)}' has '{part}' where something is needed that {needed}.")
