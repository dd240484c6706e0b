r"""MGD: a student and two teachers learn from unlabelled data, at the level of pixels, of regions and of the image.

.. math:: L = w \, \Big(\sum_{t \in \{d, w\}} \mathrm{CE}(\hat y_t, z_s) + \mathrm{CE}(\hat y_s, z_t)\Big)
    + \lambda_2 \, \overline{\big(\cos(r_s, r_s) - \cos(r_d, r_d)\big)^2}
    + \lambda_1 \sum_c \big| \overline{z_{s,c}} - \overline{z_{w,c}} \big|
    + w_y \sum_{b \in \{s, d, w\}} \mathrm{CE}(y, z_b)

d is the deep teacher, which gives the relations of regions r, and w the wide one, which gives the mean over the image.
Two unlabelled images are mixed by a rectangle (CutMix); :math:`\hat y` are the likeliest classes on the images as they
are, mixed by the same rectangle. Both teachers are trained along: by labels and by the student's :math:`\hat y`. On a
graph, pixels are nodes, regions are communities (Louvain), and nothing is mixed. A teacher without parts has both
roles. All but the last term grow from 0 at the start, since an untrained student's classes would mislead the teachers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import networkx as nx
import torch
from torch import Tensor, nn
from torch_geometric.nn.dense import Linear as PyGLinear

from graphdistill.core.methods import MethodConfig, Result
from graphdistill.kd.data.view import Kind, View
from graphdistill.kd.features.similarity import GlobalDifference, PixelCrossEntropy, RegionSimilarity
from graphdistill.kd.objective import Batch, Context, Objective, label_loss
from graphdistill.kd.outputs import PENULTIMATE, Outputs

PAPER = "Qin et al., 2022, https://arxiv.org/abs/2208.10169"
RESULT = Result(
    paper="no checked number at hand",
    ours=(
        "scenes of digits, 1/16 of the labels: mean IoU 26.03 ± 7.80 (supervised part 23.26 ± 7.09); digits-knn, half "
        "of the labels: 94.68 ± 1.76 (90.01 ± 1.53)"
    ),
    command="python -m graphdistill.bench kd --parts mgd",
    differs=(
        "Both teachers are trained along, where the released code never steps one of them; labelled images have the "
        "losses of unlabelled ones only where they are drawn as such."
    ),
)
FOR: tuple[Kind, ...] = ("nodes", "images")


@dataclass(frozen=True, kw_only=True)
class Config(MethodConfig):
    """Options of MGD."""

    weight: float | None = None
    """Weight of the cross-entropy to one another's likeliest classes (default: 1 for nodes and 0.25 for images, where
    networks that start from new weights agree on wrong classes with 1, on validation of scenes of digits)."""
    label_weight: float = 1.0
    """Weight of the cross-entropy of all three networks on labels."""
    region_weight: float = 1.0
    """Weight of the relations of regions. The released code has 100 on Cityscapes and 50 on Pascal VOC, for networks
    that are trained on ImageNet; here 1 is better on validation of scenes of digits."""
    image_weight: float = 1e-3
    """Weight of the difference of mean logits: 1e-3 on Cityscapes and 5e-4 on Pascal VOC in the released code."""
    grid: int = 7
    """Regions along a side of an image."""
    warm_up: float = 0.5
    """Share of the training over which the weights of unlabelled data grow. The paper starts from networks that are
    trained on ImageNet; from new weights, without it, the student's classes undo what its teachers know."""
    labelled: int = 16
    """Labelled images in a step, in addition to those of the batch."""

    def __post_init__(self) -> None:
        for name in ("weight", "label_weight", "region_weight", "image_weight"):
            if not 0 <= (getattr(self, name) or 0) < float("inf"):
                raise ValueError(f"--{name.replace('_', '-')} must be 0 or more, got {getattr(self, name)}")
        if not 0 <= self.warm_up <= 1:
            raise ValueError(f"--warm-up must be from 0 to 1, got {self.warm_up}")
        for name in ("grid", "labelled"):
            if getattr(self, name) < 1:
                raise ValueError(f"--{name} must be 1 or more, got {getattr(self, name)}")


class Branches(nn.Module):
    """A deep and a wide teacher as one, whose logits are the mean of theirs.

    Args:
        deep: gives the relations of regions.
        wide: gives the mean over the image.

    Example:
        >>> Branches(nn.Linear(3, 2), nn.Linear(3, 2))(torch.rand(5, 3)).shape
        torch.Size([5, 2])
    """

    def __init__(self, deep: nn.Module, wide: nn.Module):
        super().__init__()
        self.deep, self.wide = deep, wide

    def forward(self, x: Tensor, edge_index: Tensor | None = None) -> Tensor:
        """Logits of images, or of nodes with their edges."""
        given = (x,) if edge_index is None else (x, edge_index)
        mean: Tensor = (self.deep(*given) + self.wide(*given)) / 2
        return mean


@dataclass(frozen=True)
class _Three:
    """Logits of the three networks, ``[r, C]`` each, and the features that regions are made of."""

    student: Tensor
    deep: Tensor
    wide: Tensor
    ours: Tensor
    theirs: Tensor


def objective(context: Context, config: Config) -> Objective:
    """The losses of all three levels on unlabelled data, and cross-entropy on labels."""
    view = context.data
    if view.KIND == "images" and view.rows_per_entry == 1:
        raise ValueError(
            f"mgd on images needs a class for each pixel, but {view.name} has one for each image; give pixel labels, "
            "as graphdistill.kd.data.pixels makes, or choose kd"
        )
    layers = _teacher_layers(context.teacher)

    def three(student: Outputs, teacher: Outputs) -> _Three:
        theirs = teacher.features[layers[0]]
        parts = [teacher.features[path].flatten(0, -2) for path in layers[1:]] or [teacher.logits] * 2
        return _Three(student.logits, parts[0], parts[1], student.features[PENULTIMATE], theirs)

    def run(index: Tensor, inputs: Any) -> _Three:
        student = view.run(context.student, index, (PENULTIMATE,), inputs)
        return three(student, view.run(context.teacher, index, layers, inputs))

    unlabelled = _on_nodes(view, config) if view.KIND == "nodes" else _on_images(view, config, run)

    def loss(batch: Batch) -> Tensor:
        known = three(batch.student, batch.teacher)
        share = min(1.0, batch.fraction_done / config.warm_up) if config.warm_up else 1.0
        value = share * unlabelled(batch, known)
        y = batch.y
        if view.KIND == "images":
            chosen = torch.randperm(len(view.labelled), generator=batch.generator)[: config.labelled]
            index = view.labelled[chosen]
            known, y = run(index, view.inputs(index)), view.known(index).to(view.device)
        for logits in (known.student, known.deep, known.wide):
            value = value + config.label_weight * label_loss(logits, y).mean()
        return value

    return Objective(loss=loss, student_layers=(PENULTIMATE,), teacher_layers=layers, online=True)


def _teacher_layers(teacher: nn.Module) -> tuple[str, ...]:
    """The layer that regions are made of, then both branches where the teacher has them."""
    if not isinstance(teacher, Branches):
        return (PENULTIMATE,)
    last = [name for name, part in teacher.deep.named_modules() if isinstance(part, nn.Linear | PyGLinear)][-1]
    return (f"deep.{last}:input" if last else "deep:input", "deep", "wide")


def _both_ways(found: _Three, target: _Three, weight: float) -> Tensor:
    """Cross-entropy of the student to the classes of both teachers, and of these to the student's, ``[r]``."""
    pixel = PixelCrossEntropy()
    pairs = [(found.student, target.deep), (found.student, target.wide)]
    pairs += [(found.deep, target.student), (found.wide, target.student)]
    total: Tensor = sum((pixel(ours, theirs.detach()) for ours, theirs in pairs), torch.zeros_like(found.student[:, 0]))
    return weight * total


def _on_nodes(view: View, config: Config) -> Callable[[Batch, _Three], Tensor]:
    """The losses on nodes, communities and the graph."""
    weight = 1.0 if config.weight is None else config.weight
    community = communities(view.data.edge_index, len(view.data.y)).to(view.device)

    def loss(batch: Batch, found: _Three) -> Tensor:
        region = community[batch.index.to(view.device)].unique(return_inverse=True)[1]
        relations = RegionSimilarity()(found.ours, found.theirs.detach(), region=region)
        whole = GlobalDifference()(found.student, found.wide.detach())
        return _both_ways(found, found, weight) + config.region_weight * relations + config.image_weight * whole

    return loss


def _on_images(view: View, config: Config, run: Callable[[Tensor, Any], _Three]) -> Callable[[Batch, _Three], Tensor]:
    """The losses on pixels, regions and images that are mixed."""
    weight = 0.25 if config.weight is None else config.weight

    def loss(batch: Batch, plain: _Three) -> Tensor:
        x: Tensor = batch.inputs.main
        n, (height, width) = len(x), x.shape[-2:]
        order = torch.randperm(n, generator=batch.generator).to(x.device)
        inside = rectangles(n, height, width, batch.generator).to(x.device)
        found = run(batch.index, batch.inputs.replaced(torch.where(inside[:, None], x[order], x)))
        pixels = inside.reshape(n, -1, 1)

        def mixed(logits: Tensor) -> Tensor:
            parts = logits.detach().view(n, pixels.shape[1], -1)
            return torch.where(pixels, parts[order], parts).flatten(0, 1)

        target = _Three(mixed(plain.student), mixed(plain.deep), mixed(plain.wide), plain.ours, plain.theirs)
        maps = [features.movedim(-1, 1) for features in (found.ours, found.theirs.detach())]
        relations = RegionSimilarity(config.grid)(*maps)
        logits = [z.view(n, height, width, -1).movedim(-1, 1) for z in (found.student, found.wide.detach())]
        whole = GlobalDifference()(*logits)
        image = config.region_weight * relations + config.image_weight * whole
        return _both_ways(found, target, weight) + image.repeat_interleave(height * width)

    return loss


def rectangles(count: int, height: int, width: int, generator: torch.Generator) -> Tensor:
    """Masks of CutMix: true inside of a rectangle of half the area at a random place, bool ``[n, height, width]``.

    Example:
        >>> rectangles(3, 10, 10, torch.Generator().manual_seed(0)).sum((1, 2)).tolist()
        [49, 49, 49]
    """
    size = [max(1, round(side * 0.5**0.5)) for side in (height, width)]
    masks = []
    for side, length in zip((height, width), size, strict=True):
        start = torch.randint(side - length + 1, (count, 1), generator=generator)
        place = torch.arange(side)
        masks.append((place >= start) & (place < start + length))
    inside: Tensor = masks[0][:, :, None] & masks[1][:, None, :]
    return inside


def communities(edge_index: Tensor, count: int) -> Tensor:
    """Community of each node by the Louvain method, long ``[n]``.

    Args:
        edge_index: edges, long ``[2, E]``.
        count: number of nodes.

    Example:
        >>> communities(torch.tensor([[0, 1, 2, 3, 4, 5, 2], [1, 2, 0, 4, 5, 3, 3]]), 6).tolist()
        [0, 0, 0, 1, 1, 1]
    """
    graph = nx.Graph()
    graph.add_nodes_from(range(count))
    graph.add_edges_from(edge_index.T.tolist())
    found = torch.zeros(count, dtype=torch.long)
    parts = sorted(sorted(part) for part in nx.community.louvain_communities(graph, seed=0))
    for number, part in enumerate(parts):
        found[part] = number
    return found
