r"""Further pre-training with self-distillation: the student restarts and matches the features of its pre-trained copy.

.. math:: L = \| \hat x_m - x_m \|^2 + w \, \| h_s(x) - h_t(x) \|^2

First a masked autoencoder is trained from the student's weights without labels, and kept as the teacher t. Then the
student, with the weights that it had before, learns to fill in masked parts :math:`x_m` as well, and to have the
teacher's features h of whole entries. At last it is trained on the labels that are known. Patches of images or
features of nodes are masked, the latter with the error of GraphMAE.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from graphdistill.core.methods import MethodConfig, Result
from graphdistill.core.networks.vit import ViT
from graphdistill.core.randomness import scoped
from graphdistill.core.training.loop import FitResult
from graphdistill.kd.data.view import Kind
from graphdistill.kd.inputs import names_of
from graphdistill.kd.layers import stage_at
from graphdistill.kd.masked_autoencoder import Decoder, encode, fine_tune, pretrain, visible_patches
from graphdistill.kd.masked_nodes import NodeDecoder, random_nodes, run_until
from graphdistill.kd.objective import Context

PAPER = "Lee et al., ICLR 2023, https://arxiv.org/abs/2210.02871"
RESULT = Result(
    paper="no checked number at hand",
    ours="digits, 5 labels a class: 47.15 ± 5.16 (without self-distillation 48.27 ± 6.27)",
    command="python -m graphdistill.bench kd --parts self",
    differs=(
        "Small networks and data; the matched features of an image are the mean over its patches, in place of a class "
        "token. Nodes are ours."
    ),
    instead="Pre-training twice as long, 64.86 ± 5.16: --weight 0 and more --pretraining-steps.",
)
FOR: tuple[Kind, ...] = ("images", "nodes")
TEACHER = False
COMPARED = {"pre-training alone": {"weight": 0.0}}
STUDENT = {"images": "ViT-32", "nodes": "GCN-16"}

FEATURES = "head:input"
"""Features of an image that are matched."""


@dataclass(frozen=True, kw_only=True)
class Config(MethodConfig):
    """Options of further pre-training."""

    weight: float = 1.0
    """Weight of the distance of features, that of the released code; 0 is further pre-training without
    self-distillation, in half the time."""
    masked: float | None = None
    """Share of the patches or nodes that are masked (default: 0.75 for images and 0.5 for nodes, the values of masked
    autoencoders and of GraphMAE on Cora)."""
    pretraining_steps: int = 600
    """Steps without labels, first of the teacher and then of the student; as many as the usual training on images."""

    def __post_init__(self) -> None:
        if not 0 <= self.weight < float("inf"):
            raise ValueError(f"--weight must be 0 or more, got {self.weight}")
        if self.masked is not None and not 0 < self.masked < 1:
            raise ValueError(f"--masked must be between 0 and 1, got {self.masked}")
        if self.pretraining_steps < 1:
            raise ValueError(f"--pretraining-steps must be 1 or more, got {self.pretraining_steps}")


def distill(context: Context, config: Config) -> FitResult:
    """Pre-train, restart and match, then train on the labelled entries.

    Raises:
        ValueError: the student is no vision transformer on images, or no graph network on nodes.
    """
    first = copy.deepcopy(context.student.state_dict())
    pretrain_masked(context, config)
    if config.weight:
        teacher = copy.deepcopy(context.student).eval()
        context.student.load_state_dict(first)
        pretrain_masked(context, config, teacher)
    return fine_tune(context)


def pretrain_masked(context: Context, config: Config, teacher: nn.Module | None = None) -> None:
    """Train the student in place as a masked autoencoder on all entries, without labels.

    Args:
        context: the student, its data and hyperparameters.
        config: what is masked, the number of steps and the weight of the teacher.
        teacher: network whose features are matched. (default: none)

    Raises:
        ValueError: the student is no vision transformer on images, or no graph network on nodes.
    """
    on_nodes = context.data.KIND == "nodes"
    (_pretrain_on_nodes if on_nodes else _pretrain_on_images)(context, config, teacher)


def _pretrain_on_images(context: Context, config: Config, teacher: nn.Module | None) -> None:
    """Masked patches, and features of the whole image."""
    student, view, share = context.student, context.data, 0.75 if config.masked is None else config.masked
    if not isinstance(student, ViT):
        raise ValueError(
            f"further-pretraining on images needs a vision transformer, but the student is a {type(student).__name__}; "
            "give a ViT of graphdistill.core.networks.vit (--student ViT-32)"
        )
    with scoped(context.seed, "kd", "further-pretraining"):
        decoder = Decoder(student, view.data.images.shape[1]).to(context.device)

    def loss(index: Tensor, draws: torch.Generator) -> Tensor:
        images = view.inputs(index).main
        visible = visible_patches(len(images), len(student.positions), share, draws).to(images.device)
        value: Tensor = decoder(encode(student, images, visible)[-1], visible, images).mean()
        if teacher is not None:
            with torch.no_grad():
                known = _features(context, teacher, index, FEATURES)
            value = value + config.weight * _distance(context, known, index, FEATURES)
        return value

    pretrain(context, [student, decoder], loss, config.pretraining_steps, _label(teacher))


def _pretrain_on_nodes(context: Context, config: Config, teacher: nn.Module | None) -> None:
    """Masked features of nodes, and hidden features of all nodes in the graph as it is."""
    student, view, share = context.student, context.data, 0.5 if config.masked is None else config.masked
    if "edge_index" not in names_of(student):
        raise ValueError(
            "further-pretraining on nodes needs a graph network, since masked features are predicted from those of "
            f"neighbours, but the student is a {type(student).__name__} without edge_index; choose --student GCN-16"
        )
    index, layer = view.train, stage_at(student, 1.0)
    with scoped(context.seed, "kd", "further-pretraining"):
        width = run_until(view, student, layer, index, view.inputs(index)).shape[1]
        decoder = NodeDecoder(width, view.data.x.shape[1]).to(context.device)

    # The teacher's features of the whole graph are the same in all steps.
    known = None if teacher is None else _features(context, teacher, index, layer).detach()

    def loss(_: Tensor, draws: torch.Generator) -> Tensor:
        inputs = view.inputs(index)
        x = inputs.main
        masked = random_nodes(x, share, draws)
        hidden = view.run(student, index, (layer,), inputs.replaced(decoder.hide(x, masked))).features[layer]
        value: Tensor = decoder(hidden, inputs["edge_index"], x, masked)
        if known is not None:
            value = value + config.weight * _distance(context, known, index, layer)
        return value

    pretrain(context, [student, decoder], loss, config.pretraining_steps, _label(teacher))


def _features(context: Context, network: nn.Module, index: Tensor, layer: str) -> Tensor:
    """Features of whole entries."""
    return context.data.run(network, index, (layer,)).features[layer]


def _distance(context: Context, known: Tensor, index: Tensor, layer: str) -> Tensor:
    """Mean squared distance of the student's features of whole entries from the teacher's."""
    return (_features(context, context.student, index, layer) - known).square().sum(dim=1).mean()


def _label(teacher: nn.Module | None) -> str:
    """What the bar shows."""
    return "pre-training" if teacher is None else "self-distillation"
