"""Networks made smaller: weights behind shut gates become 0, and what no longer matters is taken out for good."""

from __future__ import annotations

from typing import TYPE_CHECKING

from l0engine.lazy import importer

if TYPE_CHECKING:
    from l0engine.pruning.compaction import compact
    from l0engine.pruning.exports import export
    from l0engine.pruning.masks import magnitude_pruned, plain, prune_model
    from l0engine.pruning.report import CompactionReport, LayerChange, LayerSize, LeftWhole, Size
    from l0engine.pruning.standalone import save_standalone, standalone_script

__all__ = ["CompactionReport", "LayerChange", "LayerSize", "LeftWhole", "Size"]
__all__ += ["compact", "export", "magnitude_pruned", "plain", "prune_model", "save_standalone", "standalone_script"]

__getattr__ = importer(
    __name__,
    {
        "compaction": ("compact",),
        "exports": ("export",),
        "masks": ("magnitude_pruned", "plain", "prune_model"),
        "report": ("CompactionReport", "LayerChange", "LayerSize", "LeftWhole", "Size"),
        "standalone": ("save_standalone", "standalone_script"),
    },
)
