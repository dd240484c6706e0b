"""TU Dortmund graph kernel data sets, by PyG's own loader."""

from __future__ import annotations

import functools
from pathlib import Path

import torch
from torch import Tensor
from torch_geometric.datasets import TUDataset
from torch_geometric.io import read_txt_array

from graphdistill.core.data.datasets import GraphDataset
from graphdistill.datasets._cache import Tensors, joined, pack, unpack
from graphdistill.datasets._official import official
from graphdistill.datasets._roots import find, roots
from graphdistill.datasets._splits import stratified
from graphdistill.datasets._tu_files import flaw

# The classification sets of https://chrsmrrs.github.io/datasets with one label per graph, to distinguish
# downloadable names from typing errors; any other name works if its folder exists.
KNOWN = """
AIDS BZR BZR_MD COX2 COX2_MD DHFR DHFR_MD ER_MD FRANKENSTEIN MCF-7 MCF-7H MOLT-4 MOLT-4H Mutagenicity MUTAG
NCI1 NCI109 NCI-H23 NCI-H23H OVCAR-8 OVCAR-8H P388 P388H PC-3 PC-3H PTC_FM PTC_FR PTC_MM PTC_MR SF-295 SF-295H
SN12C SN12CH SW-620 SW-620H UACC257 UACC257H Yeast YeastH DD ENZYMES KKI OHSU Peking_1 PROTEINS PROTEINS_full
COIL-DEL COIL-RAG Cuneiform Fingerprint FIRSTMM_DB Letter-high Letter-low Letter-med MSRC_9 MSRC_21 MSRC_21C
COLLAB DBLP_v1 deezer_ego_nets github_stargazers IMDB-BINARY IMDB-MULTI REDDIT-BINARY REDDIT-MULTI-5K
REDDIT-MULTI-12K reddit_threads twitch_egos TWITTER-Real-Graph-Partial COLORS-3 SYNTHETIC SYNTHETICnew Synthie
TRIANGLES
""".split()


def names(root: str | Path | None) -> list[str]:
    """Known names, and names of folders and zips under the roots."""
    found = {p.parent.name for folder in roots(root) for p in folder.glob("tu/*/raw")}
    found |= {p.stem for folder in roots(root) for p in folder.glob("tu/zips/*.zip")}
    return sorted({*KNOWN, *found})


def source_of(name: str, root: str | Path | None) -> Path | None:
    """Folder or zip of the data set ``name``, if it exists."""
    folder = find(root, f"tu/{name}/raw", f"{name}/raw/{name}_A.txt")
    if folder is not None:
        return folder.parent if folder.is_dir() else folder.parent.parent
    return find(root, f"tu/zips/{name}.zip", f"tu/{name}.zip")


def load_tu(name: str, root: str | Path | None, seed: int) -> GraphDataset:
    """A TU data set, node labels as one integer column each, split 80/10/10 by class."""
    needs = [f"raw/{name}_{part}.txt" for part in ("A", "graph_indicator")]
    source = source_of(name, root)
    tensors = official(
        name,
        root,
        source,
        f"tu/{name}",
        needs,
        functools.partial(_read, name),
        lambda folder: flaw(folder / name / "raw", name),
    )
    y = tensors.get("y")
    if y is None or y.is_floating_point() or y.dim() != 1:
        what = "no labels" if y is None else "labels that are not one class a graph"
        raise ValueError(f"name={name!r} has {what}; choose a TU data set for classification, such as NCI1")
    graphs = unpack(tensors)
    train, valid, test = stratified(y, seed, name)
    return GraphDataset(
        name=name,
        graphs=graphs,
        y=y,
        train=train,
        valid=valid,
        test=test,
        metric="accuracy",
        features="continuous" if graphs.x.is_floating_point() else "categorical",
        notes=f"TU Dortmund graph data sets, stratified 80/10/10 split of seed {seed}",
    )


def _read(name: str, folder: Path) -> Tensors:
    dataset = TUDataset(str(folder), name, use_node_attr=True, use_edge_attr=True)
    data, slices = dataset._data, dataset.slices
    x = _features(data.x, dataset.num_node_attributes, dataset.num_node_labels)
    edge_attr = _features(data.edge_attr, dataset.num_edge_attributes, dataset.num_edge_labels)
    if edge_attr is not None and edge_attr.is_floating_point() and not (x is not None and x.is_floating_point()):
        edge_attr = None  # distances between categories: PyG leaves them out by default, too
    # PyG does not store the sizes of graphs without node labels, and so loses their isolated nodes.
    batch = read_txt_array(str(folder / name / "raw" / f"{name}_graph_indicator.txt"), dtype=torch.long)
    if int(batch[0]) != 1 or not bool(((batch.diff() == 0) | (batch.diff() == 1)).all()):
        raise ValueError("the graph indicator has a gap")
    if data.y is not None and len(data.y) != int(batch[-1]):
        raise ValueError(f"there are {len(data.y)} labels for {int(batch[-1])} graphs")
    graphs = joined(x, data.edge_index, edge_attr, torch.bincount(batch - 1), slices["edge_index"])
    return pack(graphs) if data.y is None else {**pack(graphs), "y": data.y}


def _features(values: Tensor | None, attributes: int, labels: int) -> Tensor | None:
    """Labels as integer columns if there are any, otherwise continuous attributes if there are any."""
    if values is None or labels == 0:
        return values
    one_hot = values[:, attributes:]
    if len(set((one_hot != 0).sum(1).tolist())) != 1:
        # No edges at all, or parallel ones that PyG has added up: the largest is the label.
        return one_hot.argmax(1, keepdim=True)
    # Each label column is a block of one-hot columns: the j-th one of a row is that row's j-th label.
    columns = one_hot.nonzero()[:, 1].view(len(one_hot), -1)
    return columns - columns.min(0)[0]
