"""Teacher: pictures of lessons from one warm process of its own, so that the asking one loads no torch; each answer is kept."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections import OrderedDict
from typing import Any, NamedTuple

import msgspec

from l0engine.errors import L0Error
from l0engine.lessons import wire
from l0engine.lessons.ask import Ask
from l0engine.machine import environment

#: Answers that are kept: a lesson's pictures are up to a quarter of a megabyte.
KEPT = 400
#: Seconds after the last question in which nothing is prepared, as the next may follow at once.
PAUSE = 0.1


class _Answer(NamedTuple):
    """'shown' and a picture, or 'refused' and a sentence."""

    how: str
    what: msgspec.Raw


class Teacher:
    """Shows what lessons ask for; any thread may ask."""

    def __init__(self) -> None:
        self._asking = threading.Lock()  # held while the process is asked
        self._kept: OrderedDict[Ask, Any] = OrderedDict()  # pictures, and sentences of what was refused
        self._at: Ask | None = None  # for which others are prepared
        self._wanted: tuple[Ask, ...] = ()
        self._waiting, self._asked = 0, 0.0
        self._preparing: threading.Thread | None = None
        self._child: subprocess.Popen[bytes] | None = None

    def wake(self) -> None:
        """Start the process, so that the first ask need not wait for it."""
        if self._asking.acquire(blocking=False):
            try:
                self._begin()
            finally:
                self._asking.release()

    def keeps(self, ask: Ask) -> bool:
        """Whether its answer is there at once."""
        return ask in self._kept

    def show(self, ask: Ask) -> Any:
        """The picture of an ask, `ask.picture`; its arrays are read-only.

        Raises
        ------
        L0Error
            The engine refuses the settings, or its process broke.
        """
        self._asked = time.monotonic()
        if (found := self._kept.get(ask)) is None:
            self._waiting += 1
            try:
                with self._asking:
                    found = self._kept.get(ask) or self._ask(ask)
            finally:
                self._waiting -= 1
        if isinstance(found, str):
            raise L0Error(found)
        return found

    def prepare(self, ask: Ask) -> None:
        """Work out what is likely to be asked for after this, while nobody asks; what was prepared for before is let go."""
        if ask == self._at:
            return
        self._wanted, self._at = tuple(ask.neighbours(self._at)), ask
        if self._preparing is None or not self._preparing.is_alive():
            self._preparing = threading.Thread(target=self._prepare, daemon=True)
            self._preparing.start()

    def close(self) -> None:
        """End the process; it starts anew when something is asked."""
        self._wanted, self._at = (), None
        with self._asking:
            self._end()

    def _prepare(self) -> None:
        while wanted := [ask for ask in self._wanted if ask not in self._kept]:
            rest = self._asked + PAUSE - time.monotonic()
            if self._waiting or rest > 0:
                time.sleep(max(rest, 0.01))
                continue
            try:
                with self._asking:
                    self._ask(wanted[0])
            except L0Error:
                self._wanted = tuple(ask for ask in self._wanted if ask != wanted[0])

    def _ask(self, ask: Ask) -> Any:
        answer = self._answer(ask) or self._answer(ask)  # a process that was idle may have left
        if answer is None:
            raise L0Error("This picture broke the process that computes it: change a setting, and tell us which it was.")
        refused = answer.how == "refused"
        self._kept[ask] = found = (
            msgspec.msgpack.decode(answer.what, type=str) if refused else wire.decoded(bytes(answer.what), ask.picture)
        )
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return found

    def _answer(self, ask: Ask) -> _Answer | None:
        """What the process says; None where it is gone."""
        child = self._begin()
        assert child.stdin is not None and child.stdout is not None
        try:
            wire.send(child.stdin, [type(ask).__name__, ask.texts()])
            return wire.receive(child.stdout, _Answer)
        except (OSError, EOFError):
            self._end()
            return None

    def _end(self) -> None:
        if self._child is not None:
            self._child.kill()
            self._child.communicate()
            self._child = None

    def _begin(self) -> subprocess.Popen[bytes]:
        if self._child is not None and self._child.poll() is not None:
            self._end()
        if self._child is None:
            self._child = subprocess.Popen(
                [sys.executable, "-m", "l0engine.lessons.school"],
                env={**os.environ, **environment(1)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
        return self._child
