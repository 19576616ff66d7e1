"""Ordered problems of microcosm, written and read here by plain NumPy, as its `artifacts` module writes and reads them."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
from scipy import sparse as sp

MATRIX = np.array([[1.0, 1.0, 0.0, 1.0], [2.0, 0.0, 5.0, 0.0]])
VALUES, WEIGHTS, IDS = [10.0, 21.0], [2.0, 3.0, 0.5, 1.0], [10, 20, "x", 40]


def canonical(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")).encode()


def target(name: str, value: float, period: int | str = 2024, **more: Any) -> dict[str, Any]:
    own = {"name": name, "entity": "household", "value": value, "period": period, "source": "", "tolerance": None, "metadata": {}}
    return {**own, "measure": None, "filter": None, "compiled_measure": True, "compiled_filter": False, **more}


def parts(matrix=MATRIX, values=VALUES, weights=WEIGHTS, ids=IDS, **metadata: Any) -> dict[str, np.ndarray]:
    """Members of an ordered problem; `metadata` takes the place of what would be written."""
    m = sp.csr_array(np.asarray(matrix, float))
    targets = [target(f"t{i}", float(v)) for i, v in enumerate(values)]
    about = {
        "schema": "microcosm.calibrate.ordered-problem.v1", "shape": list(m.shape), "entity_ids": ids, "weight_entity": "household",
        "weight_kind": "design", "targets": targets, "names": [f"{t['name']}@{t['period']}" for t in metadata.get("targets", targets)],
        "skipped": [], "target_metadata": [{} for _ in values], "bindings": {},
    }  # fmt: skip
    text = canonical({**about, **metadata})
    return {
        "data": m.data.astype("<f8"), "indices": m.indices.astype("<i8"), "indptr": m.indptr.astype("<i8"),
        "targets": np.asarray(values, "<f8"), "weights": np.asarray(weights, "<f8"), "metadata": np.frombuffer(text, np.uint8),
    }  # fmt: skip


def packed(members: dict[str, np.ndarray]) -> bytes:
    out = io.BytesIO()
    np.savez_compressed(out, **members)
    return out.getvalue()


def solution(content: bytes, problem_sha256: str, ids: list[int | str]) -> np.ndarray:
    """The weights, once all holds that `decode_solution` asks for."""
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        assert sorted(archive.files) == ["metadata", "weights"]
        raw, weights = archive["metadata"], archive["weights"]
    assert raw.dtype == np.uint8 and raw.ndim == 1
    metadata = json.loads(raw.tobytes())
    assert canonical(metadata) == raw.tobytes()
    assert set(metadata) == {"schema", "entity_ids", "problem_sha256", "diagnostics"} and isinstance(metadata["diagnostics"], dict)
    assert metadata["schema"] == "microcosm.calibrate.ordered-solution.v1"
    assert metadata["problem_sha256"] == problem_sha256 and metadata["entity_ids"] == ids
    assert weights.dtype == np.dtype("<f8") and weights.shape == (len(ids),) and np.isfinite(weights).all() and (weights >= 0).all()
    return weights
