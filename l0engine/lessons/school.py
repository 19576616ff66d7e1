"""The child process of `teacher`: ``python -m l0engine.lessons.school`` answers asks from standard input on standard output."""

from __future__ import annotations

import os
import select
import sys
from importlib import import_module
from typing import IO, Any

from l0engine.errors import L0Error
from l0engine.lessons import wire

#: All asks there are: module and class.
SHOWN = {
    name: f"l0engine.lessons.shown.{module}"
    for name, module in {
        "GateAsk": "gate",
        "HouseholdsAsk": "households",
        "TruthAsk": "truth",
        "EvennessAsk": "evenness",
        "NetworkAsk": "network",
        "ChallengeAsk": "challenge",
        "FrontierAsk": "challenge",
    }.items()
}

#: Seconds after which nobody is taken to ask any more; whoever does starts it again.
IDLE = 1_800.0


def picture_of(name: str, texts: dict[str, str]) -> Any:
    """The picture of an ask, by the name of its class and its texts.

    Raises
    ------
    L0Error
        The settings are out of bounds, or the engine refuses them.
    """
    ask = getattr(import_module(SHOWN[name]), name).from_texts(texts)
    module, function = ask.made.split(":")
    return getattr(import_module(module), function)(ask)


def main() -> int:
    """Answer until nobody asks any more: the other side has gone, or has not asked for long."""
    import torch

    torch.set_num_threads(1)  # toys are too small for two
    if sys.platform != "win32":
        os.nice(5)  # most of what it does is prepared ahead: the server and the browser come first
    given, answered = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever else is written does not mix with answers
    while _asked(given):
        try:
            name, texts = wire.receive(given, tuple[str, dict[str, str]])
        except EOFError:
            break
        try:
            wire.send(answered, ["shown", picture_of(name, texts)])
        except L0Error as error:
            wire.send(answered, ["refused", str(error)])
    return 0


def _asked(given: IO[bytes]) -> bool:
    """Wait for an ask, and import what others will need meanwhile; False where none comes for long."""
    for place in SHOWN.values():
        if select.select([given], [], [], 0)[0]:
            return True
        import_module(place.replace(".shown.", ".made."))
    return bool(select.select([given], [], [], IDLE)[0])


if __name__ == "__main__":
    sys.exit(main())
