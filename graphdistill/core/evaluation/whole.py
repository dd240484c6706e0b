"""Bytes of all the data, coded without loss: in blocks, side by side on all processes, and once for each data set."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

from platformdirs import user_cache_path
from torch import Tensor

from graphdistill.core.codec import encode_array
from graphdistill.core.codec.jit import sources_digest
from graphdistill.core.command.output import write_text
from graphdistill.core.command.progress import NO_PROGRESS, Progress
from graphdistill.core.digest import digest
from graphdistill.core.parallel import parallel_map

BLOCK = 1 << 22
"""Most values of a block, unless one entry has more: coding them takes ten seconds of images, up to forty of floats."""


def whole_bytes(
    tensors: Mapping[str, Tensor], *, jobs: int = 1, progress: Progress = NO_PROGRESS, block: int = BLOCK
) -> int:
    """Sum of the streams of the codec of arrays that hold some tensors.

    Tensors of more values than a block are coded in blocks of whole entries, and the number is kept in the user's
    cache, for the tensors and this version of the codec.

    Args:
        tensors: tensors by name.
        jobs: parallel processes for blocks. (default: 1)
        progress: shows a bar.
        block: most values of a block.

    Example:
        >>> import torch
        >>> whole_bytes({"y": torch.arange(200) % 2})
        14
    """
    parts = []
    for name, values in tensors.items():
        entries = max(1, block // max(1, values[:1].numel()))
        parts += [(name, start, start + entries) for start in range(0, max(len(values), 1), entries)]
    path = None
    if len(parts) > len(tensors):
        key = digest([dict(tensors), block, sources_digest()])
        path = user_cache_path("graphdistill", appauthor=False) / "coded-bytes" / key
        with contextlib.suppress(OSError, ValueError):
            return int(path.read_text(encoding="utf-8"))
    found = parallel_map(_coded, dict(tensors), parts, jobs=jobs if path else 1)
    total = sum(progress.track(found, "coding all the data", len(parts)))
    if path is not None:
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_text(path, str(total))
    return total


def _coded(tensors: Mapping[str, Tensor], part: tuple[str, int, int]) -> int:
    name, start, end = part
    return len(encode_array(tensors[name][start:end]))
