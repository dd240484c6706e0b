r"""Prefix-conditioning-like: a learned prefix says which source a sample is from, so that biases of sources stay in it.

.. math:: L = w \, T^2 \, \mathrm{KL}\bigl(\mathrm{softmax}(z_t / T) \,\Vert\, \mathrm{softmax}(z_s(x, v_d) / T)\bigr)
    + w_y \, \mathrm{CE}(y, z_s(x, v_d))

where the vector :math:`v_d` of the source d is added to what the student's first layer gives: to the embeddings of all
tokens, or to the first hidden features of nodes. Each batch is from one source. Validation and test have the vector of
one source, which becomes part of the layer at the end, so that the student stays a plain network.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from graphdistill.core.methods import Result
from graphdistill.core.training.loop import FitResult
from graphdistill.core.training.sampler import RepeatedRandomSampler
from graphdistill.kd.data.view import Kind, View
from graphdistill.kd.methods import kd
from graphdistill.kd.objective import Context, Objective
from graphdistill.kd.training import fit_objective

PAPER = "Saito et al., CVPR 2023, https://arxiv.org/abs/2206.01125"
RESULT = Result(
    paper="no checked number at hand",
    ours="reviews with labels that shift: 80.14 ± 0.95 (no prefix 79.26 ± 0.70)",
    command="python -m graphdistill.bench kd --parts data",
    differs="A vector that is added to all tokens instead of tokens before a text, and classification instead of "
    "contrastive training of images and texts.",
    instead="Where the labels of all sources are equally frequent, kd needs no source.",
)
FOR: tuple[Kind, ...] = ("nodes", "text")


@dataclass(frozen=True, kw_only=True)
class Config(kd.Config):
    """Options of prefix conditioning."""

    source: int = 0
    """Domain whose prefix the student has in the end, by its place among the data sets; 0 is that of --dataset."""

    def __post_init__(self) -> None:
        kd.Config.__post_init__(self)
        if self.source < 0:
            raise ValueError(f"--source must be 0 or more, got {self.source}")


def check(view: View, config: Config) -> None:
    """Check that the data have domains, and the chosen one.

    Raises:
        ValueError: there are fewer than two, or no such one.
    """
    count = int(view.domains("prefix-conditioning").max()) + 1
    if config.source >= count:
        raise ValueError(f"--source must be a domain from 0 to {count - 1}, those of {view.name}, got {config.source}")


def distill(context: Context, config: Config) -> FitResult:
    """Train with the prefixes of all sources, and leave that of the chosen one in the student.

    Raises:
        ValueError: the data have no such domains, or the student has no layer that a prefix can be added to.
    """
    check(context.data, config)
    count = int(context.data.domains("prefix-conditioning").max()) + 1
    layer, name = first_layer(context.student)
    weight = getattr(layer, name)
    prefix = Prefix(count, weight.shape[-1], config.source)
    hook = layer.register_forward_hook(lambda _layer, _inputs, output: prefix(output))
    every = min(context.data.TRAINING.eval_every, context.steps)
    try:
        found = fit_objective(_of_source(context, config.source), objective(context, config, prefix), eval_every=every)
    finally:
        hook.remove()
    with torch.no_grad():
        weight += prefix.vectors[config.source]
    return found


def objective(context: Context, config: Config, prefix: Prefix) -> Objective:
    """The loss of kd on batches of one source each, which are as frequent as its entries."""
    view, draws = context.data, context.generator("sources")
    domain = view.domains("prefix-conditioning")[view.train]
    places = [(domain == d).nonzero().view(-1) for d in range(len(prefix.vectors))]
    sizes = torch.tensor([len(place) for place in places], dtype=torch.double)
    samplers: dict[int, RepeatedRandomSampler] = {}

    def sample(size: int) -> Tensor:
        source = int(torch.multinomial(sizes, 1, generator=draws))
        prefix.source, place = source, places[source]
        if size >= len(place):
            return place
        if source not in samplers:
            samplers[source] = RepeatedRandomSampler(len(place), size, context.generator("batches", source))
        return place[samplers[source].round()]

    return Objective(loss=kd.objective(context, config).loss, module=prefix, sample=sample)


class Prefix(nn.Module):
    """Adds the vector of a source to what a layer gives.

    Args:
        count: number of sources.
        width: width of the layer.
        chosen: source in evaluation mode; in training mode it is :attr:`source`.
    """

    def __init__(self, count: int, width: int, chosen: int):
        super().__init__()
        self.vectors = nn.Parameter(torch.zeros(count, width))
        self.chosen = self.source = chosen

    def forward(self, features: Tensor) -> Tensor:
        """Features ``[..., D]`` with the vector added."""
        return features + self.vectors[self.source if self.training else self.chosen]


def first_layer(network: nn.Module) -> tuple[nn.Module, str]:
    """First layer of a network with embeddings or a bias, and the name of that parameter.

    Raises:
        ValueError: there is none.

    Example:
        >>> first_layer(nn.Sequential(nn.Flatten(), nn.Linear(2, 3)))
        (Linear(in_features=2, out_features=3, bias=True), 'bias')
    """
    for layer in network.modules():
        if isinstance(layer, nn.Embedding | nn.EmbeddingBag):
            return layer, "weight"
        if isinstance(layer._parameters.get("bias"), nn.Parameter):
            return layer, "bias"
    raise ValueError(
        f"{type(network).__name__} has no embedding and no layer with a bias, which a prefix is added to; give another "
        "student"
    )


def _of_source(context: Context, source: int) -> Context:
    """The context with the validation entries of one source."""
    view = copy.copy(context.data)
    mine = view.domains("prefix-conditioning")[view.data.valid] == source
    view.data = replace(view.data, valid=view.data.valid[mine])
    return replace(context, data=view)
