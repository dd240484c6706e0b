r"""DMAE: the student learns to fill in masked patches and to have the features of a partially executed teacher.

.. math:: L = \| \hat x_m - x_m \|^2 + w \, \Big\| \frac{P(h_s)}{\|P(h_s)\|} - \frac{h_t}{\|h_t\|} \Big\|_1

:math:`x_m` are the masked patches of unlabelled images. :math:`h` are features of the same visible patches at three
quarters of the depth; the teacher's later blocks never run. Then the student is trained on the labels that are known.
On a graph, features of nodes are masked, and the error is the squared cosine distance of GraphMAE.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from graphdistill.core.methods import MethodConfig, Result
from graphdistill.core.randomness import scoped
from graphdistill.core.training.loop import FitResult
from graphdistill.kd.data.view import Kind
from graphdistill.kd.features.feature_l1 import FeatureL1
from graphdistill.kd.inputs import names_of
from graphdistill.kd.layers import stage_at
from graphdistill.kd.masked_autoencoder import Decoder, check_vits, encode, fine_tune, pretrain, visible_patches
from graphdistill.kd.masked_nodes import NodeDecoder, random_nodes, run_until
from graphdistill.kd.objective import Context

PAPER = "Bai et al., CVPR 2023, https://arxiv.org/abs/2208.12256"
RESULT = Result(
    paper="ImageNet-1k, ViT-B from ViT-L: 0.840 in the abstract, not checked here",
    ours="digits, 5 labels a class, ViT: 78.77 ± 4.43 (labels alone 48.60 ± 4.95)",
    command="python -m graphdistill.bench kd --parts dmae",
    differs=(
        "Small images and vision transformers, a decoder of one block; the teacher stops at the matched block, where "
        "the released loop runs its whole encoder and decoder."
    ),
)
FOR: tuple[Kind, ...] = ("images", "nodes")


@dataclass(frozen=True, kw_only=True)
class Config(MethodConfig):
    """Options of DMAE."""

    weight: float = 1.0
    """Weight of the distance of features, that of the released code; 0 is a masked autoencoder without a teacher."""
    masked: float | None = None
    """Share of the patches or nodes that are masked (default: 0.75 for images, from which the paper goes up to 0.98,
    and 0.5 for nodes, as GraphMAE has on Cora)."""
    depth: float = 0.75
    """Share of the blocks of both networks below the features that are compared: 17 of 24 and 8 of 12 in the paper."""
    pretraining_steps: int = 600
    """Steps without labels; as many as the usual training on images."""

    def __post_init__(self) -> None:
        if not 0 <= self.weight < float("inf"):
            raise ValueError(f"--weight must be 0 or more, got {self.weight}")
        if self.masked is not None and not 0 < self.masked < 1:
            raise ValueError(f"--masked must be between 0 and 1, got {self.masked}")
        if not 0 < self.depth <= 1:
            raise ValueError(f"--depth must be above 0 and at most 1, got {self.depth}")
        if self.pretraining_steps < 1:
            raise ValueError(f"--pretraining-steps must be 1 or more, got {self.pretraining_steps}")


def distill(context: Context, config: Config) -> FitResult:
    """Pre-training on all entries without labels, then training on the labelled ones."""
    if context.data.KIND == "nodes":
        _pretrain_on_nodes(context, config)
    else:
        _pretrain_on_images(context, config)
    return fine_tune(context)


def _pretrain_on_images(context: Context, config: Config) -> None:
    """Masked patches; both networks see the same visible ones."""
    student, teacher = check_vits(context.student, context.teacher, "dmae")
    view, share = context.data, 0.75 if config.masked is None else config.masked
    ours, theirs = (max(1, round(config.depth * len(vit.blocks))) for vit in (student, teacher))
    with scoped(context.seed, "kd", "dmae"):
        decoder = Decoder(student, view.data.images.shape[1]).to(context.device)
        distance = FeatureL1(student.positions.shape[1], teacher.positions.shape[1]).to(context.device)

    def loss(index: Tensor, draws: torch.Generator) -> Tensor:
        images = view.inputs(index).main
        visible = visible_patches(len(images), len(student.positions), share, draws).to(images.device)
        hidden = encode(student, images, visible)
        value: Tensor = decoder(hidden[-1], visible, images)
        if config.weight:
            with torch.no_grad():
                known = encode(teacher, images, visible, blocks=theirs)[-1]
            value = value + config.weight * distance(hidden[ours - 1], known)
        return value.mean()

    pretrain(context, [student, decoder, distance], loss, config.pretraining_steps, "pre-training")


def _pretrain_on_nodes(context: Context, config: Config) -> None:
    """Masked features of nodes; both networks see the same graph."""
    student, teacher, view = context.student, context.teacher, context.data
    for role, network in (("student", student), ("teacher", teacher)):
        if "edge_index" not in names_of(network):
            raise ValueError(
                f"dmae on nodes needs graph networks, since masked features are predicted from those of neighbours, "
                f"but the {role} is a {type(network).__name__} without edge_index; choose kd for it"
            )
    index, share = view.train, 0.5 if config.masked is None else config.masked
    ours, theirs = (stage_at(network, config.depth) for network in (student, teacher))
    with scoped(context.seed, "kd", "dmae"):
        width, known_width = (
            run_until(view, network, path, index, view.inputs(index)).shape[1]
            for network, path in ((student, ours), (teacher, theirs))
        )
        decoder = NodeDecoder(width, view.data.x.shape[1]).to(context.device)
        distance = FeatureL1(width, known_width).to(context.device)

    def loss(_: Tensor, draws: torch.Generator) -> Tensor:
        inputs = view.inputs(index)
        x, edges = inputs.main, inputs["edge_index"]
        masked = random_nodes(x, share, draws)
        hidden_inputs = inputs.replaced(decoder.hide(x, masked))
        hidden = view.run(student, index, (ours,), hidden_inputs).features[ours]
        value: Tensor = decoder(hidden, edges, x, masked)
        if config.weight:
            known = run_until(view, teacher, theirs, index, hidden_inputs)
            value = value + config.weight * distance(hidden, known).mean()
        return value

    pretrain(context, [student, decoder, distance], loss, config.pretraining_steps, "pre-training")
