"""Distil a graph network into an MLP: a loss on soft labels, hard labels and codes; checkpoints by validation."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.data import Data
from torch_geometric.utils import coalesce

from graphdistill.core.command.progress import NO_PROGRESS, Progress
from graphdistill.core.data.datasets import NodeDataset
from graphdistill.core.data.sparse_features import SparseFeatures
from graphdistill.core.data.tensors import to_device
from graphdistill.core.device import device_of
from graphdistill.core.parallel import one_thread
from graphdistill.core.randomness import generator as seeded
from graphdistill.core.randomness import scoped
from graphdistill.core.training.loop import FitResult, MeanOfLast, Training, train
from graphdistill.core.training.metrics import score
from graphdistill.kd.nodes.label_spreading import label_spreading
from graphdistill.kd.nodes.sampling import batches
from graphdistill.kd.nodes.target_choice import chosen_targets
from graphdistill.kd.nodes.teachers import as_nodes, teacher_outputs
from graphdistill.vqgraph.codebook import Health
from graphdistill.vqgraph.config import VQGraphConfig
from graphdistill.vqgraph.student import VQGraphStudent
from graphdistill.vqgraph.tokenizer import Tokenizer, fit_tokenizer

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Loss from node indices, the student's logits and its last hidden layer."""


@dataclass(frozen=True)
class Distilled:
    """Result of a distillation.

    Attributes:
        student: the student in evaluation mode.
        tokenizer: tokenizer of the teacher's hidden layer; ``None`` without a code loss.
        head: linear layer from the student's last hidden layer to the codes; ``None`` without a code loss.
        code: code of each observed node, long ``[N]``.
        health: usage of the codebook.
        valid: mean validation accuracy of the checkpoint.
        epoch: epoch of the checkpoint.
        seconds: seconds of the distillation, without the teacher's training.
        targets: names of the targets that validation chose, whose mean the student was trained on.
    """

    student: VQGraphStudent
    tokenizer: Tokenizer | None
    head: nn.Linear | None
    code: Tensor | None
    health: Health | None
    valid: float
    epoch: int
    seconds: float
    targets: list[str] = field(default_factory=list)


@one_thread()
def distill_vqgraph(
    teacher: nn.Module,
    data: NodeDataset | Data,
    config: VQGraphConfig = VQGraphConfig(),
    *,
    layer: str = "convs.0",
    generator: torch.Generator | None = None,
    progress: Progress = NO_PROGRESS,
    select: Tensor | None = None,
    outputs: tuple[Tensor, Tensor] | None = None,
) -> Distilled:
    r"""Distil a trained graph network into an MLP (VQGraph: Yang et al., ICLR 2024).

    .. math:: L = \mathrm{CE}(T, p) + \lambda \, \mathrm{CE}(y, p) + \beta \, \mathrm{CE}(S, s)

    The student's class probabilities p are trained on targets T: the teacher's class probabilities, spread over the
    graph as far as it helps on validation (:func:`~graphdistill.kd.nodes.target_choice.chosen_targets`). Its code
    probabilities s are trained on those of the tokenizer, :math:`S = \mathrm{softmax}(\mathrm{sim}(z, e) / \tau)`, over
    the codes in use. The head that computes s is linear, learns the scale :math:`1 / \tau` and is not part of the
    student. The teacher stays unchanged; student, tokenizer and head are on its device.

    Teachers, tokenizers and students train on one thread, because products round differently on several; so the same
    seed gives the same bytes on any number of cores.

    Args:
        teacher: any trained network that maps ``(x, edge_index)`` to logits.
        data: the observed graph, of this library or a PyG ``Data`` with masks; only labels of training
            and validation nodes are used.
        config: hyperparameters.
        layer: path of the teacher's hidden layer that is quantized into codes. (default: ``convs.0``)
        generator: its initial seed seeds weights, codes, dropout and batches. (default: seed 0)
        progress: shows bars. (default: silent)
        select: nodes that the checkpoint is chosen on. (default: the validation nodes)
        outputs: logits and hidden layer of the teacher on ``data``. (default: computed here)

    Returns:
        The student, the tokenizer, the codes and facts about the training.

    Raises:
        ValueError: the layer is not in the teacher, features hold NaN, a training label is missing, or there are more
            codes than nodes.

    Example:
        >>> from graphdistill.datasets import load
        >>> from graphdistill.kd.nodes.config import TeacherConfig
        >>> from graphdistill.kd.nodes.teachers import build_teacher, fit_teacher
        >>> data = load("digits-knn")
        >>> teacher, layer = build_teacher("GCN", data.x.shape[1], 10)
        >>> _ = fit_teacher(teacher, data, TeacherConfig(epochs=5))
        >>> student = distill_vqgraph(teacher, data, VQGraphConfig(epochs=5, code_weight=0), layer=layer).student
        >>> student(data.x[:1]).shape  # one node, no graph
        torch.Size([1, 10])
    """
    seed = 0 if generator is None else generator.initial_seed()
    start, device = time.perf_counter(), device_of(teacher)
    data = to_device(as_nodes(data), device)
    if outputs is None:
        outputs = teacher_outputs(teacher, layer, data.x, data.edge_index, batch_size=config.batch_size, seed=seed)
    logits, hidden = to_device(outputs, device)
    if not bool(torch.isfinite(logits).all()):
        raise ValueError("the teacher's logits hold NaN or infinity; train or fix the teacher first")
    largest = int(data.y[torch.cat([data.train, data.valid])].max())
    if largest >= logits.shape[1]:
        raise ValueError(f"y has class {largest} but the teacher has only {logits.shape[1]} logits; widen its output")
    soft, parts = targets_of(logits, data, config)
    with scoped(seed, "weights"):
        student = build_student(data.x.shape[1], logits.shape[1], config).to(device)
        tokenizer = head = code = health = None
        losses = [soft_loss(soft)]
        if config.hard_weight:
            losses.append(weighted(hard_loss(data), config.hard_weight))
        if config.code_weight:
            tokenizer = build_tokenizer(hidden.shape[1], data.x.shape[1], config).to(device)
    if tokenizer is not None:
        code = fit_tokenizer(
            tokenizer,
            hidden,
            data.x,
            coalesce(data.edge_index),
            replace(config.tokenizer, batch_size=config.tokenizer.batch_size or config.batch_size),
            seed=seed,
            progress=progress,
        )
        health = tokenizer.codebook.health(code)
        with scoped(seed, "head"):
            head = nn.Linear(config.hidden if config.num_layers > 1 else logits.shape[1], config.num_codes).to(device)
        losses.append(weighted(code_loss(tokenizer, hidden, code, head, config), config.code_weight))
    fitted = fit_student(student, data, losses, config, extra=head, seed=seed, progress=progress, select=select)
    seconds = time.perf_counter() - start
    return Distilled(student, tokenizer, head, code, health, fitted.valid, fitted.step, seconds, parts)


def targets_of(logits: Tensor, data: NodeDataset, config: VQGraphConfig) -> tuple[Tensor, list[str]]:
    """The student's targets, probabilities ``[N, C]``, and the names of those that they are the mean of.

    Args:
        logits: logits of the teacher, ``[N, C]``.
        data: the observed graph; of its labels those of the validation nodes choose.
        config: hyperparameters.
    """
    soft = logits.softmax(dim=1)
    if config.targets == "chosen":
        return chosen_targets(
            soft,
            data.edge_index,
            data.x,
            data.valid,
            data.y[data.valid],
            spreadings=config.spreadings,
            neighbours=config.feature_neighbours,
            confidence=config.confidence,
        )
    spread = label_spreading(
        soft,
        data.edge_index,
        data.x,
        steps=config.spread_steps,
        restart=config.restart,
        neighbours=config.feature_neighbours,
        weight=config.feature_weight,
        sharpen=config.sharpen,
    )
    return spread, ["label spreading" if config.spread_steps else "teacher"]


def build_student(in_channels: int, out_channels: int, config: VQGraphConfig) -> VQGraphStudent:
    """A new student of the configured size."""
    return VQGraphStudent(in_channels, config.hidden, out_channels, config.num_layers, dropout=config.dropout)


def build_tokenizer(hidden_channels: int, in_channels: int, config: VQGraphConfig, dim: int | None = None) -> Tokenizer:
    """A new tokenizer of the configured losses; codes have the configured width unless ``dim`` is another one."""
    how = config.tokenizer
    return Tokenizer(
        hidden_channels,
        in_channels,
        config.num_codes,
        how.dim if dim is None else dim,
        metric=config.metric,
        edges=how.edge_weight,
        commitment=how.commitment,
        link=how.link,
        decay=how.decay,
    )


def soft_loss(soft: Tensor) -> Loss:
    """Cross-entropy against soft labels ``[N, C]``, at all nodes."""

    def loss(nodes: Tensor, logits: Tensor, h: Tensor) -> Tensor:
        return F.cross_entropy(logits, soft[nodes])

    return loss


def hard_loss(data: NodeDataset) -> Loss:
    """Cross-entropy against the labels of the training nodes."""
    known = torch.zeros_like(data.y, dtype=torch.bool)
    known[data.train] = True

    def loss(nodes: Tensor, logits: Tensor, h: Tensor) -> Tensor:
        here = known[nodes]
        return F.cross_entropy(logits[here], data.y[nodes[here]], reduction="sum") / here.sum().clamp(min=1)

    return loss


def code_loss(tokenizer: Tokenizer, hidden: Tensor, code: Tensor, head: nn.Linear, config: VQGraphConfig) -> Loss:
    """Cross-entropy of the student's code probabilities against the tokenizer's, over the codes in use."""
    used = code.unique().to(hidden.device)
    with torch.no_grad():
        similar = tokenizer.codebook.similarity(tokenizer.encode(hidden))[:, used]
        soft = (similar / config.code_temperature).softmax(dim=1)

    def loss(nodes: Tensor, logits: Tensor, h: Tensor) -> Tensor:
        return F.cross_entropy(head(h)[:, used], soft[nodes])

    return loss


def weighted(loss: Loss, weight: float) -> Loss:
    """A loss times a constant."""
    return lambda nodes, logits, h: weight * loss(nodes, logits, h)


@one_thread()
def fit_student(
    student: VQGraphStudent,
    data: NodeDataset,
    losses: Sequence[Loss],
    config: VQGraphConfig,
    *,
    extra: nn.Module | None = None,
    seed: int = 0,
    progress: Progress = NO_PROGRESS,
    select: Tensor | None = None,
) -> FitResult:
    """Train a student in place on the sum of losses, and load the checkpoint with the best validation accuracy.

    Features and labels are moved to its device.

    Args:
        student: the network.
        data: the observed graph; only its features and validation labels are used here.
        losses: losses to sum, with their tensors on the student's device.
        config: hyperparameters.
        extra: another module to train, loaded from the same checkpoint.
        seed: seed of dropout and batches.
        progress: shows a bar. (default: silent)
        select: nodes that the checkpoint is chosen on, by the score of a single check, as published. (default: the
            validation nodes, by the mean score over ``config.averaged_checks``)

    Returns:
        The mean accuracy that the checkpoint was chosen by, its epoch, and the seconds of training.
    """
    device, everyone, draws = device_of(student), torch.arange(len(data.y)), seeded(seed, "batches")
    data, average = to_device(data, device), config.averaged_checks if select is None else 1
    select = (data.valid if select is None else select).to(device)
    select_x, select_y, features = data.x[select], data.y[select], SparseFeatures(data.x)
    whole = nn.ModuleList([student] if extra is None else [student, extra])

    def loss(nodes: Tensor) -> Tensor:
        nodes = nodes.to(device)
        rows = features if config.batch_size is None else SparseFeatures(data.x[nodes])
        h = student.embed(rows(student.lins[0], config.input_dropout))
        logits = student.head(h)
        return torch.stack([part(nodes, logits, h) for part in losses]).sum()

    def check() -> float:
        return score(student(select_x), select_y, "accuracy")

    def epoch_batches(epoch: int) -> Iterator[Tensor]:
        return batches(everyone, config.batch_size, draws)

    optimizer = torch.optim.Adam(whole.parameters(), lr=config.lr, weight_decay=config.weight_decay)
    training = Training(whole, optimizer, loss, check, MeanOfLast(average))
    with scoped(seed, "student"):
        return train(
            training,
            epoch_batches,
            config.epochs,
            eval_every=config.eval_every,
            progress=progress,
            label="student",
        )
