"""The table for the README from what `machines.py` measured.

python tests/benchmarks/machines_table.py machines.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

#: What is fitted; its measurement, and that of l0-python; what is to be reached.
FITS = (
    ("US, 500 epochs, GPU", "us-cuda", "us-cuda-l0", "fit 0.3 s, refit 0.5 s"),
    ("US, 500 epochs, CPU", "us-all", "us-cpu-l0", ""),
    ("README problem, 2,000 epochs, GPU", "readme-cuda", "readme-cuda-l0", "0.5 s"),
    ("README problem, 2,000 epochs, CPU", "readme-cpu", "readme-cpu-l0", ""),
    ("32,633 x 337,704, 32 million non-zeros, 500 epochs and 6 sizes, GPU", "national-cuda", "national-cuda-l0", "15 s"),
    ("13,000 x 5,200,000, 260 million non-zeros, 200 epochs, GPU", "huge-cuda", "", "15 s, 10 GB"),
    ("`SparseCalibrationWeights`, US, 500 epochs, CPU", "weights-cpu", "us-cpu-l0", "25 times"),
    ("`SparseCalibrationWeights`, US, 500 epochs, GPU", "weights-cuda", "us-cuda-l0", ""),
)
#: Parts of the seconds that are named in brackets.
PARTS = {"fit": "fit", "refit": "refit", "six": "6 sizes", "problem": "checking the input", "before": "before the first look"}


def table(whole: dict[str, Any]) -> str:
    """Markdown: times and memory, and how it behaves."""
    here, results = whole["machine"], whole["results"]
    l0 = f"l0-python {here['l0_python']}" if here["l0_python"] else "l0-python (not installed)"
    lines = [
        f"{here['card'] or 'No GPU'}; {here['processor']}, {here['cores']} cores; torch {here['torch']}, NumPy {here['numpy']}.",
        "",
        f"| | l0engine | {l0} | times faster | to reach | peak memory |",
        "|---|---|---|---|---|---|",
    ]
    for label, ours, theirs, goal in FITS:
        a, b = results.get(ours, {}), results.get(theirs, {})
        if a:
            ratio = f"{b['seconds'] / a['seconds']:.0f}" if "seconds" in a and "seconds" in b else ""
            lines.append(f"| {label} | {_seconds(a)} | {_seconds(b)} | {ratio} | {goal} | {_memory(a)} |")
    return "\n".join([*lines, "", *(f"- {line}" for line in _behaviour(results, here)), ""])


def _behaviour(results: dict[str, Any], here: dict[str, Any]) -> list[str]:
    """Sentences on threads, company, the step, the device: those that were measured."""
    lines = []
    two, every = (_time(results, name) for name in ("us-2", "us-all"))
    if two and every:
        lines.append(f"US on the CPU with 2 threads {two:.2g} s, with {here['cores']} {every:.2g} s: {every / two:.2g} times (at most 1).")
    if "us-plain" in results:
        lines.append(f"The same in a script that sets no environment: {_seconds(results['us-plain'])}.")
    quiet, busy = (_time(results, name) for name in ("us-quiet", "us-busy"))
    if quiet and busy:
        lines.append(f"On two cores {quiet:.2g} s, with one of them busy {busy:.2g} s: {busy / quiet:.2g} times (at most 2.2).")
    if floors := results.get("step", {}).get("floors"):
        lines.append(f"A step without Adam, US on the CPU: {floors:.1f} times the time to stream the matrix twice (at most 6).")
    for name, label in (("us", "US"), ("readme", "README problem")):
        auto = results.get(f"{name}-auto", {})
        if "device" in auto:
            cpu, cuda = _time(results, "us-all" if name == "us" else "readme-cpu"), _time(results, f"{name}-cuda")
            both = ", ".join(f"{d} {t:.2g} s" for d, t in (("cpu", cpu), ("cuda", cuda)) if t)
            lines.append(f"`device='auto'` takes {auto['device']} for the {label}: {auto['seconds']:.2g} s{f' ({both})' if both else ''}.")
    return lines


def _time(results: dict[str, Any], name: str) -> float | None:
    return results.get(name, {}).get("seconds")


def _seconds(r: dict[str, Any]) -> str:
    if "seconds" not in r:
        return r.get("error") or r.get("skipped") or ""
    parts = [f"{label} {r[key]:.2g}" for key, label in PARTS.items() if key in r]
    parts += [f"first in its process {r['first']:.2g}"] if "runs" in r else []
    parts += [f"from {r['measured']} epochs"] if "measured" in r else []
    return f"{_round(r['seconds'])} s" + (f" ({', '.join(parts)})" if parts else "")


def _round(seconds: float) -> str:
    return f"{seconds:.0f}" if seconds >= 20 else f"{seconds:.1f}" if seconds >= 3 else f"{seconds:.2f}"


def _memory(r: dict[str, Any]) -> str:
    if "peak_mb" not in r:
        return ""
    gpu = f", GPU {r['gpu_mb'] / 1e3:.1f} GB" if "gpu_mb" in r else ""
    held = f" (the matrix {r['matrix_mb'] / 1e3:.1f})" if "matrix_mb" in r else ""
    return f"{r['peak_mb'] / 1e3:.1f} GB{held}{gpu}"


if __name__ == "__main__":
    print(table(json.loads(Path(sys.argv[1]).read_text())))
