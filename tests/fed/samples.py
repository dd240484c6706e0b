"""Small federations: random images of few classes in place of data sets."""

from dataclasses import replace

import torch

from fed import client_app
from fed.config import FedConfig
from fed.data import molecules as fed_molecules
from fed.data.client_data import ClientData
from fed.methods import FAMILY
from tests.fed.data.test_partition import SMILES, molecules

FACTS = {"channels": 1, "height": 8, "width": 8, "classes": 3}


def part(seed, classes=(0, 1, 2), count=12, num_classes=3, name="own"):
    """Images whose class is the place of a bright bar, with noise."""
    draws = torch.Generator().manual_seed(seed)

    def split(size):
        y = torch.tensor(classes).repeat(size)[:size]
        x = 0.2 * torch.rand(size, 1, 8, 8, generator=draws)
        x[torch.arange(size), 0, 2 * y] += 0.8
        return x, y

    return ClientData(name, split(count), split(6), split(6), num_classes)


FEW = {"diffusion_steps": 2, "generator_steps": 2, "generator_width": 8, "drawn_per_class": 4}
"""Options of generators in few steps."""
QUICK = ("--warm-up-steps", "2", "--teacher-steps", "2")
"""Options of the command for FedLGD in few steps."""


def quick(method):
    """A method, given by name or config, with two steps of what takes many."""
    made = FAMILY.config(method)
    return replace(made, teacher_steps=2) if made.name == "fedlgd" else made


def federation(monkeypatch, parts, method="fedlgd", **options):
    """A config whose clients hold ``parts``, with few steps of matching."""
    monkeypatch.setattr(client_app, "parts", lambda config: tuple(parts))
    few = {"clients": len(parts), "per_class": 2, "rounds": 3, "warm_up_steps": 2, **FEW}
    return FedConfig(**{**few, "method": quick(method), **options})


def toy():
    """Sixty molecules of ten kinds, of which every other one is of class 1."""
    data = molecules(SMILES * 6)
    return data.with_splits(torch.arange(40), torch.arange(40, 50), torch.arange(50, 60))


def molecular(monkeypatch, clients=3, **options):
    """A config whose clients hold toy molecules, and what they hold."""
    config = FedConfig(**{"dataset": "pains", "clients": clients, "partition": "iid", "rounds": 2, **options})
    monkeypatch.setattr(fed_molecules, "load", lambda *a, **k: toy())
    held = fed_molecules.parts(config)
    monkeypatch.setattr(client_app, "parts", lambda config: held)
    return config, held


def hostile(kind, client, spoil, when=lambda config: True, app=None):
    """The clients' app (default: that of all), but one client spoils its replies to messages of a kind."""
    usual = app or client_app.app

    def app(message, context):
        reply = usual(message, context)
        settings = message.content.config_records.get("config", {})
        if message.metadata.message_type == kind and context.node_config["partition-id"] == client and when(settings):
            return spoil(reply) or reply
        return reply

    return app
