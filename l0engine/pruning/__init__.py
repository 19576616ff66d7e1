"""Networks made smaller: weights behind shut gates become 0, and what no longer matters is taken out for good."""

from l0engine.pruning.compaction import compact
from l0engine.pruning.exports import export
from l0engine.pruning.masks import magnitude_pruned, plain, prune_model
from l0engine.pruning.report import CompactionReport, LayerChange, LayerSize, LeftWhole, Size
from l0engine.pruning.standalone import save_standalone, standalone_script

__all__ = [
    "CompactionReport",
    "LayerChange",
    "LayerSize",
    "LeftWhole",
    "Size",
    "compact",
    "export",
    "magnitude_pruned",
    "plain",
    "prune_model",
    "save_standalone",
    "standalone_script",
]
