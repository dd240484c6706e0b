"""Explanations of a student's predictions: by features with torch_geometric.explain, by codes with its code head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch_geometric.explain import Explainer

from graphdistill.vqgraph.codes import CodeHead
from graphdistill.vqgraph.student import VQGraphStudent


@dataclass(frozen=True)
class Token:
    """A code, and the neighbourhoods of the training graph that it represents.

    Attributes:
        code: index of the code.
        probability: probability of the code by the student.
        members: number of nodes with the code in the training graph.
        nearest: indices of its nearest nodes there.
        degree: mean number of neighbours of its nodes.
        classes: most frequent classes of its nodes, with their shares.
        neighbours: most frequent classes of its nodes' neighbours, with their shares.
    """

    code: int
    probability: float
    members: int
    nearest: tuple[int, ...]
    degree: float
    classes: tuple[tuple[str, float], ...]
    neighbours: tuple[tuple[str, float], ...]

    def __str__(self) -> str:
        number = f"{self.members} node{'s'[: self.members != 1]} of the graph"
        around = f"{self.degree:.1f} neighbours each" + (f", {_mix(self.neighbours)}" if self.neighbours else "")
        names = ", ".join(map(str, self.nearest))
        head = f"code {self.code} ({self.probability:.0%}): {number}, {_mix(self.classes)}"
        return f"{head}\n    {around}; nearest: {names}"


@dataclass(frozen=True)
class CodeExplanation:
    """A student's prediction for one row of features, with its most probable codes.

    Attributes:
        label: name of the predicted class.
        probability: probability of the class.
        tokens: most probable codes, in falling order.
    """

    label: str
    probability: float
    tokens: tuple[Token, ...]

    def __str__(self) -> str:
        return "\n".join([f"{self.label} ({self.probability:.0%})", *(f"  {token}" for token in self.tokens)])


@torch.no_grad()
def explain(
    student: VQGraphStudent, head: CodeHead, x: Tensor, *, top: int = 3, names: Sequence[str] | None = None
) -> list[CodeExplanation]:
    """Explain predictions by the most probable codes and the neighbourhoods that they represent.

    Args:
        student: the student, in evaluation mode.
        head: its code head, from :func:`graphdistill.vqgraph.codes.describe` or ``load_codes``.
        x: features ``[N, in_channels]``.
        top: number of codes, and of classes for each code. (default: 3)
        names: names of the classes. (default: ``class 0``, ``class 1``, ...)

    Returns:
        An explanation for each row; print it to read it.

    Raises:
        ValueError: the student is in training mode, features have another width, ``top`` is below 1, or there are not
            as many names as classes.

    Example:
        >>> from graphdistill.vqgraph.codes import find_meanings
        >>> path, y = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]]), torch.tensor([0, 1, 1])
        >>> code, near = torch.tensor([0, 0, 0]), torch.tensor([0.0, 0.1, 0.2])
        >>> head = CodeHead(torch.nn.Linear(8, 1), find_meanings(code, near, path, y, num_codes=1, num_classes=2))
        >>> student = VQGraphStudent(4, 8, 2).eval()
        >>> print(explain(student, head, torch.ones(1, 4))[0].tokens[0])
        code 0 (100%): 3 nodes of the graph, 67% class 1, 33% class 0
            1.3 neighbours each, 75% class 1, 25% class 0; nearest: 0, 1, 2
    """
    if student.training:
        raise ValueError("student is in training mode, so dropout makes predictions random; call student.eval() first")
    if top < 1:
        raise ValueError(f"top must be 1 or more, got {top}")
    meanings = head.meanings
    num_classes = meanings.classes.shape[1]
    if names is None:
        names = [f"class {number}" for number in range(num_classes)]
    if len(names) != num_classes:
        raise ValueError(f"names must be one for each of {num_classes} classes, got {len(names)}")
    probability, label = student(x).softmax(dim=1).max(dim=1)
    share, code = head(student, x).softmax(dim=1).topk(min(top, int((meanings.members > 0).sum())))

    def token(code: int, share: float) -> Token:
        return Token(
            code,
            share,
            int(meanings.members[code]),
            tuple(node for node in meanings.nearest[code].tolist() if node >= 0),
            float(meanings.degree[code]),
            _top(meanings.classes[code], names, top),
            _top(meanings.neighbours[code], names, top),
        )

    rows = zip(label.tolist(), probability.tolist(), code.tolist(), share.tolist(), strict=True)
    return [
        CodeExplanation(names[label], sure, tuple(token(*pair) for pair in zip(codes, shares, strict=True)))
        for label, sure, codes, shares in rows
    ]


def explainer(
    student: VQGraphStudent,
    algorithm: Any,
    *,
    node_mask_type: str = "attributes",
    edge_mask_type: None = None,
    **options: Any,
) -> Explainer:
    """Make a ``torch_geometric.explain.Explainer`` for a student: which features its predictions depend on.

    Args:
        student: the student.
        algorithm: such as ``torch_geometric.explain.GNNExplainer()``.
        node_mask_type: ``attributes``, ``common_attributes`` or ``object``. (default: ``attributes``)
        edge_mask_type: must be ``None``.
        **options: further arguments of ``Explainer``. (default: ``explanation_type="model"``)

    Returns:
        PyG's explainer; call it with ``(x, edge_index, index=...)``.

    Raises:
        ValueError: ``edge_mask_type`` is not ``None``.

    Example:
        >>> from torch_geometric.explain import DummyExplainer
        >>> explain_features = explainer(VQGraphStudent(4, 8, 2), DummyExplainer())
        >>> explain_features(torch.ones(3, 4), torch.empty(2, 0, dtype=torch.long), index=0).node_mask.shape
        torch.Size([3, 4])
    """
    if edge_mask_type is not None:
        raise ValueError(
            f"edge_mask_type must be None, got {edge_mask_type!r}: the student is an MLP without edges, so no edge "
            "contributes to its predictions; graphdistill.vqgraph.explain.explain gives the neighbourhoods of the "
            "training graph that its codes represent"
        )
    config = {"mode": "multiclass_classification", "task_level": "node", "return_type": "raw"}
    options = {"explanation_type": "model", "model_config": config, **options}
    return Explainer(student, algorithm, node_mask_type=node_mask_type, **options)


def _top(share: Tensor, names: Sequence[str], top: int) -> tuple[tuple[str, float], ...]:
    """The most frequent names with their shares, without shares of zero."""
    value, index = share.topk(min(top, len(share)))
    return tuple((names[i], v) for i, v in zip(index.tolist(), value.tolist(), strict=True) if v > 0)


def _mix(shares: Sequence[tuple[str, float]]) -> str:
    # Leave out shares that would print as 0%.
    return ", ".join(f"{share:.0%} {name}" for name, share in shares if share >= 0.005)
