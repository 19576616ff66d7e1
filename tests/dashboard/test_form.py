"""The form of a run: presets, sliders with exact values, advanced fields, and what reaches the `Config` of the run."""

from __future__ import annotations

import itertools
import math

import pytest
import uploads
from further import further

from l0engine.calibration.config import GOALS, PRESETS, Config, settings
from l0engine.calibration.losses import LOSSES

SLIDERS = [name for name, s in settings().items() if not s.advanced]
ADVANCED = [name for name, s in settings().items() if s.advanced and name not in ("exclude", "soften", "group_multipliers", "price_change")]


@pytest.fixture
def form(visit):
    return visit("calibrate")


def started(page) -> Config:
    return page.press("Start").record.config


def test_it_starts_with_the_defaults(form):
    assert SLIDERS == ["price_l0", "price_l2", "temperature"]
    for name in SLIDERS:
        assert form.slider(name).value == float(form.exact(name).value) == getattr(Config(), name)
    assert form.widget("Preset").value == "Balanced"
    assert started(form) == Config()


@pytest.mark.parametrize("preset", [*list(PRESETS)[:1], *further(*list(PRESETS)[1:])])
def test_a_preset_sets_the_sliders_and_the_run(form, preset):
    form.type_exact("temperature", "0.7").choose("Preset", preset)
    wanted = Config.from_dict(dict(PRESETS[preset].changes))
    for name in SLIDERS:
        assert form.slider(name).value == float(form.exact(name).value) == getattr(wanted, name)
    assert form.widget("Preset").value == preset and PRESETS[preset].sentence in form.said("caption")
    assert started(form) == wanted


def test_own_settings_leave_the_preset(form):
    form.type_exact("price_l0", "0.004")
    assert form.widget("Preset").value is None and any("Your own settings" in c for c in form.said("caption"))
    form.type_exact("price_l0", "0.1")
    assert form.widget("Preset").value == "Balanced"


@pytest.mark.parametrize("name", [SLIDERS[0], *further(*SLIDERS[1:])])
def test_the_slider_sets_the_exact_value(form, name):
    slider = form.slider(name)
    value = type(slider.value)(next(v for v in sorted(map(float, numbers_of(slider))) if v > getattr(Config(), name)))
    form.set(name, value)
    assert float(form.exact(name).value) == value
    assert started(form) == Config.from_dict({name: value})


def numbers_of(slider) -> list[str]:
    """Options as they are written on the slider."""
    return list(slider.options)


@pytest.mark.parametrize(
    ("name", "text"), [("price_l0", "0.000123456789"), *further(("price_l0", "3.21e-4"), ("price_l2", " 7e-10 "), ("temperature", "0.123"))]
)
def test_the_exact_value_sets_the_slider(form, name, text):
    form.type_exact(name, text)
    assert form.slider(name).value == float(text)
    form.to("data").to("calibrate")
    assert form.slider(name).value == float(text) == float(form.exact(name).value)  # to the last digit, also after a look elsewhere
    assert started(form) == Config.from_dict({name: float(text)})


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("price_l0", ("abc", "", "-1", "1e99", "nan")),
        *further(("price_l0", ("inf", "1,5")), ("price_l2", ("0x10",)), ("temperature", ("0",))),
    ],
)
def test_a_value_that_is_none_gets_a_sentence_and_loses_nothing(form, name, texts):
    other = next(n for n in SLIDERS if n != name)
    form.type_exact(other, "0.0777")
    s = settings()[name]
    for text in texts:
        (said,) = form.type_exact(name, text).said("error")
        assert said.startswith(name) and f"between {s.low:g} and {s.high:g}" in said
        assert form.button("Start").disabled and "Correct the setting" in form.button("Start").help
        assert form.exact(name).value == text and float(form.exact(other).value) == form.slider(other).value == 0.0777
    form.to("data")  # no page stumbles over it
    assert form.title == "Data"
    form.to("calibrate")
    assert form.said("error") == [said] and form.exact(name).value == texts[-1]
    form.type_exact(name, "0.06")
    assert not form.said("error") and started(form) == Config.from_dict({name: 0.06, other: 0.0777})


def test_the_slider_corrects_an_invalid_text(form):
    form.type_exact("price_l0", "lots")
    form.set("price_l0", 0.01)
    assert not form.said("error") and form.exact("price_l0").value == "0.01"
    assert started(form) == Config(price_l0=0.01)


def test_a_preset_corrects_an_invalid_text(form):
    form.type_exact("price_l0", "lots").choose("Preset", "Fast look")
    assert not form.said("error") and form.exact("price_l0").value == "0.1"


# -- advanced


@pytest.fixture
def advanced(form):
    return form.choose("Advanced settings", True)


CHANGES = {
    "final_temperature": 0.1,
    "estimator": "sampled",
    "loss": "mse",
    "normalize_groups": True,
    "epochs": 77,
    "stop_when_settled": False,
    "learning_rate": 0.05,
    "init_keep_prob": 0.8,
    "max_ratio": 20.0,
    "refit": False,
    "mu": 1e-3,
    "device": "cpu",
    "seed": 2**53 - 1,
    "share": 5.0,
    "lambda_ratio": 1e-4,
    "budget": 100,
    "max_median_error": 0.02,
    "min_ess": 50.0,
    "hold_out": ["state_snap"],
    "jitter": 0.2,
    "polish": True,
    "lambda_l0": 2e-3,
    "lambda_l2": 1e-11,
    "max_error": 0.05,
    "min_weight": 2.0,
    "max_weight": 5000.0,
    "total": "soft",
    "anchor": "chi-square",
    "relax": False,
    "precision": "standard error",
}
#: Those that do not go with others.
ALONE = ("budget", "max_median_error", "max_error", "min_ess", "polish")


def test_every_advanced_field_has_a_widget_and_a_test(advanced):
    assert sorted(CHANGES) == sorted(ADVANCED)
    for name in ADVANCED:
        assert advanced.widget(settings()[name].label).value == Config().to_dict()[name] != CHANGES[name]


#: What goes with others is changed together, below, and goals two by two.
@pytest.mark.parametrize("name", ["polish", *further(*(name for name in CHANGES if name != "polish"))])
def test_an_advanced_field_reaches_the_run(advanced, name):
    advanced.set(name, CHANGES[name])
    advanced.choose("Advanced settings", False).choose("Advanced settings", True)
    assert advanced.widget(settings()[name].label).value == CHANGES[name]
    assert started(advanced) == Config.from_dict({name: CHANGES[name]})


def test_all_advanced_fields_together(advanced):
    together = {name: value for name, value in CHANGES.items() if name not in ALONE}
    for name, value in together.items():
        advanced.widget(settings()[name].label).set_value(value)
    advanced.rerun().choose("Advanced settings", False).choose("Advanced settings", True)
    assert {name: advanced.widget(settings()[name].label).value for name in together} == together
    assert started(advanced) == Config.from_dict(together)


PAIRS = list(itertools.combinations(GOALS, 2))


#: Each goal once.
@pytest.mark.parametrize(("one", "other"), [PAIRS[0], PAIRS[-1], *further(*PAIRS[1:-1])])
def test_any_two_goals_go_together(form, one, other):
    form.set(one, CHANGES[one]).set(other, CHANGES[other])
    assert not form.said("error") and started(form) == Config.from_dict({one: CHANGES[one], other: CHANGES[other]})


def test_a_third_goal_is_explained(form):
    form.set("budget", 100).set("min_ess", 50.0).set("max_error", 0.05)
    (said,) = form.said("error")
    assert said == "3 goals are set (budget, max_error, min_ess): ask for two at most." and form.button("Start").disabled
    assert started(form.set("min_ess", None)) == Config(budget=100, max_error=0.05)


@pytest.mark.parametrize(("absolute", "label"), [("lambda_l0", "λ L0, absolute"), *further(("share", "Price of all households, absolute"))])
def test_an_absolute_price_says_that_it_counts_in_place_of_the_slider(advanced, absolute, label):
    assert not any("counts in place" in text for text in advanced.said("caption"))
    advanced.set(absolute, CHANGES[absolute])
    assert [text for text in advanced.said("caption") if "counts in place" in text] == [
        f":material/warning: '{label}' is set below and counts in place of this."
    ]
    advanced.set(absolute, None)
    assert not any("counts in place" in text for text in advanced.said("caption"))


def test_the_office_preset_says_what_its_cap_costs(form):
    form.choose("Preset", "Office")
    assert any("At most 10 times the base weight" in text and "mean error" in text for text in form.said("caption"))
    config = started(form)
    assert config.max_ratio == 10 and config.price_l0 < Config().price_l0


def test_an_optional_field_can_be_emptied(advanced):
    advanced.set("max_ratio", 5.0).set("max_ratio", None)
    assert started(advanced).max_ratio is None


def test_a_new_loss_is_in_the_form_once_it_is_in_the_registry(visit, monkeypatch):
    monkeypatch.setitem(LOSSES, "fourth", LOSSES["capped"])
    advanced = visit("calibrate").choose("Advanced settings", True)
    assert advanced.widget("Loss").options == list(LOSSES) and advanced.widget("Loss").options[-1] == "fourth"
    assert started(advanced.choose("Estimator", "sampled").choose("Loss", "fourth")).loss == "fourth"


def test_settings_that_do_not_go_together_are_explained(advanced):
    advanced.set("loss", "capped")
    (said,) = advanced.said("error")
    assert "'capped' does not go with estimator 'expected'" in said and advanced.button("Start").disabled
    advanced.set("estimator", "sampled")
    assert not advanced.said("error") and started(advanced) == Config(loss="capped", estimator="sampled")


def test_an_emptied_number_gets_a_sentence(advanced):
    advanced.set("epochs", 90).set("epochs", None)
    (said,) = advanced.said("error")
    assert said.startswith("epochs is None") and "between 1 and 1e+06" in said and advanced.button("Start").disabled
    assert advanced.to("data").title == "Data"
    assert started(advanced.to("calibrate").set("epochs", 91)) == Config(epochs=91)


def test_group_multipliers_reach_the_run(advanced):
    groups = sorted(set(uploads.massachusetts().targets["group"]))
    (editor,) = advanced.at.data_editor
    assert list(editor.value["group"]) == groups and set(editor.value["factor"]) == {1.0}
    edits: dict[int, dict[str, float]] = {}
    for row, factor in ((0, 2.5), (2, 0.0), (0, 4.0), (1, 3.0), (2, 1.0)):  # one after the other; the first is changed again
        edits[row] = {"factor": factor}
        advanced.at.session_state[editor.key] = {"edited_rows": edits, "added_rows": [], "deleted_rows": []}
        advanced.rerun()
    assert advanced.at.data_editor[0].proto.id == editor.proto.id  # the same editor all along, so that no edit is lost
    advanced.to("data").to("calibrate")
    assert list(advanced.at.data_editor[0].value["factor"])[:3] == [4.0, 3.0, 1.0]
    assert dict(started(advanced).group_multipliers) == {groups[0]: 4.0, groups[1]: 3.0}


def test_multipliers_of_another_problem_are_left_at_home(advanced):
    advanced.at.session_state[advanced.at.data_editor[0].key] = {"edited_rows": {0: {"factor": 2.0}}, "added_rows": [], "deleted_rows": []}
    advanced.rerun().choose("Advanced settings", False).to("data")
    _matrix, targets, _households = uploads.small()
    advanced.upload({**uploads.files("npz"), "targets.csv": targets.assign(group="other").to_csv(index=False).encode()})
    assert started(advanced.to("calibrate")) == Config()  # a run with a multiplier of an unknown group would fail


def test_the_draft_survives_other_pages_and_other_problems(advanced):
    advanced.set("epochs", 123).type_exact("price_l0", "0.0042").set("refit", False)
    advanced.to("results").to("data")
    advanced.at.button(key="sample_new_england").click().run()
    advanced.check().to("calibrate")
    assert advanced.widget("Advanced settings").value is True
    assert advanced.widget("Epochs").value == 123 and advanced.widget("Refit").value is False
    assert advanced.slider("price_l0").value == 0.0042
    assert started(advanced) == Config(epochs=123, price_l0=0.0042, refit=False)


def test_the_time_for_a_run_follows_the_draft(form):
    before = form.to("data").metrics["Time for a run"]
    form.to("calibrate").choose("Advanced settings", True).set("epochs", 1_000_000).to("data")
    after = form.metrics["Time for a run"]
    assert before.endswith("ms") and ("min" in after or " h" in after) and math.isfinite(len(after))
