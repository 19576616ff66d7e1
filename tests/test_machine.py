"""Threads: how they wait, how many there are, and who may change that."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import l0engine
from l0engine import machine
from l0engine.calibration.config import Config
from l0engine.calibration.problem.problem import Problem
from l0engine.calibration.training.iteration import fit
from l0engine.errors import L0Error
from l0engine.jobs.supervisor import worker_environment

OURS = {"OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OMP_WAIT_POLICY"}


#: What trains layers with gates and a sparse regression.
TRAINED = [
    "import numpy as np, torch",
    "from l0engine import L0Linear, SparseL0Linear",
    "from l0engine.studies.pruning.networks import Training",
    "from l0engine.studies.pruning.settings import PruningStudy",
    "Training(L0Linear(3, 2), PruningStudy(), torch.ones(4, 3), torch.tensor([0, 1, 0, 1])).epoch(0, bool)",
    "SparseL0Linear(epochs=3).fit(np.eye(6), np.arange(6.0))",
]


def wide(n: int) -> Problem:
    """So many households in 20 targets, each in two."""
    rng = np.random.default_rng(1)
    matrix = np.zeros((20, n))
    matrix[rng.integers(0, 20, (2, n)), np.arange(n)] = 1.0
    return Problem.create(matrix, matrix @ rng.uniform(50, 150, n), base_weights=np.full(n, 100.0))


def test_the_command_line_calms_its_threads_an_import_changes_nothing_and_no_training_loads_the_compiler(tmp_path):
    """OpenMP itself says how its threads wait, when torch loads it. To load torch's compiler takes longer than a small fit."""
    l0engine.io.save_problem(wide(30), tmp_path / "problem")
    checks = [
        "import os, runpy, sys",
        "before = dict(os.environ)",
        "import l0engine",
        "assert dict(os.environ) == before and not {'numpy', 'torch'} & set(sys.modules)",
        "sys.argv[:] = ['l0engine', 'fit', 'problem', '--out', 'out', '--epochs', '5']",
        "try: runpy.run_module('l0engine', run_name='__main__')",
        "except SystemExit as ended: assert not ended.code",
        *TRAINED,
        "assert 'torch' in sys.modules and 'torch._dynamo' not in sys.modules",
    ]
    environment = {name: value for name, value in os.environ.items() if name not in OURS} | {"OMP_DISPLAY_ENV": "true"}
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(checks)], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "OMP_WAIT_POLICY = 'PASSIVE'" in done.stderr and "'ACTIVE'" not in done.stderr
    assert json.loads((tmp_path / "out" / "run.json").read_text())["threads"] == 1


def test_a_user_may_calm_threads_before_torch_is_loaded_only(monkeypatch):
    monkeypatch.setattr(os, "environ", spinning := {"OMP_NUM_THREADS": "7"})
    with pytest.raises(L0Error, match="comes too late"):
        l0engine.calm_threads()
    assert spinning == {"OMP_NUM_THREADS": "7"}
    monkeypatch.delitem(sys.modules, "torch")
    l0engine.calm_threads()
    assert spinning["OMP_NUM_THREADS"] == "7" and spinning["OMP_WAIT_POLICY"] == "PASSIVE" and set(spinning) == OURS
    monkeypatch.undo()
    l0engine.calm_threads()  # torch is loaded, but found its threads calm: as the tests are run


def test_the_number_of_threads_follows_the_work():
    small, us, national = (400_000, 20_000), (2_678_000, 200_576), (32_200_000, 337_704)
    assert [machine.suitable(*p) for p in ((0, 1), small, us, national, (10**9, 10**7))] == [1, 1, 2, machine.MOST, machine.MOST]
    sizes = [int(1.5**i) for i in range(50)]
    counts = np.array([[machine.suitable(entries, households) for entries in sizes] for households in sizes])
    assert (np.diff(counts, axis=0) >= 0).all() and (np.diff(counts, axis=1) >= 0).all()


@pytest.mark.parametrize(("cores", "slots", "threads"), [(1, 1, 1), (2, 1, 2), (2, 3, 1), (16, 1, 4), (16, 8, 2)])
def test_workers_share_the_cores_and_never_take_more_than_they_can_use(monkeypatch, cores, slots, threads):
    monkeypatch.setattr("l0engine.jobs.supervisor.cores", lambda: cores)
    assert worker_environment(slots)["OMP_NUM_THREADS"] == str(threads)


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
def test_the_same_seed_and_number_of_threads_give_the_same_bits_and_a_fit_leaves_the_number_alone():
    problem, config = wide(60_000), Config(epochs=40, seed=3, device="cpu")  # steps long enough for torch to share them out
    first, second = fit(problem, config), fit(problem, config)
    assert first.weights.tobytes() == second.weights.tobytes() and first.gated_weights.tobytes() == second.gated_weights.tobytes()
    assert first.threads == second.threads == torch.get_num_threads() == 2
    assert first.history[-1].where == "Device: CPU, 2 threads."


@pytest.mark.usefixtures("two_threads")
def test_inside_at_most_there_are_fewer_threads_never_more():
    for asked, given in ((1, 1), (2, 2), (8, 2)):
        with machine.at_most(asked):
            assert torch.get_num_threads() == given
        assert torch.get_num_threads() == 2


def test_the_queue_tells_jobs_of_the_gpu_apart_without_torch(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    for there in (True, False):
        monkeypatch.setattr(Path, "exists", lambda path, there=there: there and str(path) == "/dev/nvidia0")
        assert [machine.on_gpu(d) for d in ("cuda", "auto", "cpu", "mps", None)] == [True, there, False, False, False]
    monkeypatch.setattr(Path, "exists", lambda path: True)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert not machine.on_gpu("auto")


def test_a_gpu_is_named_with_its_memory(monkeypatch):
    monkeypatch.setattr(
        torch.cuda, "get_device_properties", lambda device: SimpleNamespace(name="NVIDIA H100", total_memory=85_000_000_000)
    )
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: 4_700_000_000)
    assert machine.running_on(torch.device("cuda")) == "Device: NVIDIA H100, with up to 4.7 of its 85 GB taken."
