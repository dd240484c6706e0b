r"""Quantised distillation: the weights of a network take few levels, trained on the outputs of the float network.

.. math:: L = w \, T^2 \, \mathrm{KL}\bigl(\mathrm{softmax}(z_t / T) \,\Vert\, \mathrm{softmax}(z_Q / T)\bigr)
    + w_y \, \mathrm{CE}(y, z_Q), \qquad
    w_i \leftarrow w_i - \eta \frac{\partial L}{\partial Q(w_i)} \quad \text{or} \quad
    p_j \leftarrow p_j - \eta \sum_{i: c_i = j} s_b \frac{\partial L}{\partial Q(w_i)}

with logits :math:`z_Q` of the network with quantised weights Q(w) and :math:`z_t` of the float network. Each bucket of
weights is scaled to lie between 0 and 1 by its least weight and its range :math:`s_b`, then takes the nearest of
:math:`2^b` levels p. Either weights are trained below even levels that stay (quantised distillation), or levels are
trained, from the quantiles on, and weights stay (differentiable quantisation).
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Literal

import torch
from torch import Tensor, nn

from graphdistill.compress.context import Compressed, Context
from graphdistill.compress.levels import Quantizer, even_levels, quantile_levels
from graphdistill.compress.network import CodedNetwork, check_weights, weights_of
from graphdistill.core.methods import MethodConfig, Result
from graphdistill.core.parallel import one_thread
from graphdistill.kd.data.view import Kind, View
from graphdistill.kd.distill import fit_kd, fit_labels
from graphdistill.kd.methods import kd
from graphdistill.kd.objective import label_loss

PAPER = "Polino et al., ICLR 2018, https://arxiv.org/abs/1802.05668"
RESULT = Result(
    paper="no checked number at hand",
    ours=(
        "digits, ConvNet-8, two bits: 93.97 ± 1.53 (rounding 57.82 ± 11.73, labels alone 94.58 ± 1.81, float "
        "97.49 ± 1.32); with 2 labels a class 93.63 ± 1.54 (labels alone 87.82 ± 2.68)"
    ),
    command="python -m graphdistill.bench kd --parts quantized",
    differs="The network is compressed from its own trained weights and is its own teacher; an arithmetic coder in "
    "place of Huffman's; AdamW; the divergence is a sum over classes, where the released code has their mean.",
    instead="Where all training entries have labels, labels alone are as good (--weight 0 --label-weight 1).",
)
FOR: tuple[Kind, ...] = ("nodes", "graphs", "images", "text", "rows")
LEAST_LEVELS, MOST_LEVELS = 2, 256


@dataclass(frozen=True, kw_only=True)
class Config(MethodConfig):
    """Options of quantised distillation."""

    bits: int = 4
    """Bits of a weight, 1 to 8: 2 to the power of this levels. With 4, rounding alone mostly suffices; with 2 it does
    not."""
    trained: Literal["weights", "levels", "nothing"] = "weights"
    """What is trained: the weights below even levels, the levels of weights that stay, or nothing, which is rounding
    after the training."""
    bucket_size: int = 256
    """Consecutive weights that share a range (the paper's size): smaller buckets round finer, and each takes 8 bytes
    more."""
    stochastic: bool = False
    """Whether a step of training rounds at random to the level below or above, by their distances, in place of to the
    nearest."""
    allocation: Literal["equal", "gradient"] = "equal"
    """Levels of each layer: equally many, or half of them equally many and the rest in proportion to the norm of the
    gradient at the rounded weights."""
    temperature: float = 2.0
    """Temperature of both softmaxes, that of the released code."""
    weight: float = 0.7
    """Weight of the distillation loss, that of the released code (0: labels alone)."""
    label_weight: float = 0.3
    """Weight of the cross-entropy on labels, that of the released code."""

    def __post_init__(self) -> None:
        if not 1 <= self.bits <= 8:
            raise ValueError(f"--bits must be 1 to 8, got {self.bits}")
        if self.bucket_size < 2:
            raise ValueError(f"--bucket-size must be 2 or more, got {self.bucket_size}")
        if self.stochastic and self.trained != "weights":
            raise ValueError(
                f"--stochastic rounds in the training of weights, but --trained is {self.trained}; leave one of them "
                "out"
            )
        if not self.temperature > 0:
            raise ValueError(f"--temperature must be above 0, got {self.temperature}")
        for name, value in (("weight", self.weight), ("label-weight", self.label_weight)):
            if not 0 <= value < float("inf"):
                raise ValueError(f"--{name} must be 0 or more, got {value}")
        if not self.weight + self.label_weight > 0:
            raise ValueError("--weight and --label-weight are both 0, so that nothing is learned; raise one of them")


def baselines(config: Config) -> dict[str, Config]:
    """Rounding after the training, and the same training on labels alone."""
    if config.trained == "nothing":
        return {}
    return {
        "rounding": replace(config, trained="nothing", stochastic=False),
        "labels alone": replace(config, weight=0.0, label_weight=1.0),
    }


@one_thread()
def compress(context: Context, config: Config) -> Compressed:
    """Quantise all weights and train them, or their levels."""
    network, data = context.network, context.data
    student = quantize(network, config, _levels(context, config)).to(data.device)
    own = [weight for weight in network.parameters() if weight.requires_grad]
    if config.trained == "levels":
        network.requires_grad_(False)
    how: dict[str, Any] = {"seed": context.seed, "progress": context.progress}
    if config.trained != "nothing" and config.weight:
        method = kd.Config(temperature=config.temperature, weight=config.weight, label_weight=config.label_weight)
        fit_kd(student, context.teacher, data, method, context.training, **how)
    elif config.trained != "nothing":
        fit_labels(student, data, context.training, label="labels alone", **how)
    for weight in own:
        weight.requires_grad_(True)
    return student.finished()


def rounded(network: nn.Module, bits: int, bucket_size: int = 256) -> Compressed:
    """Round the weights of a network to even levels, without data or training.

    Args:
        network: the network, which stays as it is.
        bits: bits of a weight, 1 to 8.
        bucket_size: consecutive weights that share a range. (default: 256)

    Raises:
        ValueError: the network has no weights, or an argument is out of range.

    Example:
        >>> rounded(nn.Linear(30, 20), bits=1).network.weight.unique().numel() <= 2 * 3  # three buckets
        True
    """
    config = Config(bits=bits, bucket_size=bucket_size, trained="nothing")
    return quantize(copy.deepcopy(network).eval(), config).finished()


def quantize(network: nn.Module, config: Config, counts: Mapping[str, int] = MappingProxyType({})) -> CodedNetwork:
    """The network with a quantizer for each of its weights.

    Args:
        network: the network.
        config: the method.
        counts: levels of weights by name. (default: 2 to the power of ``bits``)

    Raises:
        ValueError: the network has no weights, or they are not finite.
    """
    weights, size = weights_of(network), config.bucket_size
    check_weights(network, weights, "quantise")
    quantizers = {}
    for name, weight in weights.items():
        count, levels_alone = counts.get(name, 2**config.bits), config.trained == "levels"
        levels = quantile_levels(weight, count, size) if levels_alone else even_levels(count)
        quantizers[name] = Quantizer(levels, size, trained=levels_alone, stochastic=config.stochastic)
    return CodedNetwork(network, quantizers)


def allocate(norms: dict[str, float], bits: int) -> dict[str, int]:
    """Levels of each weight tensor: half of all equally, the rest in proportion to a norm, from 2 to 256.

    Args:
        norms: norm of the gradient of each tensor, by its name.
        bits: bits of a weight in the mean of the levels.

    Example:
        >>> allocate({"a": 1.0, "b": 3.0}, bits=3)
        {'a': 6, 'b': 10}
    """
    half, whole = 2 ** (bits - 1), sum(norms.values())
    shares = {name: norm / whole if whole else 1 / len(norms) for name, norm in norms.items()}
    return {
        name: min(max(half + round(share * len(norms) * half), LEAST_LEVELS), MOST_LEVELS)
        for name, share in shares.items()
    }


def _levels(context: Context, config: Config) -> dict[str, int]:
    """Levels by name, where they are not equally many."""
    if config.allocation == "equal":
        return {}
    plain = replace(config, trained="nothing", stochastic=False)
    network = quantize(copy.deepcopy(context.network), plain).to(context.data.device)
    return allocate(gradient_norms(network, context.data), config.bits)


def gradient_norms(network: CodedNetwork, data: View) -> dict[str, float]:
    """Norm of the gradient of the cross-entropy on all known labels, at each quantised weight, by name.

    Args:
        network: the network, in evaluation mode.
        data: the data.
    """
    items = network.items()
    weights = [weight.requires_grad_(True) for _, weight, _ in items]
    total = [torch.zeros_like(weight) for weight in weights]
    for index in data.labelled.split(data.CHUNK):
        y: Tensor = data.known(index).to(data.device)
        loss = label_loss(data.run(network, index).logits, y, data.class_weight).sum()
        for whole, part in zip(total, torch.autograd.grad(loss, weights), strict=True):
            whole += part
    return {name: float(whole.norm()) for (name, *_), whole in zip(items, total, strict=True)}
