"""Calibration logs in both forms, written here as the two programs write them."""

import numpy as np
import pandas as pd
import pytest
from reading import read_here

from l0engine.errors import ProblemError
from l0engine.io import guarded
from l0engine.io.guarded import load_guarded
from l0engine.io.logs import load_log, read_log

NAMES, VALUES = ["national/eitc/[a==1,b==2]", "state_1/snap", "state_1/zero"], np.array([67.33e9, 1733.5, 0.0])
EPOCHS = [50, 100, 150]
ESTIMATES = np.array([[14.5e9, 2320.25, 3.0], [60e9, 1800.0, 1.0], [67e9, 1733.0, 0.5]])


def by_target(achievable=(True, True, False)):
    """As policyengine-us-data's unified_calibration writes it, line by line."""
    lines = ["target_name,estimate,target,epoch,error,rel_error,abs_error,rel_abs_error,loss,achievable"]
    for epoch, row in zip(EPOCHS, ESTIMATES, strict=True):
        for name, est, tgt, ach in zip(NAMES, row, VALUES, achievable, strict=True):
            err = est - tgt
            rel = err / tgt if tgt != 0 else 0
            lines.append(f'"{name}",{est},{tgt},{epoch},{err},{rel},{abs(err)},{abs(rel)},{rel**2},{ach}')
    return "\n".join(lines) + "\n"


def by_epoch():
    """As microcalibrate's log_performance_over_epochs and `to_csv(index=True)` write it."""
    rows = []
    for i, epoch in enumerate(EPOCHS):
        for name, est, tgt in zip(NAMES, ESTIMATES[i], VALUES, strict=True):
            err = est - tgt
            own = {"target_name": name, "target": tgt, "estimate": est, "error": err, "abs_error": abs(err)}
            rows.append({"epoch": epoch, "loss": 0.5 / (i + 1), **own, "rel_abs_error": abs(err) / abs(tgt) if tgt != 0 else np.nan})
    return pd.DataFrame(rows).to_csv(index=True)


@pytest.fixture
def read(tmp_path):
    def from_text(text):
        file = tmp_path / "calibration_log.csv"
        file.write_text(text)
        return read_log(file)

    return from_text


@pytest.mark.parametrize("form", [by_target, by_epoch])
def test_both_forms_say_the_same_of_the_targets(read, form):
    log = read(form())
    assert log.epochs.tolist() == EPOCHS and log.names.tolist() == NAMES and log.values.tolist() == VALUES.tolist()
    np.testing.assert_array_equal(log.estimates, ESTIMATES)
    np.testing.assert_allclose(log.errors[:, :2], ESTIMATES[:, :2] / VALUES[:2] - 1, rtol=1e-9)
    assert np.isnan(log.errors[:, 2]).all() and log.notes == ()


def test_the_loss_is_that_of_the_epoch_or_the_mean_over_its_targets(read):
    one, other = read(by_target()), read(by_epoch())
    assert one.loss_by_target and not other.loss_by_target
    np.testing.assert_allclose(one.loss, ((ESTIMATES[:, :2] / VALUES[:2] - 1) ** 2).sum(axis=1) / 3, rtol=1e-9)
    np.testing.assert_allclose(other.loss, [0.5, 0.25, 0.5 / 3])
    assert one.achievable.tolist() == [True, True, False] and other.achievable.all()


def test_where_columns_and_losses_disagree_the_losses_are_believed_and_it_is_said(read):
    table = pd.read_csv(pd.io.common.StringIO(by_epoch()), index_col=0)
    log = read(table.assign(rel_error=table["error"] / table["target"]).to_csv())
    assert not log.loss_by_target and log.loss[0] == 0.5 and "are the same for the targets of an epoch" in log.notes[0]
    log = read(table.assign(loss=np.arange(9.0)).to_csv())
    assert log.loss_by_target and log.loss.tolist() == [1, 4, 7] and "differ between the targets of an epoch" in log.notes[0]


def test_a_diverged_run_leaves_gaps(read):
    log = read(by_target().replace("14500000000.0,6", "nan,6").replace("1800.0,1", "inf,1"))
    assert np.isnan(log.estimates[0, 0]) and np.isnan(log.estimates[1, 1]) and np.isfinite(log.estimates[2]).all()


def test_a_name_that_comes_twice_in_an_epoch_is_two_targets(read):
    table = pd.read_csv(pd.io.common.StringIO(by_epoch()), index_col=0)
    log = read(table.assign(target_name=table["target_name"].replace("state_1/zero", "state_1/snap")).to_csv())
    assert log.names.tolist() == [NAMES[0], NAMES[1], f"{NAMES[1]} (2)"]
    np.testing.assert_array_equal(log.estimates, ESTIMATES)


def test_the_guarded_child_hands_it_over_whole(read, tmp_path, monkeypatch):
    monkeypatch.setattr(guarded, "_child", read_here)  # a process for each test takes most of a second
    log = read(by_target())
    load_guarded(tmp_path / "calibration_log.csv", tmp_path / "log.npz", "log")
    kept = load_log(tmp_path / "log.npz")
    for name in ("epochs", "names", "values", "estimates", "loss", "achievable", "notes", "loss_by_target"):
        np.testing.assert_array_equal(getattr(kept, name), getattr(log, name))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("epoch,loss,pct_close,target_0\n1,2,3,4\n", r"column 'target_name' is missing"),
        (by_target().replace(",50,", ",50.5,"), r"line 2, column 'epoch': 50.5 is no epoch"),
        (by_target() + by_target().split("\n", 1)[1], r"line 11, column 'epoch': the epoch falls from 150 to 50, as where two runs"),
        (by_target().replace("1733.5,150", "1700,150"), r"line 3, column 'target': 'state_1/snap' is 1733.5 here and 1700 in a later"),
        (by_target().replace("2320.25", "many"), r"column 'estimate': it cannot be read as numbers .*many"),
        ("epoch,target_name,target,estimate,loss\n" + "".join(f"{i},t{i},1,1,1\n" for i in range(1500)), r"of which few meet"),
    ],
)
def test_what_is_no_log_is_refused_in_one_sentence(read, text, sentence):
    with pytest.raises(ProblemError, match=sentence) as refused:
        read(text)
    assert str(refused.value).startswith("calibration_log.csv") and "\n" not in str(refused.value)
