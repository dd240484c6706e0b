"""Prediction of codes from features, and the neighbourhoods of the training graph that codes represent."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphdistill.core.data.datasets import NodeDataset
from graphdistill.core.device import device_of
from graphdistill.core.networks.node_gcn import without_loops
from graphdistill.core.scatter import nearest_code, sort_by
from graphdistill.kd.nodes.teachers import teacher_outputs
from graphdistill.vqgraph.distill import Distilled
from graphdistill.vqgraph.student import VQGraphStudent


class Meanings(NamedTuple):
    """Statistics of the nodes of each of K codes in a graph.

    Attributes:
        members: number of nodes that have the code, long ``[K]``.
        nearest: indices of the nodes nearest to the code, long ``[K, n]``; -1 if it has fewer.
        degree: mean number of neighbours of its nodes, ``[K]``.
        classes: share of each class among its nodes, ``[K, C]``.
        neighbours: share of each class among its nodes' neighbours, ``[K, C]``; zeros if they have none.
    """

    members: Tensor
    nearest: Tensor
    degree: Tensor
    classes: Tensor
    neighbours: Tensor


def find_meanings(
    code: Tensor, distance: Tensor, edge_index: Tensor, y: Tensor, *, num_codes: int, num_classes: int, nearest: int = 3
) -> Meanings:
    """Describe every code by its nodes and their neighbours.

    Args:
        code: code of each node, long ``[N]``.
        distance: distance of each node to its code, ``[N]``.
        edge_index: edges, long ``[2, E]``; the source is a neighbour of the target.
        y: class of each node, long ``[N]``.
        num_codes: number K of codes.
        num_classes: number C of classes.
        nearest: number of nearest nodes of each code. (default: 3)

    Example:
        >>> code, y, path = torch.tensor([0, 0, 1]), torch.tensor([0, 1, 1]), torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
        >>> meanings = find_meanings(code, torch.tensor([0.2, 0.1, 0.0]), path, y, num_codes=2, num_classes=2)
        >>> meanings.nearest.tolist(), meanings.degree.tolist()
        ([[1, 0, -1], [2, -1, -1]], [1.5, 1.0])
    """
    near = distance.argsort(stable=True)
    order, ptr = sort_by(code[near], num_codes)
    slot = ptr[:-1, None] + torch.arange(nearest, device=code.device)
    first = near[order[slot.clamp(max=len(code) - 1)]]
    members = ptr.diff()
    source, target = without_loops(edge_index)

    def shares(row: Tensor, column: Tensor) -> Tensor:
        count = torch.bincount(row * num_classes + column, minlength=num_codes * num_classes)
        return F.normalize(count.view(num_codes, num_classes).float(), p=1.0, dim=1)

    return Meanings(
        members,
        torch.where(slot < ptr[1:, None], first, -1),
        torch.bincount(code[target], minlength=num_codes) / members.clamp(min=1),
        shares(code, y),
        shares(code[target], y[source]),
    )


class CodeHead(nn.Module):
    """Code head of a student, with the meanings of its codes; not needed for deployment.

    Args:
        linear: layer from the student's last hidden layer to the codes.
        meanings: statistics of the nodes of each code.

    Shapes:
        - **input:** a student, features ``[N, in_channels]``
        - **output:** logits of the codes ``[N, K]``, minus infinity for codes without nodes

    Raises:
        ValueError: the student's width differs from that of the head.

    Example:
        >>> student = VQGraphStudent(2, 4, 2).eval()
        >>> lone = find_meanings(torch.tensor([1]), torch.zeros(1), torch.empty(2, 0, dtype=torch.long),
        ...                      torch.tensor([0]), num_codes=2, num_classes=2)
        >>> CodeHead(nn.Linear(4, 2), lone)(student, torch.ones(1, 2)).softmax(dim=1).tolist()
        [[0.0, 1.0]]
    """

    def __init__(self, linear: nn.Linear, meanings: Meanings):
        super().__init__()
        self.linear = linear
        for name, value in meanings._asdict().items():
            self.register_buffer(name, value)

    @property
    def meanings(self) -> Meanings:
        """Statistics of the nodes of each code."""
        return Meanings(*(self.get_buffer(name) for name in Meanings._fields))

    def forward(self, student: VQGraphStudent, x: Tensor) -> Tensor:
        """Logits of the codes for every row of features; their softmax approximates the tokenizer's."""
        h = student.embed(student.lins[0](x))
        if h.shape[1] != self.linear.in_features:
            raise ValueError(
                f"head reads a hidden layer of width {self.linear.in_features}, the student's has {h.shape[1]}; give "
                "the head that was trained with this student"
            )
        logits: Tensor = self.linear(h)
        return logits.masked_fill(self.meanings.members == 0, -torch.inf)


@torch.no_grad()
def describe(result: Distilled, teacher: nn.Module, data: NodeDataset, *, layer: str = "convs.0") -> CodeHead:
    """Make the code head that explains a student, from the graph that it was distilled on.

    The class of a training node is its label, that of another node the teacher's prediction.

    Args:
        result: result of ``distill_vqgraph``.
        teacher: its teacher.
        data: its graph.
        layer: its hidden layer. (default: ``convs.0``)

    Raises:
        ValueError: the student was distilled without codes.
    """
    if result.tokenizer is None or result.head is None:
        raise ValueError("result has no codes to describe; distil with code_weight above 0, got 0")
    logits, hidden = teacher_outputs(teacher, layer, data.x, data.edge_index)
    y = logits.argmax(dim=1)
    y[data.train.cpu()] = data.y[data.train].cpu()
    book = result.tokenizer.codebook
    hidden = hidden.to(device_of(result.tokenizer))
    code, distance = (v.cpu() for v in nearest_code(book.place(result.tokenizer.encode(hidden)), book.codes))
    sizes = {"num_codes": len(book.codes), "num_classes": logits.shape[1]}
    meanings = find_meanings(code, distance, data.edge_index.cpu(), y, **sizes)
    return CodeHead(result.head, meanings).to(device_of(result.head))
