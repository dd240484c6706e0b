"""The generator that each client sends once: its architecture, which the server knows, and its training.

A client trains a diffusion model on its own images and distils it into a generator of one step by distribution
matching (:mod:`graphdistill.generate.methods.dmd2`).
"""

from __future__ import annotations

from dataclasses import replace

import torch

from fed.config import FedConfig
from fed.data.client_data import ClientData, Facts
from graphdistill.core.data.datasets import ImageDataset
from graphdistill.core.randomness import scoped
from graphdistill.generate.config import GenerateConfig
from graphdistill.generate.denoiser import Denoiser
from graphdistill.generate.distill import distill_generator
from graphdistill.generate.generator import Generator, Step
from graphdistill.generate.methods import dmd2
from graphdistill.generate.networks import NetworkConfig
from graphdistill.generate.space import Entries, ImageSpace, entries_of
from graphdistill.generate.teacher import TeacherConfig, default_network, train_teacher

METHOD = dmd2.Config()
"""How generators are distilled."""


def blank_generator(config: FedConfig, facts: Facts) -> Generator:
    """A generator of the architecture of all clients, with weights that are to be loaded.

    Args:
        config: the federation, which has the width.
        facts: shape of the images and number of classes.

    Example:
        >>> facts = {"channels": 1, "height": 8, "width": 8, "classes": 3}
        >>> made = blank_generator(FedConfig(method="fedavg", train_on="generated"), facts)
        >>> made.num_classes, made.evaluations
        (3, 1)
    """
    shape = _shape(facts)
    with scoped(0, "generator"):
        network = _architecture(config, facts).build(shape, facts["classes"])
    return Generator(Denoiser(network), [Step(sigma=METHOD.start)], ImageSpace(shape))


def train_generator(config: FedConfig, part: ClientData, seed: int, device: torch.device | str = "cpu") -> Generator:
    """A client's generator, from its training images; the diffusion model is chosen by its validation images.

    Args:
        config: the federation.
        part: the client's images.
        seed: of all randomness.
        device: device of the training; the generator is on the CPU. (default: the CPU)

    Raises:
        ValueError: the training has diverged.
    """
    entries = _entries(part)
    teacher = train_teacher(
        entries,
        TeacherConfig(steps=config.diffusion_steps),
        _architecture(config, part.facts),
        seed=seed,
        device=device,
    )
    how, draws = GenerateConfig(steps=config.generator_steps), torch.Generator().manual_seed(seed)
    return distill_generator(teacher, entries, METHOD, how, generator=draws, device=device)


def _architecture(config: FedConfig, facts: Facts) -> NetworkConfig:
    return replace(default_network(_shape(facts)), width=config.generator_width)


def _shape(facts: Facts) -> tuple[int, ...]:
    return facts["channels"], facts["height"], facts["width"]


def _entries(part: ClientData) -> Entries:
    """Training and validation images, with the classes of the federation, of which the client may lack some."""
    (x, y), (valid, labels) = part.train, part.valid
    train, after = torch.arange(len(y)), torch.arange(len(y), len(y) + len(labels))
    # Test images are not read.
    data = ImageDataset(part.name, torch.cat([x, valid]), torch.cat([y, labels]), train, after, after)
    return replace(entries_of(data), num_classes=part.num_classes)
