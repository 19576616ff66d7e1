"""One visitor's view of the dashboard, in the words that stand on the page."""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from streamlit.testing.v1 import AppTest
from uploads import mime
from waiting import until

from dashboard import state
from l0engine.calibration.config import settings
from l0engine.jobs.execution import Execution
from l0engine.jobs.records import RunRecord
from l0engine.jobs.store import Store


class Visit:
    """Wraps `AppTest`: finds things by their label, and fails as soon as a page raises."""

    def __init__(self, at: AppTest) -> None:
        self.at = at
        self.check()

    def check(self) -> Self:
        assert not self.at.exception, [e.value for e in self.at.exception]
        return self

    def rerun(self) -> Self:
        self.at.run()
        return self.check()

    def to(self, page: str) -> Self:
        self.at.switch_page(f"app_pages/{page}.py").run()
        return self.check()

    # -- reading

    @property
    def title(self) -> str:
        return self.at.title[0].value

    def said(self, *kinds: str) -> list[str]:
        """Texts of these kinds of elements, in order."""
        return [e.value for kind in kinds for e in getattr(self.at, kind)]

    @property
    def metrics(self) -> dict[str, str]:
        return {m.label: m.value for m in self.at.metric}

    def expander(self, words: str) -> Any:
        return _one([e for e in self.at.expander if words in e.label], words)

    @property
    def html(self) -> str:
        """Texts of all parts that are HTML, and of what stands below films, without their styles."""
        parts = [part.proto.body for part in self.at.get("html")]
        parts += [json.loads(part.proto.json).get("below", "") for part in self.at.get("bidi_component")]
        return re.sub(r"<style>.*?</style>", "", " ".join(parts), flags=re.DOTALL)

    @property
    def panel(self) -> dict[str, Any]:
        """What the panel of a lesson is sent."""
        return self._panel()[0]

    def controls(self) -> dict[str, dict[str, Any]]:
        """Controls of the panel by their labels, the guess first."""
        return {c["label"]: c for c in (self.panel["question"], *self.panel["controls"])}

    def chart(self, key: str) -> Any:
        """A Plotly chart's figure, as JSON text."""
        return _one([c.proto.spec for c in self.at.get("plotly_chart") if c.proto.id.endswith(f"-{key}")], key)

    # -- doing

    def button(self, label: str) -> Any:
        return _one([b for b in self.at.button if b.label == label], label)

    def buttons(self) -> list[str]:
        return [b.label for b in self.at.button]

    def press(self, label: str) -> Self:
        button = self.button(label)
        assert not button.disabled, f"'{label}' is disabled: {button.help}"
        button.click().run()
        return self.check()

    def choose(self, label: str, value: Any) -> Self:
        """Set a selectbox, segmented control, toggle, number, slider or text by its label."""
        self.widget(label).set_value(value).run()
        return self.check()

    def ask(self, **values: object) -> Self:
        """Set controls of the panel by name, as the browser would: all values go with each question."""
        data, component = self._panel()
        held = {c["name"]: c["value"] for c in self.controls().values() if c["value"] is not None}
        return self.ask_raw(json.dumps({"asked": {"n": (data["answered"] or 0) + 1, "values": held | values}}), component)

    def ask_raw(self, text: str, component: str | None = None) -> Self:
        """Send what a browser might."""
        states = self.at._tree.get_widget_states()
        states.widgets.add(id=component or self._panel()[1], json_value=text)
        self.at._run(states)
        return self.check()

    def _panel(self) -> tuple[dict[str, Any], str]:
        found = [(json.loads(e.proto.json), e.proto.id) for e in self.at.get("bidi_component") if e.proto.id.endswith("_panel")]
        return _one(found, "panel")

    def widget(self, label: str) -> Any:
        kinds = ("selectbox", "button_group", "toggle", "number_input", "select_slider", "text_input", "multiselect", "radio")
        return _one([w for kind in kinds for w in getattr(self.at, kind) if w.label == label], label)

    def slider(self, name: str) -> Any:
        return self.widget(settings()[name].label)

    def exact(self, name: str) -> Any:
        return self.widget(f"{settings()[name].label}, exactly")

    def type_exact(self, name: str, text: str) -> Self:
        self.exact(name).set_value(text).run()
        return self.check()

    def set(self, name: str, value: Any) -> Self:
        """Set a field of the form."""
        return self.choose(settings()[name].label, value)

    def upload(self, files: Mapping[str, bytes]) -> Self:
        self.at.file_uploader[0].set_value([(name, content, mime(name)) for name, content in files.items()]).run()
        return self.check().press("Read these files")

    # -- runs

    @property
    def run_id(self) -> str:
        return str(self.at.session_state["run"])

    @property
    def record(self) -> RunRecord:
        return state.store().run(self.run_id)

    def until_ended(self, seconds: float = 180) -> Self:
        until(lambda: self.record.status.ended, seconds, lambda: self.record)
        return self.rerun()

    def until_training(self) -> Self:
        until(lambda: state.store().snapshots(self.run_id) or self.record.status.ended, 180, lambda: self.record)
        assert not self.record.status.ended, self.record
        return self.rerun()


def _one(found: list[Any], what: str) -> Any:
    assert len(found) == 1, f"'{what}' stands {len(found)} times on the page"
    return found[0]


def film_read(text: str) -> dict[str, Any]:
    """A film as the player reads it, its channels as lists of numbers, stage by stage where they move; gaps are None."""
    read: dict[str, Any] = json.loads(text)
    for mark in read["marks"]:
        mark["values"] = {name: channel if "bytes" in channel else _floats(**channel) for name, channel in mark["values"].items()}
    return read


def _floats(stages: int, floats: str) -> list[Any]:
    found = [None if np.isnan(v) else float(v) for v in np.frombuffer(base64.b64decode(floats), np.float32)]
    each = len(found) // stages
    return found if stages == 1 else [found[i : i + each] for i in range(0, len(found), each)]


def numbers(text: str) -> list[float]:
    """All numbers of a text, thousands separators taken out."""
    return [float(n.replace(",", "")) for n in re.findall(r"\d[\d,]*\.?\d*", text)]


def carry_out(store: Store) -> None:
    """Carry out what is queued, here and now."""
    while (claimed := store.claim_next()) is not None:
        Execution(store, store.begin(claimed.id, os.getpid())).carry_out()
