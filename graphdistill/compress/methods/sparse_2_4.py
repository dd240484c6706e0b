r"""AST-like: two of every four weights become zero while the network is distilled; masks change along the way.

.. math:: W'_t = M_t \odot W_t + B P, \qquad
    L = w \, T^2 \, \mathrm{KL}\bigl(\mathrm{softmax}(z_t / T) \,\Vert\, \mathrm{softmax}(z_{W'} / T)\bigr)
    + w_y \, \mathrm{CE}(y, z_{W'}) + w_h \, \mathrm{SquareHead}(h_{W'}, h_t)

.. math:: W_{t+1} = \mathrm{AdamW}\Bigl(W_t, \frac{\partial L}{\partial W'_t}\Bigr) - \lambda_t (1 - M_t) \odot W_t,
    \qquad \lambda_t = \lambda \min(1, t / (r T_{\mathrm{steps}}))

The mask M of the largest weights, or of the largest products of a weight and the root mean square of its input
(Wanda), is found anew every few steps. All weights get the gradient of the sparse ones, so that a weight that is zero
can return. A decay of the weights that are zero, which rises on a line, lets the masks settle. B P are blocks of inputs
with one weight each (SLoRB), a low-rank term in place of what is zero.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

import torch
from torch import Tensor, nn

from graphdistill.compress.context import Compressed, Context
from graphdistill.compress.network import CodedNetwork, check_weights, weights_of
from graphdistill.compress.sparse import GROUP, Masker, largest, largest_of_four
from graphdistill.core.methods import MethodConfig, Result
from graphdistill.core.parallel import one_thread
from graphdistill.core.randomness import generator
from graphdistill.kd.data.view import Kind
from graphdistill.kd.distill import check_networks, context_of, fit, labels_alone
from graphdistill.kd.layers import linear_layers, stages_of
from graphdistill.kd.losses.kl import KD
from graphdistill.kd.methods import kd
from graphdistill.kd.methods.squarehead import distance_of_stages
from graphdistill.kd.objective import Batch, Objective
from graphdistill.kd.objective import Context as KDContext
from graphdistill.kd.outputs import PENULTIMATE, record

PAPER = "Huang et al., AAAI 2025, https://arxiv.org/abs/2407.20584; SquareHead: https://arxiv.org/abs/2310.06927"
RESULT = Result(
    paper="no checked number at hand",
    ours=(
        "character model: 40.90 ± 0.13 (labels alone 40.49 ± 0.06, one-shot pruning 19.05 ± 0.84, float 42.78 ± 0.07); "
        "cora, GCN-16: 80.12 ± 1.49 (79.64 ± 1.25, 71.58 ± 5.62, 79.72 ± 1.92); pains, GIN-16, ROC-AUC: 91.71 ± 0.83 "
        "(91.48 ± 1.06, 59.43 ± 8.81, 90.91 ± 0.77)"
    ),
    command="python -m graphdistill.bench kd --parts sparse-2-4",
    differs="Small networks, which are their own teachers, where the paper prunes language models of billions of "
    "weights; every linear layer is pruned, the last one too; the decay is larger, for far fewer steps.",
    instead="Masks that stay (--mask-every 0 --decay 0) were as good here; so were labels alone with as many steps as "
    "the float network, on digits (97.02 ± 2.26, the method 96.46 ± 3.08) and pains.",
)
FOR: tuple[Kind, ...] = ("nodes", "graphs", "images", "text", "rows")


@dataclass(frozen=True, kw_only=True)
class Config(MethodConfig):
    """Options of adaptive sparse training."""

    sparsity: Literal["2:4", "50", "75"] = "2:4"
    """Two zeros in every four consecutive inputs of an output, or 50 or 75 percent of the weights of each layer, at any
    place."""
    criterion: Literal["weights", "activations"] = "weights"
    """What is kept: the largest weights, or the largest products of a weight and the root mean square of its input
    (Wanda), in the latest batch."""
    trained: Literal["weights", "nothing"] = "weights"
    """Whether the weights are trained, or only pruned once."""
    mask_every: int = 10
    """Steps between masks, that of the paper (0: the first ones stay)."""
    decay: float = 0.3
    """Share by which a step shrinks the weights that are zero for the network, at the end of the ramp. The paper has
    0.00006 in 40,000 steps; in fewer steps it must be larger to the same effect."""
    ramp: float = 0.25
    """Share of the training in which the decay rises from 0, that of the paper."""
    temperature: float = 1.0
    """Temperature of both softmaxes."""
    weight: float = 0.67
    """Weight of the distillation loss on logits, that of the released code."""
    label_weight: float = 0.33
    """Weight of the cross-entropy on labels, that of the released code."""
    feature_weight: float = 0.0
    """Weight of SquareHead, the distance of hidden states to the teacher's, 0 in the released code; not for graphs."""
    slorb: int = 0
    """Inputs of a block of SLoRB, 16 or 64 in the paper (0: no blocks). Each block adds a float number to the file."""

    def __post_init__(self) -> None:
        for name, count in (("mask-every", self.mask_every), ("slorb", self.slorb)):
            if count < 0:
                raise ValueError(f"--{name} must be 0 or more, got {count}")
        if not 0 <= self.decay < 1:
            raise ValueError(f"--decay must be from 0 to below 1, got {self.decay}")
        if not 0 <= self.ramp <= 1:
            raise ValueError(f"--ramp must be from 0 to 1, got {self.ramp}")
        if not self.temperature > 0:
            raise ValueError(f"--temperature must be above 0, got {self.temperature}")
        weights = {"weight": self.weight, "label-weight": self.label_weight, "feature-weight": self.feature_weight}
        for name, weight in weights.items():
            if not 0 <= weight < float("inf"):
                raise ValueError(f"--{name} must be 0 or more, got {weight}")
        if not sum(weights.values()) > 0:
            raise ValueError(f"{', '.join(f'--{name}' for name in weights)} are all 0, so that nothing is learned")


def baselines(config: Config) -> dict[str, Config]:
    """One-shot pruning, and the same training on labels alone."""
    if config.trained == "nothing":
        return {}
    return {
        "one-shot pruning": replace(config, trained="nothing"),
        "labels alone": replace(config, weight=0.0, label_weight=1.0, feature_weight=0.0),
    }


@one_thread()
def compress(context: Context, config: Config) -> Compressed:
    """Prune all linear and convolutional layers, and train what is left."""
    if config.feature_weight and context.data.KIND == "graphs":
        raise ValueError(f"--feature-weight is not for graphs, but {context.data.name} holds graphs; leave it out")
    squares = _squares(context) if config.criterion == "activations" else {}
    student = sparsify(context.network, config, squares).to(context.data.device)
    if config.trained == "weights":
        _train(student, context, config)
    return student.finished()


def pruned(network: nn.Module, sparsity: Literal["2:4", "50", "75"] = "2:4") -> Compressed:
    """Prune the smallest weights of a network, without data or training.

    Args:
        network: the network, which stays as it is.
        sparsity: two zeros in every four inputs, or a percentage. (default: ``2:4``)

    Raises:
        ValueError: the network has no weights, or they are not finite.

    Example:
        >>> int((pruned(nn.Linear(8, 3)).network.weight == 0).sum())
        12
    """
    return sparsify(copy.deepcopy(network).eval(), Config(sparsity=sparsity, trained="nothing")).finished()


def sparsify(network: nn.Module, config: Config, squares: Mapping[str, Tensor] = MappingProxyType({})) -> CodedNetwork:
    """The network with a mask for each weight of its linear and convolutional layers.

    Args:
        network: the network.
        config: the method.
        squares: mean square of each input of a layer, by the name of its weight. (default: 1)

    Raises:
        ValueError: the network has no such weights, or they are not finite.
    """
    weights, group = _prunable(network), GROUP if config.sparsity == "2:4" else 1
    check_weights(network, weights, "prune")
    coders = {
        name: Masker(weight, _mask(weight, config, squares.get(name)), group, config.slorb)
        for name, weight in weights.items()
    }
    return CodedNetwork(network, coders)


def _prunable(network: nn.Module) -> dict[str, nn.Parameter]:
    """Weights of linear and convolutional layers that one layer alone holds, by name."""
    names = {f"{path}.weight".removeprefix(".") for path in linear_layers(network)}
    return {name: weight for name, weight in weights_of(network).items() if name in names}


@torch.no_grad()
def _mask(weight: Tensor, config: Config, squares: Tensor | None = None) -> Tensor:
    """The weights that are kept."""
    score = weight.abs()
    if squares is not None:
        # A convolution of several groups sees the channels of one of them at each output.
        groups = len(squares) // weight.shape[1]
        each = squares.sqrt().view(groups, -1).repeat_interleave(len(weight) // groups, dim=0)
        score = score * each.view(*each.shape, *[1] * (weight.dim() - 2))
    return largest_of_four(score) if config.sparsity == "2:4" else largest(score, int(config.sparsity) / 100)


def mean_squares(inputs: Tensor, weight: Tensor) -> Tensor:
    """Mean square of each input channel of a layer, float ``[channels]``.

    Args:
        inputs: what goes into the layer, ``[..., channels]`` or, of a convolution, ``[n, channels, ...]``.
        weight: its weight; of a convolution it has three dimensions or more.

    Example:
        >>> mean_squares(torch.tensor([[1.0, 2.0], [3.0, 2.0]]), torch.empty(5, 2))
        tensor([5., 4.])
    """
    last = inputs.detach() if weight.dim() == 2 else inputs.detach().movedim(1, -1)
    return last.flatten(0, -2).square().mean(dim=0)


def _squares(context: Context) -> dict[str, Tensor]:
    """Mean squares of the inputs of all layers on random training entries."""
    data, weights = context.data, _prunable(context.network)
    some = torch.randperm(len(data.train), generator=generator(context.seed, "calibration"))[: data.CHUNK]
    with record(context.network, _inputs_of(weights)) as found:
        data.predict(context.network, data.train[some])
    return _squares_of(found, weights)


def _inputs_of(weights: Mapping[str, Tensor]) -> list[str]:
    return [f"{name.removesuffix('weight').removesuffix('.')}:input" for name in weights]


def _squares_of(found: Mapping[str, Tensor], weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Mean squares of recorded inputs, of the layers that were called, by name."""
    recorded = {name: found.get(layer) for name, layer in zip(weights, _inputs_of(weights), strict=True)}
    return {name: mean_squares(inputs, weights[name]) for name, inputs in recorded.items() if inputs is not None}


def _train(student: CodedNetwork, context: Context, config: Config) -> None:
    """Train the weights below the masks, and leave both at the checkpoint that is best on validation."""
    data, training, weights = context.data, context.training, _prunable(context.network)
    inner = context_of(student, context.teacher, data, training, seed=context.seed, progress=context.progress)
    check_networks(inner)
    step, ramp = 0, max(config.ramp * inner.steps, 1.0)
    with record(context.network, _inputs_of(weights) if config.criterion == "activations" else []) as found:

        def after_step(loss: float) -> None:
            nonlocal step
            step += 1
            renewed = config.mask_every and step % config.mask_every == 0
            squares = _squares_of(found, weights) if renewed else {}
            for name, weight, masker in student.items():
                assert isinstance(masker, Masker)
                masker.decay(weight, config.decay * min(1.0, step / ramp))
                if renewed:
                    masker.mask.copy_(_mask(weight, config, squares.get(name)))

        fit(inner, _objective(inner, config, after_step), training, label="sparse network")


def _objective(context: KDContext, config: Config, after_step: Callable[[float], None]) -> Objective:
    """Cross-entropy on labels, KD on logits and SquareHead on stages, those that have a weight."""
    if not config.weight and not config.feature_weight:
        return replace(labels_alone(context), after_step=after_step)
    divergence = KD(config.temperature)
    stages = stages_of(context.teacher) if config.feature_weight else []
    pairs = {layer if layer == PENULTIMATE else f"{CodedNetwork.PREFIX}{layer}": layer for layer in stages}
    distance = distance_of_stages(pairs)

    def distillation(batch: Batch) -> Tensor:
        value = config.feature_weight * distance(batch)
        if config.weight:
            value = value + config.weight * divergence(batch.student.logits, batch.teacher.logits)
        return value

    loss = kd.with_labels(context, kd.Config(label_weight=config.label_weight), distillation)
    return Objective(loss=loss, student_layers=list(pairs), teacher_layers=stages, after_step=after_step)
