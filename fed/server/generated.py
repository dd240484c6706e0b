"""Images that the server draws from the generators of the clients, each of which sends its own once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from flwr.app import ConfigRecord, Message, RecordDict
from torch import Tensor

from fed.config import FedConfig
from fed.data.client_data import Facts
from fed.data.generators import blank_generator
from fed.server.guard import Guard, numbers_of
from fed.server.replies import GENERATOR
from graphdistill.core.randomness import generator as stream
from graphdistill.core.sets.synthetic import quantize_uint8
from graphdistill.generate.generator import Generator
from graphdistill.generate.storage import load_tensors


@dataclass(frozen=True)
class Drawn:
    """The images that the server trains on, and what they cost.

    Attributes:
        tensors: images ``x``, float ``[n, channels, height, width]``, and classes ``y``.
        seconds: of the clients' training of generators.
        facts: ``clients``, and in their order ``bytes_up``, the bytes that each one's generator was sent in, and
            ``drawn``, the images drawn from it.
    """

    tensors: dict[str, Tensor]
    seconds: float
    facts: dict[str, Any]


@dataclass(frozen=True)
class _Sender:
    client: int
    generator: Generator
    counts: Tensor
    size: int
    seconds: float


def draw_from_clients(guard: Guard, config: FedConfig, facts: Facts, nodes: Sequence[int], run: str) -> Drawn:
    """Ask each client for its generator, and draw images from all of them.

    A client has the share of its weight in the federation (``--weights``), and within it each class the share of its
    training images. A client whose generator is malformed or draws values that are not finite is left out.

    Args:
        guard: the grid, which checks names, shapes and values of the generators.
        config: the federation.
        facts: what networks are made from.
        nodes: of all clients.
        run: name of the run.

    Raises:
        RuntimeError: no client sent a generator that can be used.
    """
    request = RecordDict({"config": ConfigRecord({"run": run})})
    replies = guard.query(GENERATOR, request, nodes)
    senders = {m.metadata.src_node_id: _sender(config, facts, m) for m in replies if m.has_content()}
    while senders:
        weights = torch.tensor([guard.registered[node].examples for node in senders], dtype=torch.float64)
        counts = torch.stack([sender.counts for sender in senders.values()])
        shares = weights[:, None] / weights.sum() * counts / counts.sum(dim=1, keepdim=True)
        numbers = apportion(shares, config.drawn_per_class * facts["classes"])
        drawn = {
            node: _draw(config, sender, number) for (node, sender), number in zip(senders.items(), numbers, strict=True)
        }
        wrong = [node for node, (z, _) in drawn.items() if not bool(torch.isfinite(z).all())]
        if not wrong:
            made = list(senders.values())
            images = [quantize_uint8(senders[node].generator.space.values(z)) for node, (z, _) in drawn.items()]
            return Drawn(
                {"x": torch.cat(images), "y": torch.cat([y for _, y in drawn.values()])},
                sum(sender.seconds for sender in made),
                {
                    "clients": [sender.client for sender in made],
                    "bytes_up": [sender.size for sender in made],
                    "drawn": numbers.sum(dim=1).tolist(),
                },
            )
        for node in wrong:
            guard.leave_out(node, "its generator draws values that are not finite")
            del senders[node]
    raise RuntimeError(f"no client sent a generator that can be used: {'; '.join(guard.refused)}")


def apportion(shares: Tensor, total: int) -> Tensor:
    """Whole numbers in proportion to shares by the largest remainders, long of the same shape, of a given sum.

    Args:
        shares: float64 of any shape, of sum 1.
        total: the sum.

    Example:
        >>> apportion(torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64), 4).tolist()
        [2, 1, 1]
    """
    exact = shares.flatten() * total
    numbers = exact.floor().long()
    first = (exact - numbers).sort(descending=True, stable=True).indices[: total - int(numbers.sum())]
    numbers[first] += 1
    return numbers.view(shares.shape)


def _sender(config: FedConfig, facts: Facts, message: Message) -> _Sender:
    """What a checked reply holds."""
    arrays, numbers = message.content.array_records["arrays"], numbers_of(message.content)
    made = load_tensors(blank_generator(config, facts), arrays.to_torch_state_dict())
    counts = torch.tensor([numbers[f"count-{label}"] for label in range(facts["classes"])], dtype=torch.float64)
    return _Sender(int(numbers["client"]), made, counts, arrays.count_bytes(), numbers["seconds"])


def _draw(config: FedConfig, sender: _Sender, number: Tensor) -> tuple[Tensor, Tensor]:
    """Entries of a client's generator, some of each class, and their classes."""
    labels = torch.arange(len(number)).repeat_interleave(number)
    if not len(labels):
        return torch.zeros(0, *sender.generator.space.shape), labels
    return sender.generator.draw(labels, generator=stream(config.seed, "drawn images", sender.client)), labels
