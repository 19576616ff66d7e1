"""What this machine makes of the engine, against l0-python 0.6.2 on the same device in the same run; in under five minutes.

    pip install --no-deps l0-python==0.6.2      without it, its column says so
    python tests/benchmarks/machines.py [--only us-cuda,huge-cuda] [--quick] [--out folder]

Each measurement is a process of its own with a time limit, and a sentence where it failed. `machines.json` is written after each of them,
`machines.md` (`machines_table.py`) in the end. Seconds are the median of the fits that follow the first one of their process, which stands
apart: it imports, makes tables and wakes the device. Peak memory is the process's own, data included.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from machines_table import table

from l0engine.machine import cores, environment

HERE = Path(__file__).parent
#: Seconds for everything.
LIMIT = 290.0
#: As workers have it: memory once got is kept.
MEMORY = {"MALLOC_TRIM_THRESHOLD_": "4000000000", "MALLOC_MMAP_THRESHOLD_": "4000000000"}


class Work(NamedTuple):
    """A measurement: a function of `machines_acts.py`, what it gets, and the process it runs in.

    No number of threads leaves the process with what a plain script has; `busy` is None where it may use all cores, else it has two, and
    says whether another process keeps one of them busy.
    """

    act: str
    about: dict[str, Any]
    threads: int | None
    timeout: float = 60.0
    busy: bool | None = None


def works(machine: dict[str, Any], repeat: int) -> dict[str, Work | str]:
    """All measurements by name, the dearest to know first; or why one is not made."""
    every, cuda, theirs = machine["cores"], machine["card"] is not None, machine["l0_python"] is not None
    out: dict[str, Work | str] = {}

    def fit(name: str, problem: str, device: str, threads: int | None = every, repeat: int = repeat, busy: bool | None = None) -> None:
        out[name] = Work("fits", {"problem": problem, "device": device, "repeat": repeat}, threads, busy=busy)

    def other(name: str, problem: str, device: str, epochs: int) -> None:
        out[name] = Work("l0_python", {"problem": problem, "device": device, "epochs": epochs}, every)

    fit("us-cuda", "us", "cuda")
    other("us-cuda-l0", "us", "cuda", 500)
    fit("readme-cuda", "readme", "cuda")
    other("readme-cuda-l0", "readme", "cuda", 500)
    out["national-cuda"] = Work("national", {"epochs": 500, "device": "cuda"}, every, timeout=90)
    out["huge-cuda"] = Work("huge", {"epochs": 200, "device": "cuda"}, every, timeout=120)
    fit("us-2", "us", "cpu", threads=2)
    fit("us-all", "us", "cpu")
    fit("us-quiet", "us", "cpu", threads=2, busy=False)
    fit("us-busy", "us", "cpu", threads=2, busy=True)
    fit("us-plain", "us", "cpu", threads=None, repeat=0)
    other("us-cpu-l0", "us", "cpu", 8)
    out["step"] = Work("step", {"problem": "us"}, every)
    for device in ("cpu", "cuda"):
        out[f"weights-{device}"] = Work("weights", {"problem": "us", "device": device}, every)
    fit("readme-cpu", "readme", "cpu")
    other("readme-cpu-l0", "readme", "cpu", 50)
    fit("us-auto", "us", "auto")
    fit("readme-auto", "readme", "auto")
    out["national-cuda-l0"] = Work("national_l0", {"epochs": 10, "device": "cuda"}, every, timeout=90)
    for name in out:
        if "cuda" in name and not cuda:
            out[name] = "needs a GPU"
        elif name.endswith("-l0") and not theirs:
            out[name] = "l0-python is not installed"
        elif name in ("us-quiet", "us-busy") and not (hasattr(os, "sched_setaffinity") and every > 1):
            out[name] = "needs two cores that a process can be bound to"
    return out


@contextmanager
def company(work: Work) -> Iterator[Any]:
    """What a process does before it starts: take two cores, beside another one that keeps the first of them busy."""
    if work.busy is None:
        yield None
        return
    two = sorted(os.sched_getaffinity(0))[:2]
    other = None
    if work.busy:
        spin = [sys.executable, "-c", "while True: pass"]
        other = subprocess.Popen(spin, preexec_fn=lambda: os.sched_setaffinity(0, two[:1]))
    try:
        yield lambda: os.sched_setaffinity(0, two)
    finally:
        if other is not None:
            other.kill()
            other.wait()


def run(work: Work, left: float) -> dict[str, Any]:
    """The figures of a measurement, or the error that it ended with."""
    names = ("OMP_", "MKL_", "OPENBLAS_", "MALLOC_", "GOMP_", "KMP_")
    plain = {k: v for k, v in os.environ.items() if not k.startswith(names)}
    plain["PYTHONPATH"] = os.pathsep.join(filter(None, [str(HERE.parents[1]), os.environ.get("PYTHONPATH")]))
    environ = plain if work.threads is None else plain | environment(work.threads) | MEMORY
    command, limit = [sys.executable, str(HERE / "machines_acts.py"), work.act, json.dumps(work.about)], min(work.timeout, left)
    started = time.perf_counter()
    try:
        with company(work) as before:
            done = subprocess.run(command, capture_output=True, text=True, env=environ, timeout=limit, preexec_fn=before)
    except subprocess.TimeoutExpired:
        return {"error": f"not done after {limit:.0f} s"}
    wall = {"wall": time.perf_counter() - started, "threads": work.threads}
    if done.returncode:
        return {"error": (done.stderr.strip().splitlines() or [f"ended with code {done.returncode}"])[-1], **wall}
    return json.loads(done.stdout.splitlines()[-1]) | wall


def this_machine() -> dict[str, Any]:
    """Names and versions that the figures belong to."""
    found = run(Work("machine", {}, cores()), 60)
    if "error" in found:
        raise SystemExit(f"Nothing can be measured here: {found['error']}")
    processor, cpuinfo = platform.processor(), Path("/proc/cpuinfo")
    if cpuinfo.exists():
        processor = next((line.split(":")[1].strip() for line in cpuinfo.open() if line.startswith("model name")), processor)
    return {**found, "processor": processor, "cores": cores(), "load": os.getloadavg()[0]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help="names of measurements, with commas")
    parser.add_argument("--quick", action="store_true", help="one fit after the first, in place of three")
    parser.add_argument("--out", type=Path, default=HERE, help="folder of machines.json and machines.md")
    a = parser.parse_args()
    started, here = time.perf_counter(), this_machine()
    todo = works(here, 1 if a.quick else 3)
    asked = a.only.split(",") if a.only else list(todo)
    if unknown := sorted(set(asked) - set(todo)):
        parser.error(f"{unknown[0]} is not measured: the names are {', '.join(todo)}.")
    a.out.mkdir(parents=True, exist_ok=True)
    results: dict[str, Any] = {}
    for name in asked:
        work, left = todo[name], LIMIT - (time.perf_counter() - started)
        if isinstance(work, str):
            results[name] = {"skipped": work}
        else:
            results[name] = run(work, left) if left > 5 else {"skipped": "no time was left"}
        shown = {k: round(v, 4) if isinstance(v, float) else v for k, v in results[name].items()}
        print(f"{name:18}{shown}", flush=True)
        whole = {"machine": here, "seconds": time.perf_counter() - started, "results": results}
        (a.out / "machines.json").write_text(json.dumps(whole, indent=1) + "\n")
    (a.out / "machines.md").write_text(table(whole))
    print(f"\n{table(whole)}\n{whole['seconds']:.0f} s in all")


if __name__ == "__main__":
    main()
