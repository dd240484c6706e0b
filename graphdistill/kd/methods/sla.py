r"""SLA: classes and transformations are learned as joint labels, whose aggregated answer the student is distilled from.

.. math:: L = \frac{1}{M} \sum_j \mathrm{CE}(y M + j, z^{(j)}) + \mathrm{CE}(y, z)
    + w \, T^2 \, \mathrm{KL}\bigl(\mathrm{softmax}(\bar z / T) \,\Vert\, \mathrm{softmax}(z / T)\bigr), \quad
    \bar z_c = \frac{1}{M} \sum_j z^{(j)}_{c M + j}

:math:`z^{(j)}` are logits of C M joint labels that a second head gives in transformation j of M, and z those of the
student on the entry as it is. There is no teacher; the second head is left behind after the training. Images are
rotated; of nodes and graphs features and edges are hidden.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch_geometric.nn import GCNConv

from graphdistill.core.methods import MethodConfig, Result
from graphdistill.core.randomness import scoped
from graphdistill.kd.data.transformed import transformed
from graphdistill.kd.data.view import Kind, View
from graphdistill.kd.inputs import names_of
from graphdistill.kd.layers import check_entries, width_of
from graphdistill.kd.losses.kl import KD
from graphdistill.kd.objective import Batch, Context, Objective, label_loss
from graphdistill.kd.outputs import PENULTIMATE, Outputs
from graphdistill.kd.targets.joint_labels import aggregate, joint_labels

PAPER = "Lee et al., ICML 2020, https://arxiv.org/abs/1910.05872"
RESULT = Result(
    paper="no checked number at hand",
    ours="digits, 20 labels a class: 92.72 ± 1.11 (labels 92.24 ± 0.92, plain rotations 86.45 ± 0.63)",
    command="python -m graphdistill.bench kd --parts self",
    differs="AdamW and few steps on small data; transformations of nodes and graphs are ours.",
    instead="Labels alone are as good on small data; it is better than rotations as plain augmentation.",
)
FOR: tuple[Kind, ...] = ("nodes", "graphs", "images")
TEACHER = False
COMPARED = {"plain augmentation": {"joint": False}}


@dataclass(frozen=True, kw_only=True)
class Config(MethodConfig):
    """Options of SLA."""

    views: int = 4
    """Number of transformations, the entries as they are among them; images are rotated, in 2 or 4."""
    weight: float = 1.0
    """Weight of the distillation from the aggregated answer, that of the released code."""
    temperature: float = 1.0
    """Temperature of the distillation, that of the released code."""
    hidden: float = 0.25
    """Share of the features and edges that a transformation of nodes or graphs hides; more says too little about the
    class."""
    joint: bool = True
    """Joint labels; without them the student learns the class in every transformation, as plain augmentation does."""

    def __post_init__(self) -> None:
        if self.views < 2:
            raise ValueError(f"--views must be 2 or more, got {self.views}")
        if not 0 <= self.weight < float("inf"):
            raise ValueError(f"--weight must be 0 or more, got {self.weight}")
        if not self.temperature > 0:
            raise ValueError(f"--temperature must be above 0, got {self.temperature}")
        if not 0 < self.hidden < 1:
            raise ValueError(f"--hidden must be between 0 and 1, got {self.hidden}")


class JointHead(nn.Module):
    """Logits of joint labels from what goes into the last linear layer, with a convolution where that has one.

    Args:
        width: width of the features.
        count: number of joint labels.
        graph: whether rows are the nodes of a graph.
    """

    def __init__(self, width: int, count: int, graph: bool):
        super().__init__()
        self.layer: nn.Module = GCNConv(width, count) if graph else nn.Linear(width, count)
        self.graph = graph

    def forward(self, found: Outputs) -> Tensor:
        """Joint logits ``[n, C M]``."""
        features = found.features[PENULTIMATE]
        out: Tensor = self.layer(features, found.edge_index) if self.graph else self.layer(features.flatten(1))
        return out


def objective(context: Context, config: Config) -> Objective:
    """The three terms; the second head is trained along.

    Raises:
        ValueError: the student has no linear layer at its end, or a step does not see all nodes of a graph network.
    """
    view, student = context.data, context.student
    views = transformed(view, config.views, hidden=config.hidden, seed=context.seed)
    layers = (PENULTIMATE,) if config.joint else ()

    def shown(batch: Batch) -> list[Outputs]:
        return [batch.student, *(other.run(student, batch.index, layers) for other in views[1:])]

    def augmented(batch: Batch) -> Tensor:
        values = [context.label_loss(replace(batch, student=found)) for found in shown(batch)]
        return torch.stack(values).mean(dim=0)

    if not config.joint:
        return Objective(loss=augmented, uses_teacher=False)
    graph = view.KIND == "nodes" and bool({"edge_index", "data"} & set(names_of(student)))
    if graph and context.batch_size < len(view.train):
        raise ValueError(
            f"sla needs all {len(view.train)} nodes of a graph network in a step, got --batch-size "
            f"{context.batch_size}; leave it out"
        )
    features = view.predict(student, view.train[:2], layers).features
    check_entries(features, 2)
    with scoped(context.seed, "kd", "sla"):
        joint = JointHead(width_of(features[PENULTIMATE]), view.num_classes * config.views, graph)
    divergence = KD(config.temperature)
    weight = view.class_weight
    weights = None if weight is None else weight.repeat_interleave(config.views)

    def loss(batch: Batch) -> Tensor:
        logits = torch.stack([joint(found) for found in shown(batch)])
        values = [label_loss(z, joint_labels(batch.y, j, config.views), weights) for j, z in enumerate(logits)]
        distilled = divergence(batch.student.logits, aggregate(logits).detach())
        return torch.stack(values).mean(dim=0) + context.label_loss(batch) + config.weight * distilled

    return Objective(loss=loss, student_layers=layers, module=joint, uses_teacher=False)


@torch.no_grad()
def aggregated_logits(student: nn.Module, joint: JointHead, views: Sequence[View], index: Tensor) -> Tensor:
    """Logits of entries that the second head gives in all transformations together, on the CPU, ``[n, C]``.

    Args:
        student: the trained student.
        joint: ``module`` of its objective.
        views: the data in all transformations (:func:`~graphdistill.kd.data.transformed.transformed`).
        index: entries, long ``[n]``.
    """
    rows = views[0].train if joint.graph else index
    found = aggregate(torch.stack([joint(view.predict(student, rows, (PENULTIMATE,))) for view in views])).cpu()
    return found[index] if joint.graph else found
