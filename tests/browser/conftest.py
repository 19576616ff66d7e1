"""A real server and a real Chromium; skipped where there is no Chromium, but a failure where CI is set."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright
from server import SWITCHES, Server, find_chromium
from waiting import end_workers


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, chromium: Browser) -> Iterator[Server]:
    """A server for all browser tests; only after Chromium was found."""
    own = Server(tmp_path_factory.mktemp("browser") / "home")
    try:
        own.start()
        yield own
    finally:
        own.kill()
        end_workers(own.home)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Chromium of the system."""
    path = find_chromium()
    if path is None:
        message = "No Chromium was found: apt-get install chromium"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, headless=True, args=SWITCHES)
        yield browser
        browser.close()


@pytest.fixture
def open_tab(chromium: Browser) -> Iterator[Callable[..., Page]]:
    """Open a tab of a visitor of its own, and hold every tab to: no console errors, no exception, no foreign host."""
    complaints: list[str] = []
    contexts = []

    def heard(message: ConsoleMessage) -> None:
        where = message.location.get("url", "")
        if message.type == "error" and "/_stcore/" not in where:  # Streamlit also asks for its health below the page's path
            complaints.append(f"{message.text} ({where})")

    def asked(request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in ("http", "https", "ws", "wss") and parts.hostname != "127.0.0.1":
            complaints.append(f"a request to {request.url}")

    def open_(url: str, scheme: str = "light", **options: object) -> Page:
        context = chromium.new_context(
            color_scheme=scheme, viewport={"width": 1400, "height": 1000}, accept_downloads=True, reduced_motion="reduce", **options
        )  # type: ignore[arg-type]
        contexts.append(context)
        context.set_default_timeout(180_000)
        page = context.new_page()
        page.on("console", heard)
        page.on("pageerror", lambda error: complaints.append(f"exception: {error}"))
        page.on("request", asked)
        page.on("websocket", lambda socket: None if urlsplit(socket.url).hostname == "127.0.0.1" else complaints.append(socket.url))
        page.goto(url)
        page.wait_for_selector("h1")
        return page

    open_.complaints = complaints  # type: ignore[attr-defined]  # a test that kills the server clears it
    yield open_
    for context in contexts:
        context.close()
    assert complaints == []
