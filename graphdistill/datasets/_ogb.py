"""Open Graph Benchmark: classification and regression of graphs, classification of nodes, by OGB's own loaders."""

from __future__ import annotations

import csv
import functools
import gzip
import zlib
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import ogb
import torch
from ogb.graphproppred import PygGraphPropPredDataset
from ogb.nodeproppred import PygNodePropPredDataset
from torch_geometric.data import Data
from torch_geometric.data.data import DataEdgeAttr, DataTensorAttr
from torch_geometric.data.storage import GlobalStorage
from torch_geometric.utils import remove_self_loops, to_undirected

from graphdistill.core.data.datasets import GraphDataset, NodeDataset
from graphdistill.datasets._cache import Tensors, joined, pack, unpack
from graphdistill.datasets._official import official
from graphdistill.datasets._roots import find

NODE_NAMES = ("ogbn-arxiv", "ogbn-products")


@functools.cache
def master(family: str) -> dict[str, dict[str, str]]:
    """OGB's table of the data sets of ``graphproppred`` or ``nodeproppred``."""
    with Path(ogb.__file__).with_name(family).joinpath("master.csv").open() as file:
        head, *rows = csv.reader(file)
    return {name: {row[0]: row[i] for row in rows} for i, name in enumerate(head) if name}


def graph_names() -> list[str]:
    """Names of OGB's data sets of graph classification and regression."""
    kinds = "classification", "regression"
    return [n for n, facts in master("graphproppred").items() if facts["task type"].endswith(kinds)]


def load_ogbg(name: str, root: str | Path | None) -> GraphDataset:
    """A data set of graph classification or regression of OGB with its official split."""
    facts = master("graphproppred")[name]
    if name not in graph_names():
        raise ValueError(
            f"name={name!r} is {facts['task type']}, which is not supported: distilled labels are classes or targets; "
            f"choose one of {', '.join(graph_names())}"
        )
    tensors = _load(name, root, facts, "graph", _read_graphs)
    y = tensors["y"]
    regression = facts["task type"] == "regression"
    y = y.view(-1).long() if y.shape[1] == 1 and not regression else y.float()
    molecules = facts["data type"] == "mol"
    graphs = unpack(tensors)
    return GraphDataset(
        name=name,
        graphs=graphs,
        y=y,
        train=tensors["train"],
        valid=tensors["valid"],
        test=tensors["test"],
        metric="rmse" if regression else "rocauc" if molecules else "accuracy",
        features="ogb" if molecules else "categorical",
        notes=f"Open Graph Benchmark, official {facts['split']} split; OGB reports {facts['eval metric']}",
        smiles=_smiles(name, root, len(graphs)) if molecules else None,
    )


def load_ogbn(name: str, root: str | Path | None) -> NodeDataset:
    """A node classification data set of OGB with its official split, edges in both directions."""
    facts = master("nodeproppred")[name]
    if name not in NODE_NAMES:
        raise ValueError(
            f"name={name!r} is not supported: only node sets with features, one label a node and one kind of "
            f"edge are; choose one of {', '.join(NODE_NAMES)}"
        )
    tensors = _load(name, root, facts, "node", _read_nodes)
    notes = f"Open Graph Benchmark, official {facts['split']} split, edges made undirected"
    return NodeDataset(name=name, notes=notes, **tensors)


def _source(name: str, root: str | Path | None) -> Path | None:
    """Folder of a data set, if it is there."""
    folder = name.replace("-", "_")
    return find(root, *(f"{prefix}{folder}{end}" for prefix in ("ogb/", "") for end in ("", "_pyg")))


def _smiles(name: str, root: str | Path | None, count: int) -> tuple[str, ...] | None:
    """SMILES of the molecules in the order of the graphs; ``None`` without OGB's table of them."""
    source = _source(name, root)
    path = None if source is None else source / "mapping" / "mol.csv.gz"
    if path is None or not path.exists():
        return None
    way_out = "replace it, or remove it to load the graphs without SMILES"
    try:
        with gzip.open(path, "rt", newline="", encoding="utf-8") as file:
            head, *rows = csv.reader(file)
            place = head.index("smiles")
            smiles = tuple(row[place] for row in rows)
    except (OSError, EOFError, zlib.error, csv.Error, ValueError, IndexError) as error:
        raise OSError(
            f"{name}: {path} is damaged or has no column smiles ({type(error).__name__}: {error}); {way_out}"
        ) from error
    if len(smiles) != count:
        raise OSError(f"{name}: {path} has {len(smiles)} rows for {count} graphs; {way_out}")
    return smiles


def _load(name: str, root: str | Path | None, facts: dict[str, str], kind: str, read: Any) -> Tensors:
    folder = name.replace("-", "_")
    source = _source(name, root)
    raw = ["edge", "num-node-list", "num-edge-list", f"{kind}-label"]
    raw += [f"{part}-feat" for part in ("node", "edge") if facts[f"has_{part}_attr"] == "True"]
    raw += [extra for extra in facts["additional node files"].split(",") if extra != "None"]
    split = Path("split", facts["split"])
    needs = [f"RELEASE_v{facts['version']}.txt", *(f"raw/{stem}.csv.gz" for stem in raw)]
    if source is None or not (source / split / "split_dict.pt").exists():
        needs += [str(split / f"{part}.csv.gz") for part in ("train", "valid", "test")]
    return official(name, root, source, f"ogb/{folder}", needs, functools.partial(read, name))


def _declared_safe() -> AbstractContextManager[None]:
    """Allow torch to load the files of OGB's loader while that loader runs.

    OGB does not set ``weights_only``, so torch rejects classes in its files that are not declared safe. Newer versions
    of PyG declare them; torch would undo that, too, at the end of the context.
    """
    known = torch.serialization.get_safe_globals()
    needed = (Data, DataEdgeAttr, DataTensorAttr, GlobalStorage)
    return torch.serialization.safe_globals([c for c in needed if c not in known])


def _read_graphs(name: str, folder: Path) -> Tensors:
    with _declared_safe():
        dataset = PygGraphPropPredDataset(name=name, root=str(folder))
        split = dataset.get_idx_split()
    data, slices = dataset._data, dataset.slices
    sizes = torch.tensor(data._num_nodes)
    # ogbg-ppa has no node features: nodes differ by their edges only.
    x = torch.zeros(int(sizes.sum()), 1, dtype=torch.long) if data.x is None else data.x
    graphs = joined(x, data.edge_index, data.edge_attr, sizes, slices["edge_index"])
    return {**pack(graphs), "y": data.y, **_long(split)}


def _read_nodes(name: str, folder: Path) -> Tensors:
    with _declared_safe():
        dataset = PygNodePropPredDataset(name=name, root=str(folder))
        split = dataset.get_idx_split()
    data = dataset._data
    edges = to_undirected(remove_self_loops(data.edge_index)[0], num_nodes=data.num_nodes)
    return {"x": data.x, "edge_index": edges, "y": data.y.view(-1).long(), **_long(split)}


def _long(split: dict[str, Any]) -> Tensors:
    return {part: torch.as_tensor(numbers).long() for part, numbers in split.items()}
