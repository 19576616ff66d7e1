"""A browser is told with the page what code it will need soon."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from dashboard.frame import preload


def head(content_type):
    """The head of an answer that passes."""
    sent = []

    async def page(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", content_type)]})

    async def send(message):
        sent.append(message)

    with ThreadPoolExecutor(1) as thread:  # beside tests of browsers this one may have a loop that runs
        thread.submit(lambda: asyncio.run(preload.Preload(page)({"type": "http"}, None, send))).result()
    return dict(sent[0]["headers"])


def test_pages_name_what_they_begin_with_and_nothing_else_does():
    told = head(b"text/html; charset=utf-8")[b"link"].decode()
    assert "<./static/js/BidiComponent." in told and told.count("rel=modulepreload") == len(preload.files()) > 3
    assert b"link" not in head(b"application/javascript")


def test_all_of_it_is_there_and_not_loaded_anyway():
    served = preload._FILES
    assert all((served / name).is_file() for name in preload.files())
    index = (served.parents[1] / "index.html").read_text()
    assert "BidiComponent" not in index and not any(name in index for name in preload.files())


def test_another_streamlit_names_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(preload, "_FILES", tmp_path)
    preload.files.cache_clear()
    try:
        assert b"link" not in head(b"text/html")
    finally:
        preload.files.cache_clear()
