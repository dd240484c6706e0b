"""Cache of prepared tensors as safetensors: loaded in seconds instead of prepared in minutes."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from graphdistill.core.data.graphs import Graphs
from graphdistill.core.data.tensors import downcast, segment_ptr
from graphdistill.core.sets.checked_file import read_header
from graphdistill.core.sets.payload import FLOATS, INTEGERS, check_names, check_range, check_tensor
from graphdistill.datasets._roots import cache_folder

FORMAT = 1
"""Version of the stored layout; files of other versions are prepared again."""

Tensors = dict[str, Tensor]


def fingerprint(folder: Path) -> str:
    """Fingerprint of the paths, sizes and times of the files under ``folder``."""
    folder = folder.resolve()
    files = [folder] if folder.is_file() else sorted(p for p in folder.rglob("*") if p.is_file())
    # Files processed by loaders are not sources and may be incomplete.
    stats = [(str(p), p.stat().st_size, p.stat().st_mtime_ns) for p in files if "processed" not in p.parts]
    return repr(stats)


def cached(name: str, key: str, build: Callable[[], Tensors], *, entries: str = "y") -> Tensors:
    """The tensors that ``build`` makes, loaded from the cache if it has the same ``key``.

    Integers are stored in the smallest dtype and loaded as long. A damaged file is prepared again.

    Args:
        name: first part of the name of the file.
        key: description of the source.
        build: makes the tensors.
        entries: name of a tensor with an entry for each graph or node. (default: ``y``)
    """
    path = cache_path(name, key)
    if path.exists():
        try:
            # No limit on the size of the data: checking the header allocates no memory.
            read_header(path, most=2**48)
            stored = load_file(path)
            check(stored, entries=entries)
        except (SafetensorError, OSError, ValueError):
            path.unlink(missing_ok=True)
        else:
            return {k: v if v.is_floating_point() else v.long() for k, v in stored.items()}
    tensors = build()
    store(path, tensors)
    return tensors


@contextlib.contextmanager
def parts_folder(name: str, key: str) -> Iterator[Path]:
    """A folder for finished parts of ``name``, removed at the end but kept for the next time after an interruption."""
    folder = cache_path(name, key).with_suffix(".parts")
    folder.mkdir(exist_ok=True)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def check(tensors: Tensors, *, entries: str = "y") -> None:
    """Fail unless edges, graph boundaries and splits of a data set are consistent.

    Args:
        tensors: the data set.
        entries: name of a tensor with an entry for each graph or node. (default: ``y``)

    Raises:
        ValueError: with the name of the tensor.
    """
    check_names(tensors, ["x", entries], tensors)
    nodes, total = len(tensors["x"]), len(tensors[entries])
    for name in ("train", "valid", "test"):
        if name in tensors:
            check_range(name, check_tensor(tensors, name, INTEGERS, None), 0, total - 1)
    if "edge_index" not in tensors:
        return
    index = check_tensor(tensors, "edge_index", INTEGERS, 2, None)
    check_range("edge_index", index, 0, nodes - 1)
    if "edge_attr" in tensors:
        check_tensor(tensors, "edge_attr", (*INTEGERS, *FLOATS), index.shape[1], None)
    if "node_ptr" not in tensors:
        return
    for name, end in (("node_ptr", nodes), ("edge_ptr", index.shape[1])):
        ptr = check_tensor(tensors, name, INTEGERS, total + 1).long()
        if int(ptr[0]) != 0 or int(ptr[-1]) != end or bool((ptr.diff() < 0).any()):
            raise ValueError(f"holds {name} that does not rise from 0 to {end}")


def cache_path(name: str, key: str) -> Path:
    """Cache file of ``name`` for the source described by ``key``."""
    digest = hashlib.sha256(f"{FORMAT}/{key}".encode()).hexdigest()[:16]
    return cache_folder("prepared") / f"{name}-{digest}.safetensors"


def store(path: Path, tensors: Tensors) -> None:
    """Write ``tensors`` to ``path`` atomically."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".partial")
    os.close(handle)
    try:
        save_file({k: downcast(v).contiguous() for k, v in tensors.items()}, temporary)
        Path(temporary).replace(path)
    finally:
        Path(temporary).unlink(missing_ok=True)


def pack(graphs: Graphs) -> Tensors:
    """``graphs`` as named tensors for the cache."""
    tensors = {
        "x": graphs.x,
        "edge_index": graphs.edge_index,
        "node_ptr": graphs.node_ptr,
        "edge_ptr": graphs.edge_ptr,
    }
    return tensors if graphs.edge_attr is None else {**tensors, "edge_attr": graphs.edge_attr}


def unpack(tensors: Tensors) -> Graphs:
    """The graphs of the tensors of :func:`pack`."""
    return Graphs(
        x=tensors["x"],
        edge_index=tensors["edge_index"],
        edge_attr=tensors.get("edge_attr"),
        node_ptr=tensors["node_ptr"],
        edge_ptr=tensors["edge_ptr"],
    )


def joined(x: Tensor | None, edge_index: Tensor, edge_attr: Tensor | None, sizes: Tensor, edge_ptr: Tensor) -> Graphs:
    """Graphs from tensors as PyG collates them, with node indices within each graph.

    Args:
        x: node features ``[N, F]``; ``None`` for the in-degree.
        edge_index: node indices within each graph, long ``[2, E]``.
        edge_attr: edge features ``[E, D]`` or ``None``.
        sizes: nodes of each graph, long ``[G]``.
        edge_ptr: first edge of each graph and E at the end; graphs without edges at the end may be left out.

    Raises:
        ValueError: the numbers of nodes, edges and features are inconsistent.
    """
    if len(sizes) == 0 or int(sizes.min()) < 1:
        raise ValueError("there are no graphs, or one of them has no nodes")
    nodes, edges = int(sizes.sum()), edge_index.shape[1]
    # PyG leaves the last graphs out of the edge slices when they have no edges.
    edge_ptr = torch.cat([edge_ptr, edge_ptr.new_full((len(sizes) + 1 - len(edge_ptr),), edges)])
    graph = torch.repeat_interleave(torch.arange(len(sizes)), edge_ptr.diff())
    outside = (edge_index < 0) | (edge_index >= sizes[graph])
    if outside.any():
        raise ValueError(f"{int(outside.any(0).sum())} of {edges} edges point outside of their graph")
    for what, values, rows in (("node", x, nodes), ("edge", edge_attr, edges)):
        if values is not None and len(values) != rows:
            raise ValueError(f"there are {len(values)} rows of {what} features for {rows} {what}s")
    node_ptr = segment_ptr(sizes)
    edge_index = edge_index + node_ptr[graph]
    if x is None:
        x = torch.bincount(edge_index[1], minlength=nodes)[:, None]
    return Graphs(x=x, edge_index=edge_index, edge_attr=edge_attr, node_ptr=node_ptr, edge_ptr=edge_ptr)
