"""One graph with labelled nodes: Planetoid, the CPF files, and a neighbour graph over digits."""

from __future__ import annotations

import functools
import zipfile
from pathlib import Path

import numpy as np
import scipy.sparse
import torch
from scipy.sparse.csgraph import connected_components
from sklearn.datasets import load_digits
from sklearn.neighbors import kneighbors_graph
from torch import Tensor
from torch_geometric.datasets import Planetoid
from torch_geometric.utils import remove_self_loops, subgraph, to_undirected

from graphdistill.core.data.datasets import NodeDataset
from graphdistill.datasets._cache import Tensors
from graphdistill.datasets._official import official
from graphdistill.datasets._roots import find, not_found, roots
from graphdistill.datasets._splits import per_class

PLANETOID = {"planetoid-cora": "Cora", "planetoid-citeseer": "CiteSeer", "planetoid-pubmed": "PubMed"}
CPF = ("cora", "citeseer", "pubmed", "a-computer", "a-photo")


def cpf_names(root: str | Path | None) -> list[str]:
    """Known names, and names of npz files under the roots."""
    return sorted({*CPF, *(p.stem for folder in roots(root) for p in folder.glob("node/cpf/*.npz"))})


def load_planetoid(name: str, root: str | Path | None) -> NodeDataset:
    """Cora, CiteSeer or PubMed with the public split, read by PyG's loader."""
    title = PLANETOID[name]
    needs = [f"raw/ind.{title.lower()}.{p}" for p in "x tx allx y ty ally graph test.index".split()]
    source = find(root, f"node/planetoid/{title}", f"planetoid/{title}", f"{title}/{needs[0]}")
    source = source.parent.parent if source is not None and source.is_file() else source
    tensors = official(name, root, source, f"node/planetoid/{title}", needs, functools.partial(_read_planetoid, title))
    return NodeDataset(name=name, notes="Planetoid, public split", **tensors)


def _read_planetoid(title: str, folder: Path) -> Tensors:
    data = Planetoid(str(folder), title)[0]
    edges = to_undirected(remove_self_loops(data.edge_index)[0], num_nodes=data.num_nodes)
    masks = {"train": data.train_mask, "valid": data.val_mask, "test": data.test_mask}
    return {
        "x": data.x,
        "edge_index": edges,
        "y": data.y,
        **{k: m.nonzero().view(-1) for k, m in masks.items()},
    }


def load_cpf(name: str, root: str | Path | None, seed: int) -> NodeDataset:
    """A file of the CPF collection: largest component, undirected, no self-loops, 20/30/rest a class."""
    path = find(root, f"node/cpf/{name}.npz", f"{name}.npz")
    if path is None:
        raise not_found(name, root, f"node/cpf/{name}.npz", "has no loader that downloads it")
    try:
        with path.open("rb") as raw, np.load(raw) as file:
            adjacency, features = (
                scipy.sparse.csr_matrix(
                    tuple(file[f"{part}_{field}"] for field in ("data", "indices", "indptr")),
                    shape=tuple(file[f"{part}_shape"]),
                )
                for part in ("adj", "attr")
            )
            y = torch.from_numpy(file["labels"]).long()
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise OSError(f"{name} cannot be read: {path} is damaged or no CPF file ({error}); replace it") from error
    count, component = connected_components(adjacency, directed=False)
    largest = torch.from_numpy(component == np.bincount(component, minlength=count).argmax())
    edges = torch.from_numpy(np.stack(adjacency.nonzero())).long()
    edges, _ = subgraph(largest, to_undirected(remove_self_loops(edges)[0]), relabel_nodes=True)
    x = torch.from_numpy(features.toarray()).float()[largest]
    return _node_dataset(name, x, edges, y[largest], seed, "CPF collection, largest connected component")


def load_digits_knn(seed: int, neighbours: int = 10) -> NodeDataset:
    """The 1,797 digits of scikit-learn, each joined to its nearest neighbours in pixels."""
    pixels, labels = load_digits(return_X_y=True)
    pixels = pixels / 16
    near = kneighbors_graph(pixels, neighbours)
    edges = to_undirected(torch.from_numpy(np.stack(near.nonzero())).long())
    notes = f"UCI digits of scikit-learn, {neighbours} nearest neighbours made undirected"
    x, y = torch.from_numpy(pixels).float(), torch.from_numpy(labels).long()
    return _node_dataset("digits-knn", x, edges, y, seed, notes)


def _node_dataset(name: str, x: Tensor, edges: Tensor, y: Tensor, seed: int, notes: str) -> NodeDataset:
    train, valid, test = per_class(y, seed, name)
    return NodeDataset(
        name=name,
        x=x,
        edge_index=edges,
        y=y,
        train=train,
        valid=valid,
        test=test,
        notes=f"{notes}; 20 train and 30 validation nodes a class by seed {seed}",
    )
