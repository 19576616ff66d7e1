"""A run that is changed after it has begun: on the live page, and once it has ended."""

from __future__ import annotations

import json
import os

import numpy as np
from helpers import carry_out

from dashboard import state
from l0engine.calibration.config import Config
from l0engine.calibration.results import Snapshot, Status
from l0engine.jobs.job import Request
from l0engine.jobs.store import Store


def snapshot(step: int) -> Snapshot:
    return Snapshot(step, 500, step / 10, 1 / step, 0.1, 0.0, 0.3, 1000 - step, 0.5, 0.5, (0,) * 20, (0.1, 0.2, 0.3, 0.4, 0.5), 50.0)


def at_work(visit, **settings):
    """A run that looks as if a worker had it, open on Calibrate."""
    visit("data")  # puts the sample into the store
    store = state.store()
    run = store.create_run(state.problem_sha(), Config(**settings))
    store.set_status(run.id, Status.RUNNING, pid=os.getpid(), started=run.created)
    for step in range(10, 100, 10):
        store.append(run.id, snapshot(step))
    return visit("calibrate", run=run.id), run.id


def figures(page) -> dict[str, str]:
    found = [json.loads(c.proto.json) for c in page.at.get("bidi_component")]
    return {f["alt"]: f["figure"] for f in found if "figure" in f}


def test_settings_change_while_it_runs_and_the_curves_say_where(visit):
    page, run = at_work(visit, price_l0=0.1)
    fields = {label: page.at.text_input(key=f"steer_{name}_{run}").value for name, label in NAMES.items()}
    assert fields == {"price": "0.1", "uneven": "5e-5", "temperature": "0.35", "rate": "0.15"}
    page.at.text_input(key=f"steer_price_l0_{run}").set_value("0.3")
    page.press("Change")
    store = Store()
    assert [(e.step, e.changes) for e in store.events(run)] == [(None, {"price_l0": 0.3})]
    assert any("To take effect with the next steps: Price of a household 0.3" in text for text in page.said("caption"))
    store.changes(run, 60)  # as a worker takes it up
    page.rerun()
    drawn = figures(page)
    for alt in ("Loss terms by step", "Households kept by step"):
        layout = json.loads(drawn[alt])["layout"]
        assert [a["text"] for a in layout["annotations"]] == ["Price of a household 0.3"] and layout["shapes"][0]["x0"] == 60
    compared = visit("runs", compare=run)
    layout = json.loads(figures(compared)["Households kept by step"])["layout"]
    assert [a["text"] for a in layout["annotations"]] == ["Price of a household 0.3"]
    assert list(compared.at.dataframe[1].value.changed) == ["after step 60: Price of a household 0.3"]
    assert page.at.text_input(key=f"steer_price_l0_{run}").value == "0.3"
    assert "Changed so far, after step 60: Price of a household 0.3." in page.said("caption")


NAMES = {"price_l0": "price", "price_l2": "uneven", "temperature": "temperature", "learning_rate": "rate"}


def test_a_bad_value_or_none_is_said_in_place(visit):
    page, run = at_work(visit, lambda_l0=1e-3)
    page.press("Change")
    assert any("Nothing is different" in text for text in page.said("info"))
    page.at.text_input(key=f"steer_lambda_l0_{run}").set_value("much")
    page.press("Change")
    assert any(r"lambda\_l0 is 'much'" in text for text in page.said("error")) and not Store().events(run)
    Store().set_status(run, Status.QUEUED)
    page.at.text_input(key=f"steer_lambda_l0_{run}").set_value("0.01")
    page.press("Change")
    assert any("only one that is at work can be steered" in text for text in page.said("error"))


def test_a_run_whose_households_are_being_chosen_is_stopped_from_the_page(visit):
    page, run = at_work(visit, budget=100)
    Store().append(run, snapshot(500))  # the last step: what follows is the choice
    page.rerun()
    assert any(metric.label == "Time left" and metric.value == "refitting" for metric in page.at.metric)
    page.press("Stop")
    assert Store().requested(run) is Request.STOP
    page.rerun()
    assert any("Stopping; this may take a few seconds." in text for kind in ("markdown", "caption", "info") for text in page.said(kind))
    assert page.at.button and all(button.disabled for button in page.at.button if button.label == "Stop")
    Store().set_status(run, Status.STOPPED)
    assert "Stop" not in page.rerun().buttons()


def test_a_run_with_a_goal_is_not_steered(visit):
    page, run = at_work(visit, budget=100)
    assert "Change" not in page.buttons() and not [t for t in page.at.text_input if t.key and run in t.key]


def ended_run(visit) -> tuple[Store, str]:
    """The store, and the id of a run of the sample that is over."""
    visit("data")  # puts the sample into the store
    store = state.store()
    finished = store.create_run(state.problem_sha(), Config(epochs=60, refit=False)).id
    carry_out(store)
    return store, finished


def test_the_sidebar_names_runs_by_the_settings_they_have_now(visit):
    store, finished = ended_run(visit)
    other = store.create_run(store.run(finished).problem, Config(price_l0=0.3)).id
    store.set_status(other, Status.RUNNING)
    store.steer(other, price_l0=0.7)
    for run, steps in ((finished, None), (other, 10)):
        if steps is not None:
            store.changes(other, steps)
        page = visit("calibrate", run=run)
        menu = [o for s in page.at.sidebar.selectbox for o in s.options]
        shown = " ".join([*menu, *(m.value for m in page.at.sidebar.markdown)])
        assert ("price 0.7" in shown) is (steps is not None) and ("price 0.3" in shown) is (steps is None)


def test_a_finished_run_goes_on_for_more_epochs(visit):
    store, finished = ended_run(visit)
    store.folder(finished).joinpath("checkpoint.npz").unlink(missing_ok=True)
    page = visit("calibrate", run=finished).press("Continue the run")
    assert any("was not kept" in text for text in page.said("error")) and store.run(finished).status.ended
    store.save_checkpoint(finished, 60, {"step": np.array(60)})
    page.choose("More epochs", 40).press("Continue the run")
    assert store.run(finished).status is Status.QUEUED and any("Queued" in text for text in page.said("markdown"))
    assert [(e.step, e.changes["epochs"]) for e in store.events(finished)] == [(60, 100)]
    store.set_status(finished, Status.STEP_LIMIT)  # as when it has ended
    for place in ("calibrate", "results"):
        assert any("Changed once it had begun, after step 60: on to step 100." in text for text in page.to(place).said("caption"))
    page.to("calibrate")
    assert "on to step 100" in figures(page.rerun())["Loss terms by step"]
