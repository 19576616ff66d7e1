"""The first page: samples, uploads, and what the preflight does to the next run."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile

import numpy as np
import ordered
import pandas as pd
import pytest
import uploads
from further import further

from dashboard import state
from dashboard.state import quotas
from dashboard.state.opened import problems

REAL_DEFAULT = problems.DEFAULT_SAMPLE


def loaded(visit):
    """The problem the page has opened, as the store gives it back."""
    return state.store().problem(visit.at.session_state["problem"])


def test_a_first_visit_opens_a_sample_and_says_what_to_do(visit):
    page = visit()
    assert page.title == "Data" and not page.said("warning", "error")
    assert page.button("Chosen").disabled and page.button("Read these files").disabled
    assert page.button("Read these files").help == "Add a matrix and targets first."
    assert not page.button("Calibrate").disabled
    assert any("None yet" in text for text in page.said("markdown"))
    assert page.press("Calibrate").title == "Calibrate"


def test_the_real_default_is_the_united_states(visit, monkeypatch):
    monkeypatch.setattr(problems, "DEFAULT_SAMPLE", REAL_DEFAULT)
    page = visit()
    targets = pd.read_csv(uploads.SAMPLES / "us" / "targets.csv")
    assert page.metrics["Targets"] == f"{len(targets):,}" == "2,413" and page.metrics["Households"] == "200,576"
    assert page.at.button(key="sample_us").label == "Chosen"
    unreachable = page.expander("Unreachable")
    assert f"**{(targets['support'] == 0).sum()}**" in unreachable.label
    assert not unreachable.button_group  # nothing to choose: they cannot be met


@pytest.mark.parametrize(("key", "targets", "households"), [("massachusetts", 35, 3044), *further(("new_england", 210, 18261))])
def test_each_sample_opens_with_its_counts(visit, key, targets, households):
    page = visit()
    if key != "massachusetts":
        page.at.button(key=f"sample_{key}").click().run()
    assert (page.metrics["Targets"], page.metrics["Households"]) == (f"{targets:,}", f"{households:,}")
    title = json.loads((uploads.SAMPLES / key / "sample.json").read_text())["title"]
    assert page.at.header[0].value == title
    assert any(f"**{title}**  \n{targets:,} targets × {households:,} households" in t for t in page.said("markdown"))
    assert page.at.button(key=f"sample_{key}").label == "Chosen"
    assert [b.label for b in page.at.button if b.key and b.key.startswith("sample_")].count("Open") == 2


@pytest.mark.parametrize(
    "kind", ["npz", "long csv", "zip", *further(*(kind for kind in uploads.FORMATS if kind not in ("npz", "long csv", "zip")))]
)
def test_an_upload_of_each_format_is_read_as_it_was_written(visit, kind):
    page = visit().upload(uploads.files(kind))
    plain, problem = uploads.small(), loaded(page)
    np.testing.assert_array_equal(problem.matrix.toarray(), plain.matrix.astype(np.float32))
    np.testing.assert_array_equal(problem.values, plain.targets["value"])
    assert list(problem.names) == list(plain.targets["target"]) and list(problem.groups) == list(plain.targets["group"])
    assert list(problem.household_ids) == list(plain.households["household_id"])
    np.testing.assert_array_equal(problem.base_weights, plain.households["base_weight"])
    assert page.metrics["Targets"] == str(len(plain.targets)) and page.metrics["Households"] == str(len(plain.households))
    roles = page.said("success")
    assert all(any(f"was read as the {role}" in text for text in roles) for role in ("matrix", "targets", "households"))
    size = f"Upload of {len(plain.targets)} targets × {len(plain.households)} households"
    assert page.at.header[0].value == ("everything" if kind == "zip" else size)
    assert page.rerun().said("success")[:1] != roles[:1]  # said once
    assert page.press("Calibrate").title == "Calibrate"


@pytest.mark.slow
def test_uploads_are_told_apart_by_their_titles(visit):
    """The same file names with other contents; the same contents again keep the title they have."""
    plain = uploads.files("wide csv")
    targets = pd.read_csv(io.BytesIO(plain["targets.csv"]))
    other = {**plain, "targets.csv": targets.assign(value=2 * targets["value"]).to_csv(index=False).encode()}

    def renamed(files):
        return {f"maine_{name}": content for name, content in files.items()}

    page = visit()
    for files, title in ((renamed(plain), "maine"), (renamed(other), "maine (2)"), (other, "maine (2)"), (plain, "maine")):
        page.upload(files)
        assert page.at.header[0].value == title
    assert sorted(r.title for r in state.store().problems() if r.source == "upload") == ["maine", "maine (2)"]


def broken_files() -> dict[str, tuple[dict[str, bytes], str]]:
    good = uploads.files("npz")
    text = good["targets.csv"].decode()
    nan = uploads.files("long csv")
    worse = nan["matrix.csv"].decode().splitlines()
    worse[5] = worse[5].rsplit(",", 1)[0] + ",abc"
    unknown = nan["matrix.csv"] + b"no such target,1,2.5\n"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("readme.md", "nothing")
    short = pd.read_csv(io.BytesIO(good["targets.csv"])).head(3).to_csv(index=False).encode()
    return {
        "no matrix": ({"targets.csv": good["targets.csv"]}, "The matrix file is missing"),
        "no targets": ({"matrix.npz": good["matrix.npz"]}, "The targets file is missing"),
        "not an npz": ({**good, "matrix.npz": b"PK nonsense"}, "matrix.npz"),
        "an empty file": ({**good, "targets.csv": b""}, "targets.csv"),
        "too few targets": ({**good, "targets.csv": short}, "3 targets"),
        "no value column": ({**good, "targets.csv": text.replace("value", "worth", 1).encode()}, "value"),
        "text for a number": ({**nan, "matrix.csv": "\n".join(worse).encode()}, "abc"),
        "an unknown target": ({**nan, "matrix.csv": unknown}, "no such target"),
        "two matrices": ({**good, "matrix.mtx": uploads.files("mtx")["matrix.mtx"]}, "both look like the matrix"),
        "an empty zip": ({"empty.zip": buffer.getvalue()}, "0 data files"),
        "a zip and more": ({**good, **uploads.files("zip")}, "either one .zip or separate files"),
    }


#: The sentences themselves: tests/io.
FEW = ("no matrix", "not an npz", "text for a number", "a zip and more")


@pytest.mark.parametrize("cases", [FEW, *further([case for case in broken_files() if case not in FEW])], ids=["few", "the rest"])
def test_bad_uploads_get_one_sentence_each_and_change_nothing(visit, cases):
    page = visit()
    before = page.at.session_state["problem"], page.metrics, len(state.store().problems())
    for case in cases:
        files, words = broken_files()[case]
        page.upload(files)
        questions = [text for text in page.said("markdown") if text.startswith(":material/help:")]  # which column is meant
        (said,) = page.said("error") or questions
        assert words in said and "\n" not in said and "Traceback" not in said, case
        assert questions or said.endswith("Your files and the current problem are still here."), case
        assert (page.at.session_state["problem"], page.metrics, len(state.store().problems())) == before, case
        assert not page.said("success") or "was read as" not in page.said("success")[0], case
    page.upload(uploads.files("wide csv"))  # and the way on is open
    assert page.metrics["Households"] == str(len(uploads.small().households)) and not page.said("error")


def test_a_full_session_is_told_before_it_is_full(visit, monkeypatch):
    files = uploads.files("npz")
    size = sum(map(len, files.values()))
    monkeypatch.setattr(quotas, "SESSION_BYTES", int(1.5 * size))
    page = visit()
    assert not any("Uploads in this session" in text for text in page.said("caption"))
    page.upload(files)
    assert any(text.startswith("Uploads in this session take") for text in page.rerun().said("caption")) and not page.said("error")
    page.upload(uploads.files("wide csv"))
    assert "in this session" in page.said("error")[0] and "open the page anew" in page.said("error")[0]
    monkeypatch.setattr(quotas, "SESSION_BYTES", 100 * size)
    monkeypatch.setattr(quotas, "ALL_BYTES", size)  # the sample and the upload are there already
    page.upload(uploads.files("wide csv"))
    assert "in all" in page.said("error")[0]


def test_a_pickle_is_refused_with_the_three_lines_that_help(visit):
    page = visit().upload({"calibration_package.pkl": b"anything"})
    assert "calibration_package.pkl: a pickle runs code of its writer" in page.said("error")[0]
    assert len(page.said("code")[0].splitlines()) == 3


def test_two_uploads_of_one_name_are_refused_and_not_dropped(visit):
    page = visit()
    (name, content), *others = uploads.files("npz").items()
    twice = [(name, content, "application/octet-stream")] * 2
    page.at.file_uploader[0].set_value([*twice, *((n, c, "text/csv") for n, c in others)]).run()
    page.check().press("Read these files")
    assert page.said("error")[0].startswith(f"Two of the files are named '{name}': rename or remove one.")


def test_what_is_left_out_in_the_preflight_reaches_the_run(visit):
    plain = uploads.massachusetts()
    support = (plain.matrix != 0).sum(axis=1)
    thin, negative = int((support < 5).sum()), int((plain.targets["value"] < 0).sum())
    left = int(((support >= 5) & (plain.targets["value"] >= 0)).sum())
    assert thin and negative and left < 35  # the sample shows something
    page = visit()
    assert page.button("Calibrate").help == "To 35 targets."
    assert page.expander("Thinly supported").label.endswith("kept") and f"**{thin}**" in page.expander("Thinly supported").label
    page.at.button_group(key="exclude_thin").set_value("Leave out").run()
    page.check()
    assert page.button("Calibrate").help == f"To {35 - thin} targets."
    assert page.expander("Thinly supported").label.endswith("left out")
    page.at.button_group(key="exclude_negative").set_value("Leave out").run()
    assert page.check().button("Calibrate").help == f"To {left} targets."
    page.to("calibrate")
    assert any(f"{left} totals" in text for text in page.said("markdown"))
    page.press("Start")
    assert set(page.record.config.exclude) == {"thin", "negative"}
    page.to("data")
    page.at.button_group(key="exclude_thin").set_value("Keep").run()
    assert page.check().button("Calibrate").help == f"To {35 - negative} targets."
    assert set(page.record.config.exclude) == {"thin", "negative"}  # the run that was started keeps its own


def test_what_is_relaxed_stays_in_the_address_and_reaches_the_run(visit):
    plain = uploads.massachusetts()
    negative = int((plain.targets["value"] < 0).sum())
    soft = int((((plain.matrix != 0).sum(axis=1) < 5) & (plain.targets["value"] >= 0)).sum())
    page = visit()
    page.at.button_group(key="exclude_thin").set_value("Relax").run()
    page.at.button_group(key="exclude_negative").set_value("Leave out").run()
    assert page.check().expander("Thinly supported").label.endswith("relaxed")
    assert page.button("Calibrate").help == f"To {35 - negative} targets."  # a relaxed target stays in
    again = visit(**{name: page.at.query_params[name] for name in ("problem", "left_out", "relaxed")})  # as a reload, or a second tab
    assert again.expander("Thinly supported").label.endswith("relaxed") and again.expander("Negative").label.endswith("left out")
    again.to("calibrate")
    assert any(f"are met, {soft} of them relaxed." in text for text in again.said("markdown"))
    again.press("Start")
    assert (again.record.config.soften, again.record.config.exclude) == (("thin",), ("negative",))
    again.to("data")
    for kind in ("thin", "negative"):
        again.at.button_group(key=f"exclude_{kind}").set_value("Keep").run()
    assert {"left_out", "relaxed"}.isdisjoint(again.check().at.query_params) and again.button("Calibrate").help == "To 35 targets."


def test_an_address_that_names_no_finding_opens_all_the_same(visit):
    page = visit(relaxed="thick")
    assert "soften is 'thick'" in page.said("warning")[0] and not page.at.session_state["draft"]["soften"]


def test_the_tables_of_the_preflight_name_the_targets(visit):
    plain = uploads.massachusetts()
    thin = plain.targets["target"][(plain.matrix != 0).sum(axis=1) < 5]
    table = visit().expander("Thinly supported").dataframe[0].value
    assert list(table["target"]) == list(thin)


def test_a_margin_that_disagrees_is_explained_and_left_out_by_a_click(visit):
    households = uploads.small().households
    ids, half = households["household_id"], len(households) // 2
    parts = {"all": ids, "a_*": ids[:half], "b": ids[half:]}
    matrix = pd.concat([pd.DataFrame({"target": name, "household_id": of, "value": 1.0}) for name, of in parts.items()])
    totals = pd.DataFrame({"target": list(parts), "value": [1000.0, 300.0, 500.0], "group": ["total", "half", "half"]})
    page = visit().upload({"matrix.csv": matrix.to_csv(index=False).encode(), "targets.csv": totals.to_csv(index=False).encode()})
    found = page.expander("Margins that disagree")
    assert "- 'all' is 1,000; the 2 targets of group 'half' add up to 800 (20 % apart)." in [m.value for m in found.markdown]
    assert list(found.dataframe[0].value["why"]) == ["'all' is 1,000; the 2 targets of group 'half' add up to 800 (20 % apart)."]
    page.at.button_group(key="exclude_disagreeing").set_value("Leave out").run()
    assert page.check().button("Calibrate").help == "To 2 targets."


def test_no_target_left_disables_the_way_on_and_says_why(visit):
    _matrix, targets, households = uploads.small()
    matrix = pd.DataFrame({"target": targets["target"][:2], "household_id": households["household_id"][:2], "value": [1.0, 2.0]})
    few = {"matrix.csv": matrix.to_csv(index=False).encode(), "targets.csv": targets.head(2).to_csv(index=False).encode()}
    page = visit().upload(few)
    assert page.metrics["Targets"] == "2"
    page.at.button_group(key="exclude_thin").set_value("Leave out").run()
    assert page.check().button("Calibrate").disabled and "No target is left" in page.button("Calibrate").help
    page.to("calibrate")
    assert page.button("Start").disabled and page.button("Start").help == "No target is left in the fit."


def test_a_new_problem_lets_go_of_the_run_of_the_old_one(visit, finished):
    page = visit("data", run=finished)
    assert page.at.session_state["run"] == finished
    page.at.button(key="sample_new_england").click().run()
    assert "run" not in page.check().at.session_state
    assert dict(page.at.query_params) == {"problem": page.at.session_state["problem"]}


def test_the_chart_says_how_far_off_the_survey_is(visit):
    plain = uploads.massachusetts()
    errors = plain.matrix @ plain.households["base_weight"] / plain.targets["value"] - 1
    said = json.dumps(f"Half of the targets are within {np.median(np.abs(errors)) * 100:.1f} %")[1:-1]
    assert said in visit().chart("base_errors")


def test_a_file_that_can_be_read_in_two_ways_is_asked_about(visit):
    """'1.234' in a file of semicolons: thousands or decimals? As the tests of the reader have it, both answers are right."""
    files = {
        "targets.csv": b"target;value\na;41.580\nb;12.345\n",
        "matrix.csv": b"household_id,a,b\n1,1,0\n2,0,1\n3,1,1\n",
    }
    for answer, values in ((".", [41.58, 12.345]), (",", [41_580.0, 12_345.0])):
        page = visit().upload(files)
        assert not page.said("error") and any("targets.csv" in text for text in page.said("markdown"))
        page.choose("It means", answer).press("Read it so")
        np.testing.assert_array_equal(loaded(page).values, values)


def test_an_ordered_problem_gets_its_solution_back(visit, working):
    content = ordered.packed(ordered.parts())
    page = visit().upload({"surface.npz": content})
    assert (page.metrics["Targets"], page.metrics["Households"]) == ("2", "4")
    assert any("'surface.npz' was read as the problem" in text for text in page.said("success"))
    page.to("calibrate").press("Start").until_ended()
    page.to("results")
    assert "Solution (solution.npz)" in [b.label for b in page.at.get("download_button")]
    solution = (state.store().folder(page.run_id) / "solution.npz").read_bytes()
    weights = ordered.solution(solution, hashlib.sha256(content).hexdigest(), ordered.IDS)
    np.testing.assert_array_equal(weights, state.store().result(page.run_id).weights)
