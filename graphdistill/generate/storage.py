"""Save and load generators: weights as safetensors, the architecture and the steps in a JSON card next to them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from graphdistill.core.command.output import publish
from graphdistill.core.command.paths import expanded
from graphdistill.core.command.report import versions
from graphdistill.core.data.datasets import GraphDataset
from graphdistill.core.data.tensors import tensor_bytes
from graphdistill.core.sets.checked_file import Header, brief
from graphdistill.core.sets.payload import check_finite, check_names, check_tensor
from graphdistill.core.sets.storage import read_card, read_tensors, write_card, write_tensors
from graphdistill.generate.denoiser import Denoiser
from graphdistill.generate.generator import Generator, Step
from graphdistill.generate.networks import DenoisingNetwork, NetworkConfig
from graphdistill.generate.noise import NoiseSchedule
from graphdistill.generate.space import GraphSpace, ImageSpace, RowSpace, Space, entries_of

FORMAT = 1
"""Version of the layout; files of other layouts are rejected."""
FILE = "generator.safetensors"
SPACES: dict[str, type[Space]] = {"plain": Space, "rows": RowSpace, "images": ImageSpace, "graphs": GraphSpace}
KINDS: dict[str, type] = {
    "sha256": str,
    "shape": list,
    "classes": int,
    "models": list,
    "steps": list,
    "route": list,
    "space": dict,
    "facts": dict,
}
"""Facts of a card and their types."""
MOST = 1 << 16
"""The most classes, steps, denoisers, width or length of a side of entries that a card may ask for."""
MOST_NUMBERS, MOST_BLOCKS = 1 << 24, 256
"""The most numbers of an entry, and blocks of all denoisers, that a card may ask for."""


def as_stored(generator: Generator) -> Generator:
    """Round the weights, in place, to the 16 bits that they are stored with.

    Raises:
        ValueError: a weight is too large for 16 bits, or not finite.
    """
    for name, value in generator.models.state_dict().items():
        rounded = value.half().to(value.dtype) if value.is_floating_point() else value
        if not bool(torch.isfinite(rounded).all()):
            raise ValueError(f"weights {name} are too large or not finite; train with a lower learning rate")
        value.copy_(rounded)
    return generator


def stored_tensors(generator: Generator) -> dict[str, Tensor]:
    """What is stored or sent, by name: weights of 16 bits, and the numbers of the space as they are."""
    return {name: value.cpu().to(_dtype(name, value)) for name, value in generator.state_dict().items()}


def load_tensors(generator: Generator, tensors: Mapping[str, Tensor]) -> Generator:
    """Load tensors of :func:`stored_tensors` into a generator of the same architecture, in place.

    Example:
        >>> made = Generator(Denoiser(NetworkConfig(width=4, depth=1).build((2,), 3)), [Step(sigma=5.0)])
        >>> load_tensors(made, stored_tensors(made)).training
        False
    """
    state = generator.state_dict()
    generator.load_state_dict({name: value.to(state[name].dtype) for name, value in tensors.items()}, assign=True)
    return generator.eval()


def stored_bytes(generator: Generator) -> int:
    """Bytes of the stored weights.

    Example:
        >>> stored_bytes(Generator(Denoiser(NetworkConfig(width=4, depth=1).build((2,), 3)), [Step(sigma=5.0)]))
        964
    """
    return tensor_bytes(*stored_tensors(generator).values())


def save_generator(generator: Generator, folder: str | Path, *, card: Mapping[str, Any] | None = None) -> None:
    """Write ``generator.safetensors`` and ``card.json`` into a folder, both or none.

    Args:
        generator: the generator, with weights of 16 bits as of :func:`as_stored`.
        folder: output folder, created if absent; other files in it stay.
        card: further facts in JSON types, such as the data set and the method. (default: none)

    Raises:
        ValueError: a weight needs more than 16 bits, a network or the space is none of this library, or the folder
            cannot be written.

    Example:
        >>> import tempfile
        >>> made = as_stored(Generator(Denoiser(NetworkConfig(width=4).build((2,), 3)), [Step(sigma=5.0)]))
        >>> labels = torch.tensor([0, 1])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_generator(made, folder)
        ...     again = load_generator(folder)
        >>> draws = [g.sample(labels, generator=torch.Generator().manual_seed(0)).data for g in (made, again)]
        >>> torch.equal(*draws)
        True
    """
    tensors = stored_tensors(generator)
    for name, value in generator.state_dict().items():
        if not torch.equal(tensors[name].to(value.dtype), value.cpu()):
            raise ValueError(f"weights {name} need more than 16 bits; call as_stored first")
    models = []
    for model in generator.models:
        assert isinstance(model, Denoiser)
        if not isinstance(model.network, DenoisingNetwork):
            raise ValueError(f"{type(model.network).__name__} cannot be saved; build networks with NetworkConfig")
        schedule, config = asdict(model.schedule), asdict(model.network.config)
        models.append({"network": config, "schedule": schedule, "boundary": model.boundary})
    kind = next((name for name, made in SPACES.items() if type(generator.space) is made), None)
    if kind is None:
        raise ValueError(f"{type(generator.space).__name__} cannot be saved; give the space of entries_of")
    space = {"kind": kind, "mean": list(generator.space.mean.shape)}
    facts: dict[str, Any] = {
        "format": FORMAT,
        "shape": list(generator.space.shape),
        "classes": generator.num_classes,
        "models": models,
        "steps": [asdict(step) for step in generator.steps],
        "route": list(generator.route),
        "space": space,
        "versions": versions(),
        "facts": dict(card or {}),
    }
    with publish(Path(folder)) as draft:
        facts["sha256"] = write_tensors(draft / FILE, tensors)
        write_card(draft, facts)


def load_generator(folder: str | Path, data: GraphDataset | None = None) -> Generator:
    """Load a generator of :func:`save_generator`, which draws exactly what it drew when it was saved.

    Args:
        folder: the folder that holds ``generator.safetensors`` and ``card.json``.
        data: the graphs that the vectors of a generator of graphs are decoded as. (default: none)

    Raises:
        FileNotFoundError: one of the two files is missing.
        ValueError: a file is damaged or does not belong to the other, or the graphs are others.
    """
    folder = expanded(folder)
    facts = read_card(folder, FORMAT, KINDS, writer="save_generator")
    try:
        generator = _built(facts)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ValueError(
            f"{folder / 'card.json'} is damaged: it describes no generator, {brief(str(error), 200)}; distil again"
        ) from None
    expected = generator.state_dict()

    def check(header: Header) -> None:
        check_names(header, expected)
        for name, value in expected.items():
            check_tensor(header, name, (_dtype(name, value),), *value.shape)

    tensors = read_tensors(folder / FILE, facts["sha256"], check, writer="save_generator")
    try:
        for name, value in tensors.items():
            check_finite(name, value)
        if not bool((tensors["space.deviation"] > 0).all()):
            raise ValueError("holds a space.deviation of 0 or less")
    except ValueError as error:
        raise ValueError(f"{folder / FILE} is damaged: it {error}; distil again") from None
    load_tensors(generator, tensors)
    if isinstance(generator.space, GraphSpace) and data is not None:
        found = entries_of(data).space
        if not isinstance(found, GraphSpace) or not torch.equal(found.mean, generator.space.mean):
            raise ValueError(f"{data.name} does not have the graphs that the generator in {folder} was made of")
        generator.space = found
    return generator.eval()


def card_facts(folder: str | Path) -> dict[str, Any]:
    """The facts that :func:`save_generator` was given.

    Raises:
        FileNotFoundError: the card is missing.
        ValueError: it is damaged.
    """
    found: dict[str, Any] = read_card(expanded(folder), FORMAT, KINDS, writer="save_generator")["facts"]
    return found


def _dtype(name: str, value: Tensor) -> torch.dtype:
    """The dtype that a tensor is stored with."""
    return torch.float16 if name.startswith("models.") else value.dtype


def _built(facts: Mapping[str, Any]) -> Generator:
    """The generator of a card, whose weights take no memory; what it may ask for is limited."""
    shape, classes, route = tuple(facts["shape"]), facts["classes"], facts["route"]
    steps = [Step(**step) for step in facts["steps"]]
    networks = [model["network"] for model in facts["models"]]
    sizes = [*shape, classes, len(networks), len(steps)]
    for network in networks:
        sizes += [network["width"], network["depth"], network["patch"]]
    if not all(type(size) is int and 1 <= size <= MOST for size in sizes):
        raise ValueError(f"a size is not between 1 and {MOST:,}")
    if math.prod(shape) > MOST_NUMBERS:
        raise ValueError(f"entries have more than {MOST_NUMBERS:,} numbers")
    if sum(network["depth"] for network in networks) > MOST_BLOCKS:
        raise ValueError(f"its networks have more than {MOST_BLOCKS} blocks")
    if not all(type(number) is int for number in (*route, *(step.model for step in steps))):
        raise ValueError("a number of a network is no integer")
    size = tuple(facts["space"]["mean"])
    if size not in ((), shape):
        raise ValueError("the mean has another shape than entries")
    with torch.device("meta"):
        models = [_model(model, shape, classes) for model in facts["models"]]
        space = SPACES[facts["space"]["kind"]](shape, torch.zeros(size), torch.ones(size))
        return Generator(models, steps, space, route=route)


def _model(facts: Mapping[str, Any], shape: tuple[int, ...], classes: int) -> Denoiser:
    network: nn.Module = NetworkConfig(**facts["network"]).build(shape, classes)
    return Denoiser(network, NoiseSchedule(**facts["schedule"]), boundary=float(facts["boundary"]))
