"""Teachers: any PyG network that maps (x, edge_index) to logits, four built-in ones, and their training."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric import nn as pyg
from torch_geometric.data import Data

from graphdistill.core.command.progress import NO_PROGRESS, Progress
from graphdistill.core.data.datasets import NodeDataset
from graphdistill.core.parallel import one_thread
from graphdistill.core.randomness import generator, scoped
from graphdistill.core.training.fit import FitResult
from graphdistill.core.training.metrics import score
from graphdistill.datasets import as_dataset
from graphdistill.vqgraph.sampling import Neighbours, batches

TeacherName = Literal["GCN", "GraphSAGE", "GAT", "APPNP"]


class APPNP(nn.Module):
    """Predict, then propagate (Gasteiger et al., ICLR 2019, https://arxiv.org/abs/1810.05997).

    Args:
        in_channels: width of the features.
        hidden_channels: width of the hidden layer.
        out_channels: number of classes.
        dropout: dropout before both linear layers. (default: 0.5)
    """

    def __init__(self, in_channels: int, hidden_channels: int, out_channels: int, dropout: float = 0.5):
        super().__init__()
        self.hidden = nn.Linear(in_channels, hidden_channels)
        self.out = nn.Linear(hidden_channels, out_channels)
        self.propagate = pyg.APPNP(K=10, alpha=0.1)
        self.dropout = dropout

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        """Logits ``[N, out_channels]``."""
        h = self.hidden(F.dropout(x, self.dropout, self.training)).relu()
        out: Tensor = self.propagate(self.out(F.dropout(h, self.dropout, self.training)), edge_index)
        return out


def build_teacher(
    name: TeacherName,
    in_channels: int,
    out_channels: int,
    *,
    hidden_channels: int = 128,
    num_layers: int = 2,
    dropout: float = 0.8,
) -> tuple[nn.Module, str]:
    """Build one of the built-in teachers.

    Args:
        name: ``GCN``, ``GraphSAGE``, ``GAT`` or ``APPNP``.
        in_channels: width of the features.
        out_channels: number of classes.
        hidden_channels: width of the hidden layers. (default: 128)
        num_layers: rounds of message passing; APPNP always has two linear layers and ten rounds. (default: 2)
        dropout: dropout after each hidden layer. (default: 0.8)

    Returns:
        The network, and the path of the hidden layer that is quantized into codes.

    Raises:
        ValueError: the name is unknown.

    Example:
        >>> build_teacher("GCN", 5, 2)[1]
        'convs.0'
    """
    if name == "APPNP":
        return APPNP(in_channels, hidden_channels, out_channels, dropout), "hidden"
    makers = {"GCN": pyg.GCN, "GraphSAGE": pyg.GraphSAGE, "GAT": pyg.GAT}
    if name not in makers:
        raise ValueError(f"teacher must be one of {', '.join(makers)}, APPNP, got {name!r}")
    heads = {"heads": 4} if name == "GAT" else {}
    model: nn.Module = makers[name](in_channels, hidden_channels, num_layers, out_channels, dropout=dropout, **heads)
    return model, "convs.0"


def find_layer(teacher: nn.Module, layer: str) -> nn.Module:
    """The submodule at a dotted path.

    Raises:
        ValueError: the layer is not in the teacher.
    """
    found = dict(teacher.named_modules())
    if not layer or layer not in found:
        names = ", ".join(name for name in found if name)
        raise ValueError(f"layer {layer!r} is not in the teacher; it has {names}")
    out: nn.Module = found[layer]
    return out


@contextmanager
def replaced(teacher: nn.Module, layer: str, change: Callable[[Tensor], Tensor | None]) -> Iterator[None]:
    """Replace the output of a layer by ``change`` of it inside this context, unless that is ``None``."""
    hook = find_layer(teacher, layer).register_forward_hook(lambda module, inputs, output: change(output))
    try:
        yield
    finally:
        hook.remove()


@one_thread()
@torch.no_grad()
def teacher_outputs(
    teacher: nn.Module,
    layer: str,
    x: Tensor,
    edge_index: Tensor,
    *,
    batch_size: int | None = None,
    fanout: tuple[int, ...] = (25, 25),
    seed: int = 0,
) -> tuple[Tensor, Tensor]:
    """Logits and hidden layer of a trained teacher at every node.

    Args:
        teacher: maps ``(x, edge_index)`` to logits.
        layer: path of its hidden layer.
        x: features ``[N, F]``.
        edge_index: long ``[2, E]``.
        batch_size: nodes per batch, with sampled neighbourhoods; ``None`` for the whole graph at once.
        fanout: neighbours sampled at each step away from a batch. (default: 25 and 25)
        seed: seed of the sampling.

    Returns:
        Logits ``[N, C]`` and the hidden layer's output ``[N, H]``.

    Raises:
        ValueError: the layer is not in the teacher, or its output is not one row per node.
    """
    hidden: list[Tensor] = []

    def keep(output: Tensor) -> None:
        hidden.append(output)

    modes = {module: module.training for module in teacher.modules()}
    neighbours = None if batch_size is None else Neighbours(edge_index, len(x))
    draws, logits, outputs = generator(seed, "teach"), [], []
    teacher.eval()
    try:
        for nodes in torch.arange(len(x)).split(batch_size or max(1, len(x))):
            near, edges = (nodes, edge_index) if neighbours is None else neighbours.sample(nodes, fanout, draws)
            hidden.clear()
            with replaced(teacher, layer, keep):
                logits.append(teacher(x if neighbours is None else x[near], edges)[: len(nodes)])
            last = hidden[-1] if hidden else None
            if not isinstance(last, Tensor) or last.dim() != 2 or len(last) != len(near):
                got = list(last.shape) if isinstance(last, Tensor) else "no tensor"
                wanted = f"[{len(near)}, H], a row per node"
                raise ValueError(f"layer {layer!r} must give {wanted}, got {got}; name another layer")
            outputs.append(last[: len(nodes)])
    finally:
        for module, mode in modes.items():
            module.training = mode
    return torch.cat(logits), torch.cat(outputs)


def as_nodes(data: NodeDataset | Data) -> NodeDataset:
    """A node data set of this library or PyG, checked for distillation; it may have several components.

    Raises:
        ValueError: it is rejected by :func:`graphdistill.datasets.load`, its labels are not those of nodes, or it has
            no edges.
    """
    nodes = as_dataset(data)
    if not isinstance(nodes, NodeDataset):
        raise ValueError("data must be one graph with labelled nodes; give a NodeDataset or a PyG Data with masks")
    if not nodes.edge_index.numel():
        raise ValueError("edge_index holds no edge, so there is no graph to distil; give edges, or train an MLP on x")
    return nodes


@one_thread()
def fit_teacher(
    teacher: nn.Module,
    data: NodeDataset | Data,
    *,
    epochs: int = 200,
    lr: float = 0.01,
    weight_decay: float = 5e-3,
    input_dropout: float = 0.5,
    batch_size: int | None = None,
    fanout: tuple[int, ...] = (10, 10),
    patience: int = 100,
    penalty: Callable[[], Tensor] | None = None,
    seed: int = 0,
    progress: Progress = NO_PROGRESS,
) -> FitResult:
    """Train a teacher in place on the training nodes, and load the checkpoint with the least validation loss.

    The loss is less noisy than the accuracy, which on few nodes would select a lucky teacher.

    Args:
        teacher: maps ``(x, edge_index)`` to logits.
        data: the observed graph, of this library or a PyG ``Data`` with masks.
        epochs: largest number of epochs. (default: 200)
        lr: learning rate of Adam. (default: 0.01)
        weight_decay: weight decay of Adam. (default: 5e-3)
        input_dropout: dropout of the input features. (default: 0.5)
        batch_size: training nodes per step, with sampled neighbourhoods; ``None`` for the whole graph at once.
        fanout: neighbours sampled at each step away from a batch. (default: 10 and 10)
        patience: epochs without improvement before stopping. (default: 100)
        penalty: additional loss, evaluated after each forward pass. (default: none)
        seed: seed of dropout and batches.
        progress: shows a bar. (default: silent)

    Returns:
        Validation accuracy and epoch of the checkpoint, and the seconds of training.

    Raises:
        ValueError: features or labels are invalid, or the validation loss is always NaN.
    """
    data = as_nodes(data)
    optimizer = torch.optim.Adam(teacher.parameters(), lr=lr, weight_decay=weight_decay)
    neighbours = None if batch_size is None else Neighbours(data.edge_index, len(data.y))
    draws, state = generator(seed, "batches"), copy.deepcopy(teacher.state_dict())
    start, least, best = time.perf_counter(), float("inf"), FitResult(0.0, 0, 0.0)

    def logits_of(nodes: Tensor, dropout: float) -> Tensor:
        if neighbours is None:
            whole: Tensor = teacher(F.dropout(data.x, dropout), data.edge_index)
            return whole[nodes]
        near, edges = neighbours.sample(nodes, fanout, draws)
        sampled: Tensor = teacher(F.dropout(data.x[near], dropout), edges)
        return sampled[: len(nodes)]

    with scoped(seed, "teacher"):
        for epoch in progress.track(range(1, epochs + 1), "teacher"):
            teacher.train()
            for seeds in batches(data.train, batch_size, draws):
                loss = F.cross_entropy(logits_of(seeds, input_dropout), data.y[seeds])
                if penalty is not None:
                    loss = loss + penalty()
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                optimizer.step()
            teacher.eval()
            with torch.no_grad():
                logits = torch.cat([logits_of(part, 0.0) for part in data.valid.split(batch_size or len(data.valid))])
            y = data.y[data.valid]
            here = float(F.cross_entropy(logits, y))
            if here <= least:
                least, best = here, FitResult(score(logits, y, "accuracy"), epoch, 0.0)
                state = copy.deepcopy(teacher.state_dict())
            elif epoch - best.step >= patience:
                break
    if not best.step:
        raise ValueError(f"the teacher's validation loss was never a number in {epoch} epochs; lower lr, got {lr}")
    teacher.load_state_dict(state)
    return replace(best, seconds=time.perf_counter() - start)
