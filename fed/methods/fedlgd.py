"""FedLGD: clients train on virtual images of their own, contrasted with global ones that the server matches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn

from fed.client import virtual_data as virtual
from fed.client.local_training import ANCHORS, CONTRAST, Terms, pseudo_gradient, teach
from fed.client.round import Turn
from fed.config import FedConfig
from fed.data.client_data import Facts, Statistics, network
from fed.methods._method import Algorithm
from fed.methods.fedbn import remember, with_own
from graphdistill.core.randomness import generator
from graphdistill.core.training.fit import predict

EVERY = 5
"""Rounds between those in which clients refresh and after which the server matches (FedLGD's value)."""


class Method(Algorithm):
    r"""Federated learning on local and global virtual data, with soft labels and virtual images of groups.

    .. math:: L = KD(B; T) + \lambda\, SupCon(f(B), f(G)), \qquad
        G \leftarrow \arg\min_X D\big(\nabla_\theta CE(X; \theta_{old}), (\theta_{old} - \theta_{new}) / \eta\big)

    B are batches of a client's own virtual images, G some of the global ones. In rounds 1, 6, 11, ... clients match
    their images to the real ones on the global model and train without the contrastive term, and after it the server
    matches G. What differs from the paper, each since validation asked for it: every virtual image is matched with a
    group of alike real images and not with all of its class; a teacher T, which the client trains on its real images
    and keeps at home, labels them; clients do not train on G, which fits gradients and looks like noise; and a client
    goes on with norm layers of its own, as in FedBN, while the server has the mean of all.
    """

    paper = "Huang et al., TMLR 2024, https://arxiv.org/abs/2303.02278"
    kinds = ("images",)
    variants = ()
    rate = 0.4

    def fit(self, turn: Turn) -> float:
        """Refresh where it is time, then train."""
        chosen = (turn.round - 1) % EVERY == 0
        own, teacher = turn.virtual(groups=True), _teacher(turn)
        if chosen and turn.round > 1:
            with turn.making():
                seed = turn.seed(turn.round)
                own = virtual.match_means(turn.part.train, own, lambda step: turn.net, virtual.REFRESH, seed)
            turn.memory["virtual.x"] = own[0]
        terms = Terms(logits=predict(teacher, own[0]))
        # Where the server will match gradients next, they are to be of what clients learn of their images alone.
        if turn.shared and not chosen:
            shared = turn.shared["x"], turn.shared["y"]
            terms = replace(terms, contrast=CONTRAST, anchors=shared, drawn=ANCHORS)
        loss = turn.train(own, turn.budget, terms)
        remember(turn)
        return loss

    def personalise(self, net: nn.Module, memory: Mapping[str, Tensor], rounds: int) -> nn.Module:
        """With the client's own norms."""
        return with_own(net, memory, rounds)

    def begin(self, config: FedConfig, facts: Facts, statistics: Statistics | None) -> dict[str, Tensor]:
        """Noise, with the means and deviations that clients told, if they did."""
        draws = generator(config.seed, "global images")
        classes = torch.arange(facts["classes"]).repeat_interleave(config.per_class)
        noise = torch.randn((len(classes), facts["channels"], facts["height"], facts["width"]), generator=draws)
        if statistics is None:
            return {"x": (0.5 + 0.25 * noise).clamp(0, 1), "y": classes}
        mean, deviation = (value[classes][:, :, None, None] for value in statistics)
        return {"x": (mean + deviation * noise).clamp(0, 1), "y": classes}

    def after(
        self, rounds: int, old: nn.Module, new: nn.Module, shared: dict[str, Tensor], rate: float
    ) -> dict[str, Tensor]:
        """After the chosen rounds, images that ask for what the clients learnt."""
        if (rounds - 1) % EVERY:
            return shared
        x, y = virtual.match_gradient(old, pseudo_gradient(old, new, rate), (shared["x"], shared["y"]))
        return {"x": x, "y": y}


def _teacher(turn: Turn) -> nn.Module:
    """The client's teacher, trained the first time that it is asked for; it never leaves."""
    net = network(turn.part.facts, 0)
    names = {f"teacher.{name}": name for name in net.state_dict()}
    if not names.keys() <= turn.memory.keys():
        with turn.making():
            taught = teach(turn.part, turn.seed("teacher")).state_dict()
        turn.memory |= {kept: taught[name] for kept, name in names.items()}
        turn.save(0, turn.memory)
    net.load_state_dict({name: turn.memory[kept] for kept, name in names.items()})
    return net
