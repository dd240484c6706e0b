"""Fixed transformations of all entries of a data set: rotated images, graphs with hidden features and edges."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from graphdistill.core.data.graphs import Graphs
from graphdistill.core.data.tensors import segment_ptr
from graphdistill.core.randomness import generator
from graphdistill.kd.data.view import View


def transformed(view: View, count: int, *, hidden: float = 0.25, seed: int = 0) -> list[View]:
    """The data in several transformations, with the same entries in the same order; the first one is the data as is.

    Images are rotated by multiples of 360° / ``count``. Of nodes and graphs each further transformation hides a random
    share of the feature columns, which are 0 then, and of the edges, both directions together.

    Args:
        view: images, nodes or graphs.
        count: number of transformations, of images 2 or 4.
        hidden: share of columns and of edges that are hidden. (default: 0.25)
        seed: seed of what is hidden. (default: 0)

    Raises:
        ValueError: images cannot be rotated so, or the data are texts.

    Example:
        >>> from graphdistill.datasets import load
        >>> from graphdistill.kd.data.images import ImageView
        >>> upright, turned = transformed(ImageView(load("digits")), 2)
        >>> torch.equal(turned.data.images, upright.data.images.flip(2, 3))
        True
    """
    if view.KIND == "images":
        height, width = view.data.images.shape[2:]
        if count not in (2, 4):
            raise ValueError(f"images are rotated by right angles, in 2 or 4 views, got {count}")
        if count == 4 and height != width:
            raise ValueError(f"images of {height} x {width} pixels change their shape in 4 rotations; choose 2 views")
        changed = [{"images": view.data.images.rot90(4 // count * j, (2, 3))} for j in range(1, count)]
    elif view.KIND == "text":
        raise ValueError("texts have no transformations here; choose images, nodes or graphs")
    else:
        hide = _hide_in_nodes if view.KIND == "nodes" else _hide_in_graphs
        changed = [hide(view, hidden, generator(seed, "transformed", j)) for j in range(1, count)]
    return [view, *(type(view)(replace(view.data, **new), view.device, view.labelled) for new in changed)]


def _hide_in_nodes(view: View, share: float, draws: torch.Generator) -> dict[str, Tensor]:
    """Features and edges of one graph."""
    x, edge_index = view.data.x, view.data.edge_index
    return {"x": _hide_columns(x, share, draws), "edge_index": edge_index[:, _kept(edge_index, share, draws)]}


def _hide_in_graphs(view: View, share: float, draws: torch.Generator) -> dict[str, Graphs]:
    """Features and edges of many graphs."""
    graphs: Graphs = view.data.graphs
    kept = _kept(graphs.edge_index, share, draws)
    counts = torch.zeros(len(graphs), dtype=torch.long)
    counts.index_add_(
        0, graphs.graph_of_node[graphs.edge_index[0, kept]], torch.ones(int(kept.sum()), dtype=torch.long)
    )
    return {
        "graphs": replace(
            graphs,
            x=_hide_columns(graphs.x, share, draws),
            edge_index=graphs.edge_index[:, kept],
            edge_attr=None if graphs.edge_attr is None else graphs.edge_attr[kept],
            edge_ptr=segment_ptr(counts),
        )
    }


def _hide_columns(x: Tensor, share: float, draws: torch.Generator) -> Tensor:
    """Features with a share of the columns at 0, at least one and never all of two or more."""
    columns = x.shape[1]
    count = min(max(1, round(share * columns)), max(1, columns - 1))
    out = x.clone()
    out[:, torch.randperm(columns, generator=draws)[:count]] = 0
    return out


def _kept(edge_index: Tensor, share: float, draws: torch.Generator) -> Tensor:
    """Whether each edge stays, bool ``[E]``; an edge and its reverse have one draw."""
    _, pair = edge_index.sort(dim=0).values.unique(dim=1, return_inverse=True)
    count = int(pair.max()) + 1 if len(pair) else 0
    return (torch.rand(count, generator=draws) >= share)[pair]
