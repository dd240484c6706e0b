r"""How alike an untrained student and its teacher are, on one batch (DisWOT, https://arxiv.org/abs/2303.15678).

.. math:: S_1 = -\big\| \mathcal{N}(g_t g_t^\top) - \mathcal{N}(g_s g_s^\top) \big\|_F^2, \quad
    S_2 = -\tfrac{1}{n^2} \big\| \mathcal{N}(A_t A_t^\top) - \mathcal{N}(A_s A_s^\top) \big\|_F^2

g is the gradient of the cross-entropy with respect to the weights of the last linear layer, ``[C, d]``, A the last
feature map, ``[n, d]``, and N scales rows to unit length. Both Gram matrices are free of the width d.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from graphdistill.kd.data.view import View
from graphdistill.kd.features.similarity_preserving import SimilarityPreserving
from graphdistill.kd.objective import label_loss
from graphdistill.kd.outputs import PENULTIMATE, last_linear
from graphdistill.kd.teachers.ensemble import WeightedTeachers
from graphdistill.kd.teachers.stored import StoredTeacher, check_stored


def semantic_similarity(student: Tensor, teacher: Tensor) -> float:
    """Minus the squared distance of the relations of classes, from gradients ``[C, d]`` whose widths may differ.

    Example:
        >>> semantic_similarity(torch.eye(3), 2 * torch.eye(3))
        -0.0
    """
    return -len(student) * float(SimilarityPreserving()(student, teacher).sum())


def relation_similarity(student: Tensor, teacher: Tensor) -> float:
    """Minus the mean squared distance of the relations of entries, from features ``[n, ...]``.

    Example:
        >>> round(relation_similarity(torch.eye(2), torch.ones(2, 5)), 3)  # unrelated entries, and equal ones
        -0.293
    """
    return -float(SimilarityPreserving()(student, teacher).mean())


def last_gradient(network: nn.Module, view: View, index: Tensor) -> tuple[Tensor, Tensor]:
    """Gradient of the cross-entropy in the weights of the linear layer that is called last, and its input.

    Args:
        network: the network, which is set to evaluation mode.
        view: the data.
        index: entries with labels.

    Returns:
        The gradient ``[C, d]`` and the features ``[n, ...]``.

    Raises:
        ValueError: that layer has another number of outputs than the network.

    Example:
        >>> from graphdistill.datasets import load
        >>> from graphdistill.kd.data.kinds import view_of
        >>> view, net = view_of(load("digits")), nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
        >>> [found.shape for found in last_gradient(net, view, view.labelled[:8])]
        [torch.Size([10, 64]), torch.Size([8, 64])]
    """
    layer, found = last_linear(network, lambda: view.run(network.eval(), index, (PENULTIMATE,)))
    weight: Any = layer.weight
    if len(weight) != found.logits.shape[1]:
        raise ValueError(
            f"the last linear layer of {type(network).__name__} has {len(weight)} outputs, but the network has "
            f"{found.logits.shape[1]} logits; classes are compared by the weights of a last layer with one row a class"
        )
    loss = label_loss(found.logits, view.known(index).to(view.device)).mean()
    (gradient,) = torch.autograd.grad(loss, weight)
    return gradient, found.features[PENULTIMATE].detach()


def check_teacher(teacher: nn.Module, view: View) -> None:
    """Check that a teacher has layers that a student can be compared with.

    Raises:
        ValueError: it is several networks, or stored logits.
    """
    if isinstance(teacher, StoredTeacher):
        check_stored(teacher, view, reads_logits_alone=False)
    if isinstance(teacher, WeightedTeachers):
        raise ValueError("a search compares hidden layers, which several teachers do not have in common; give one")
