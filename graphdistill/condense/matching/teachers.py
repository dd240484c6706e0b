"""Teachers: networks trained on all the real data, whose predictions and embeddings methods use."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from graphdistill.condense.matching.objective import MethodContext
from graphdistill.core.data.tensors import to_device
from graphdistill.core.device import device_of
from graphdistill.core.randomness import generator
from graphdistill.core.training.fit import chunks, predict


def train_teachers(context: MethodContext, count: int = 1, share: float = 1.0) -> list[nn.Module]:
    """Train networks on all the training data, each with the weights that are best on validation.

    Args:
        context: data, protocol, seed.
        count: number of networks. (default: 1)
        share: share of the protocol's steps to take, such as 0.1 for networks early in training. (default: 1)

    Example:
        >>> from graphdistill import datasets
        >>> from graphdistill.condense.data.kinds import protocol_of, training_data_of
        >>> protocol = protocol_of(datasets.load("digits"))
        >>> (net,) = train_teachers(MethodContext(training_data_of(protocol), 1, protocol), share=0.1)
        >>> protocol.score(net, "valid") > 0.5
        True
    """
    protocol, whole = context.protocol, context.protocol.training_split()
    config = replace(protocol.fit, steps=max(1, round(share * protocol.fit.steps)))
    seeds = torch.randint(2**62, (count,), generator=generator(context.seed, "teachers")).tolist()
    return [protocol.train(whole, seed, config)[0] for seed in context.progress.track(seeds, "training teachers")]


def predictions(context: MethodContext, net: nn.Module) -> Tensor:
    """Logits of a network on all training entries, ``[n, C]``, on the CPU."""
    return predict(net, context.real.inputs(torch.arange(len(context.real))))


@torch.no_grad()
def embeddings(context: MethodContext, net: Any) -> Tensor:
    """Inputs of the last layer of a network on all training entries, ``[n, d]``, on the CPU."""
    net.eval()
    everything = to_device(context.real.inputs(torch.arange(len(context.real))), device_of(net))
    return torch.cat([net.embed(part) for part in chunks(everything)]).cpu()
