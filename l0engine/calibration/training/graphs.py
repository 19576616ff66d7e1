"""Graphs of CUDA kernels."""

from __future__ import annotations

from collections.abc import Callable

import torch


def captured(act: Callable[[], None]) -> torch.cuda.CUDAGraph:
    """The kernels of an act, ready to be replayed on the same tensors in one launch.

    As `torch.cuda.graph`, without its collection of garbage and emptying of caches, which take longer than many steps.
    """
    graph, stream = torch.cuda.CUDAGraph(), torch.cuda.Stream()  # type: ignore[no-untyped-call]
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        graph.capture_begin(capture_error_mode="thread_local")  # other threads may fit as well
        act()
        graph.capture_end()
    torch.cuda.current_stream().wait_stream(stream)
    return graph
