"""Answers of lessons past the page: a browser asks for them directly, in a tenth of the time that the page takes to run anew."""

from __future__ import annotations

from importlib import import_module
from urllib.parse import parse_qsl

import msgspec
import streamlit as st
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dashboard.kit.browser import panel, player
from dashboard.kit.theme import PALETTES
from dashboard.learn.page import Lesson, answer
from dashboard.state import lessons
from l0engine.errors import L0Error


def routes() -> list[Route]:
    """What the server answers beside Streamlit's own."""
    base = str(st.get_option("server.baseUrlPath")).strip("/")
    return [Route(f"{base and '/' + base}/{{page}}/answer", _answer)]


def _answer(request: Request) -> Response:
    """What the controls of a lesson give, as `panel.show` asks for it; 404 for a page that is none."""
    page, query = request.path_params["page"], dict(parse_qsl(request.url.query))
    if page not in lessons.LESSONS:
        return Response(status_code=404)
    lesson: Lesson = import_module(f"dashboard.learn.{page.removeprefix('learn_')}").LESSON
    colours = PALETTES["dark" if query.get("theme") == "dark" else "light"]
    try:
        asked = lessons.asked_by(page, query)
        shown, film = answer(lesson, asked, colours)
        said = {"panel": panel.sent(shown, colours), "player": player.sent(**film)}
        lessons.teacher().prepare(asked.ask)
    except L0Error as error:
        said = {"refused": str(error)}
    return Response(msgspec.json.encode(said), media_type="application/json", headers={"Cache-Control": "no-store"})
