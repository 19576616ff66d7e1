"""What a browser that was never here is told to load with the page: Streamlit asks for the code of an element only once one arrives."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import streamlit as st
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_FILES = Path(st.__file__).parent / "static" / "static" / "js"
#: What every page, or most, begins with.
_SOON = ("BidiComponent", "Html", "Button")
_IMPORTED = re.compile(r'(?:from|import)"\./([\w.-]+\.js)"')


class Preload:
    """Names these files in the head of every page."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if headers.get("content-type", "").startswith("text/html") and files():
                    headers["link"] = ", ".join(f"<./static/js/{name}>; rel=modulepreload" for name in files())
            await send(message)

        await self._app(scope, receive, told if scope["type"] == "http" else send)


@cache
def files() -> tuple[str, ...]:
    """Those of `_SOON`, and what they import; none where this Streamlit has no such files."""
    found: dict[str, None] = {}
    waiting = [path.name for kind in _SOON for path in _FILES.glob(f"{kind}.*.js")]
    at_once = (_FILES.parents[1] / "index.html").read_text(encoding="utf-8") if waiting else ""
    while waiting:
        name = waiting.pop()
        if name not in found and name not in at_once and (_FILES / name).is_file():
            found[name] = None
            waiting += _IMPORTED.findall((_FILES / name).read_text(encoding="utf-8"))
    return tuple(found)
