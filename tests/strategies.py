"""What hypothesis draws: small labelled graphs of every kind that the package promises to take."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from hypothesis import strategies as st
from torch import Tensor
from torch_geometric.data import Data

INTEGERS = (0, 1, 2, -1, -3, 255, 2**31, -(2**40), 2**62)
FLOATS = (0.0, -0.0, 1.0, -1.0, 0.1, 2.5, -1e300, 1e-300)
SMALL = {"integer": (0, 1, 2), "float": (0.0, 1.0, -0.5, 0.7)}
WILD = {"integer": INTEGERS, "float": FLOATS}


def _matrix(draw: st.DrawFn, pool: Sequence[float], rows: int, width: int, kind: str) -> Tensor:
    row = st.lists(st.sampled_from(pool), min_size=width, max_size=width)
    values = draw(st.lists(row, min_size=rows, max_size=rows))
    dtype = torch.long if kind == "integer" else torch.double
    return torch.tensor(values, dtype=dtype).view(rows, width)


@st.composite
def graph_lists(
    draw: st.DrawFn,
    *,
    pools: dict[str, tuple[float, ...]] = WILD,
    edges: Sequence[str] = ("none", "integer", "float"),
    loops: bool = True,
    max_graphs: int = 4,
) -> list[Data]:
    """Graphs of one kind of features: directed or not, parallel edges, isolated nodes, and self-loops if wanted.

    Values come from a few of ``pools``, so that equal trees are common.
    """
    kind, edge_kind = draw(st.sampled_from(("integer", "float"))), draw(st.sampled_from(edges))
    few = st.lists(st.sampled_from(pools[kind]), min_size=1, max_size=3)
    pool, width = draw(few), draw(st.integers(1, 3))
    edge_pool, edge_width = pools.get(edge_kind, (0,))[:3], draw(st.integers(1, 2))
    directed = draw(st.booleans())
    graphs = []
    for _ in range(draw(st.integers(1, max_graphs))):
        nodes = draw(st.integers(1, 6))
        end = st.integers(0, nodes - 1)
        pairs = draw(st.lists(st.tuples(end, end), max_size=8 if directed else 4))
        pairs = [(s, t) for s, t in pairs if loops or s != t]
        if not directed:
            pairs += [(t, s) for s, t in pairs]
        attr = None
        if edge_kind != "none":
            attr = _matrix(draw, edge_pool, len(pairs), edge_width, edge_kind)
        x = _matrix(draw, pool, nodes, width, kind)
        index = torch.tensor(pairs, dtype=torch.long).view(-1, 2).T.contiguous()
        graphs.append(Data(x=x, edge_index=index, edge_attr=attr))
    return graphs


def shuffled(graph: Data, seed: int) -> tuple[Data, Tensor]:
    """The same graph with nodes and edges numbered anew, and the new number of each node."""
    draw = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(graph.x), generator=draw)
    place = torch.empty_like(order).scatter_(0, order, torch.arange(len(order)))
    edges = torch.randperm(graph.edge_index.shape[1], generator=draw)
    attr = None if graph.edge_attr is None else graph.edge_attr[edges]
    return Data(x=graph.x[order], edge_index=place[graph.edge_index][:, edges], edge_attr=attr), place
