"""What a browser gets past the page is what the page shows."""

import json
from urllib.parse import urlencode

import pytest
from further import further
from starlette.requests import Request
from test_learn_pages import lesson  # noqa: F401 -- a fixture

from dashboard.learn import answers
from dashboard.state.lessons import LESSONS


def answered(page, **query):
    scope = {
        "type": "http", "method": "GET", "path": f"/{page}/answer", "path_params": {"page": page}, "headers": [],
        "query_string": urlencode(query).encode(), "server": ("127.0.0.1", 80), "scheme": "http",
    }  # fmt: skip
    return answers._answer(Request(scope))


def shown(at):
    """What the page has sent to panel and player; what each question says beside the values."""
    (panel,), (player,) = (
        [json.loads(e.proto.json) for e in at.at.get("bidi_component") if e.proto.id.endswith(f"_{k}")] for k in ("panel", "film")
    )
    return panel, player


ASKS = {
    "learn_gate": {"log_alpha": "1.3", "published": "on", "seed": "2", "guess": "Less often"},
    "learn_households": {"price": "1.6", "view": "2 households", "guess": "Nearly all"},
    "learn_truth": {"noise": "2", "correlation": "0.9", "guess": "L1"},
    "learn_evenness": {"price": "0.8", "soft": "0.1", "guess": "As large"},
    "learn_network": {"shape": "circles", "price": "2", "hidden": "8", "guess": "About half"},
    "learn_challenge": {"price": "1.6", "uneven": "0.001", "seed": "7"},
}


FEW = ("learn_gate", "learn_households", "learn_truth")


@pytest.mark.parametrize("page", [*FEW, *further(*(page for page in LESSONS if page not in FEW))])
def test_an_answer_is_what_the_page_shows(lesson, page):  # noqa: F811
    """Asked as the panel asks: what stands beside the values, and the values."""
    at = lesson(page, hide="seed")
    before, _ = shown(at)
    values = {k: v for k, v in ASKS[page].items() if k != "seed" or page == "learn_challenge"}
    answer = json.loads(answered(page, **before["always"] | values).body)
    assert "seed" not in [control["name"] for control in answer["panel"]["controls"]]
    panel, player = shown(at.ask(**values))
    assert answer["panel"] == {name: panel[name] for name in answer["panel"]}
    assert answer["player"] == {name: player[name] for name in answer["player"]}
    assert panel["answered"] == player["number"] == 1 and panel["always"]["theme"] == "light"
    assert json.loads(answered(page, **before["always"] | values | {"theme": "dark"}).body)["player"] != answer["player"]


@pytest.mark.usefixtures("supervisors")
def test_nonsense_is_refused_in_a_sentence_or_left_aside():
    assert "price is '9' in this lesson" in json.loads(answered("learn_households", price="9").body)["refused"]
    for page in ("calibrate", "learn_lessons", "learn_os", ""):
        assert answered(page).status_code == 404
    answer = json.loads(answered("learn_gate", guess="<b>", reveal="x", hide="no,seed", theme="<i>", nonsense="1").body)
    assert answer["panel"]["question"]["value"] is None and "<b>" not in answer["player"]["film"]
    assert answered("learn_gate").headers["cache-control"] == "no-store"
