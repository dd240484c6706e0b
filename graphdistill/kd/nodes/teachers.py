"""Teachers: any PyG network that maps (x, edge_index) to logits, four built-in ones, and their training."""

from __future__ import annotations

import copy
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
from graphdistill.core.data.tensors import to_device
from graphdistill.core.device import device_of
from graphdistill.core.parallel import one_thread
from graphdistill.core.randomness import generator, scoped
from graphdistill.core.training.loop import FitResult, LeastLoss, Training, train
from graphdistill.core.training.metrics import score
from graphdistill.datasets import as_dataset
from graphdistill.kd.nodes.config import TeacherConfig
from graphdistill.kd.nodes.sampling import Neighbours, batches

TeacherName = Literal["GCN", "GraphSAGE", "GAT", "APPNP"]
SPARSE_ENTRIES = 1 << 23
"""Number of entries above which mostly empty features are given to a teacher as a sparse tensor, if it takes one."""
SPARSE_SHARE = 0.05
"""Largest share of non-zeros of such features."""


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
    """Logits and hidden layer of a trained teacher at every node, computed on its device.

    Args:
        teacher: maps ``(x, edge_index)`` to logits.
        layer: path of its hidden layer.
        x: features ``[N, F]``.
        edge_index: long ``[2, E]``.
        batch_size: nodes per batch, with sampled neighbourhoods; ``None`` for the whole graph at once.
        fanout: neighbours sampled at each step away from a batch. (default: 25 and 25)
        seed: seed of the sampling.

    Returns:
        Logits ``[N, C]`` and the hidden layer's output ``[N, H]``, on the CPU.

    Raises:
        ValueError: the layer is not in the teacher, or its output is not one row per node.
    """
    hidden: list[Tensor] = []

    def keep(output: Tensor) -> None:
        hidden.append(output)

    modes, device = {module: module.training for module in teacher.modules()}, device_of(teacher)
    neighbours = None if batch_size is None else Neighbours(edge_index.cpu(), len(x))
    x, edge_index = to_device((x, edge_index), device)
    draws, logits, outputs = generator(seed, "teach"), [], []
    teacher.eval()
    try:
        for nodes in torch.arange(len(x)).split(batch_size or max(1, len(x))):
            near, edges = (nodes, edge_index) if neighbours is None else neighbours.sample(nodes, fanout, draws)
            hidden.clear()
            with replaced(teacher, layer, keep):
                own = x if neighbours is None else x[near.to(device)]
                logits.append(teacher(own, edges.to(device))[: len(nodes)].cpu())
            last = hidden[-1] if hidden else None
            if not isinstance(last, Tensor) or last.dim() != 2 or len(last) != len(near):
                got = list(last.shape) if isinstance(last, Tensor) else "no tensor"
                wanted = f"[{len(near)}, H], a row per node"
                raise ValueError(f"layer {layer!r} must give {wanted}, got {got}; name another layer")
            outputs.append(last[: len(nodes)].cpu())
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
    config: TeacherConfig = TeacherConfig(),
    *,
    penalty: Callable[[], Tensor] | None = None,
    seed: int = 0,
    progress: Progress = NO_PROGRESS,
) -> FitResult:
    """Train a teacher in place on the training nodes, and load the checkpoint with the least validation loss.

    The data are moved to its device. Large features that are mostly zeros are given to it as a sparse tensor if it
    takes one, as networks do that begin with a linear layer: an epoch then takes a quarter of the time. The loss is
    less noisy than the accuracy, which on few nodes would select a lucky teacher.

    Args:
        teacher: maps ``(x, edge_index)`` to logits.
        data: the observed graph, of this library or a PyG ``Data`` with masks.
        config: hyperparameters.
        penalty: additional loss, evaluated after each forward pass. (default: none)
        seed: seed of dropout and batches.
        progress: shows a bar. (default: silent)

    Returns:
        Validation accuracy and epoch of the checkpoint, and the seconds of training.

    Raises:
        ValueError: features or labels are invalid, or the validation loss is always NaN.
    """
    data, device = to_device(as_nodes(data), "cpu"), device_of(teacher)
    neighbours = None if config.batch_size is None else Neighbours(data.edge_index, len(data.y))
    x, edge_index, y, valid_y = to_device((data.x, data.edge_index, data.y, data.y[data.valid]), device)
    draws, accuracies = generator(seed, "batches"), list[float]()
    entries = _sparse(x) if neighbours is None and penalty is None else None
    if entries is not None and not _takes(teacher, entries, edge_index):
        entries = None

    def whole_input(dropout: float) -> Tensor:
        if entries is None:
            return F.dropout(x, dropout)
        return _with_values(entries, F.dropout(entries.values(), dropout))

    def logits_of(nodes: Tensor, dropout: float) -> Tensor:
        if neighbours is None:
            whole: Tensor = teacher(whole_input(dropout), edge_index)
            return whole[nodes.to(device)]
        near, edges = neighbours.sample(nodes, config.fanout, draws)
        sampled: Tensor = teacher(F.dropout(x[near.to(device)], dropout), edges.to(device))
        return sampled[: len(nodes)]

    def loss(nodes: Tensor) -> Tensor:
        value = F.cross_entropy(logits_of(nodes, config.input_dropout), y[nodes.to(device)])
        return value if penalty is None else value + penalty()

    def check() -> float:
        parts = data.valid.split(config.batch_size or len(data.valid))
        logits = torch.cat([logits_of(part, 0.0) for part in parts])
        accuracies.append(score(logits, valid_y, "accuracy"))
        return float(F.cross_entropy(logits, valid_y))

    def epoch_batches(epoch: int) -> Iterator[Tensor]:
        return batches(data.train, config.batch_size, draws)

    optimizer = torch.optim.Adam(teacher.parameters(), lr=config.lr, weight_decay=config.weight_decay)
    training = Training(teacher, optimizer, loss, check, LeastLoss(), config.patience)
    with scoped(seed, "teacher"):
        fitted = train(training, epoch_batches, config.epochs, progress=progress, label="teacher")
    if not fitted.step:
        raise ValueError(
            f"the teacher's validation loss was never a number in {len(accuracies)} epochs; lower lr, got {config.lr}"
        )
    return replace(fitted, valid=accuracies[fitted.step - 1])


def _sparse(x: Tensor) -> Tensor | None:
    """Features as a sparse tensor, if they are large and mostly zeros."""
    if x.numel() < SPARSE_ENTRIES or int(x.count_nonzero()) > SPARSE_SHARE * x.numel():
        return None
    return x.to_sparse().coalesce()


def _with_values(entries: Tensor, values: Tensor) -> Tensor:
    """A sparse tensor with other values."""
    return torch.sparse_coo_tensor(entries.indices(), values, entries.shape, is_coalesced=True, check_invariants=False)


def _takes(teacher: nn.Module, entries: Tensor, edge_index: Tensor) -> bool:
    """Whether a network computes and derives its logits from sparse features; a copy of it tries."""
    copied = copy.deepcopy(teacher).train()
    try:
        with scoped(0, "probe"):
            copied(entries, edge_index).sum().backward()
    except (RuntimeError, TypeError, ValueError, AttributeError, IndexError):
        return False
    return True
