"""Sliders: a low-rank change that moves what a denoiser draws from one class towards another, also in its students."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from graphdistill.core.command.progress import NO_PROGRESS, Progress
from graphdistill.core.data.datasets import Dataset
from graphdistill.core.randomness import generator as stream
from graphdistill.core.randomness import scoped
from graphdistill.core.training.loop import Training, train
from graphdistill.generate.adapters import LowRank, adapter_state, add_adapters, load_adapters, merge_adapters
from graphdistill.generate.denoiser import Denoiser, add_noise
from graphdistill.generate.generator import Generator
from graphdistill.generate.space import Entries, entries_of


def train_slider(
    denoiser: Denoiser,
    data: Dataset | Entries,
    away: int,
    toward: int,
    *,
    rank: int = 4,
    steps: int = 300,
    batch_size: int = 128,
    lr: float = 3e-3,
    seed: int = 0,
    progress: Progress = NO_PROGRESS,
) -> dict[str, Tensor]:
    r"""Train a change of a denoiser, which stays as it is: Gandikota et al., ECCV 2024, https://arxiv.org/abs/2311.12092.

    .. math:: \| D_{\phi + \Delta}(x_\sigma, \sigma, a) - D_\phi(x_\sigma, \sigma, b) \|^2

    for entries asked for as class a, which the change draws as class b; it has no effect on other classes as far as it
    is trained not to.

    Args:
        denoiser: the teacher.
        data: the data that it was trained on; training entries are read.
        away: class a.
        toward: class b.
        rank: rank of the change in every linear layer. (default: 4)
        steps: optimizer steps. (default: 300)
        batch_size: entries of a step. (default: 128)
        lr: learning rate of Adam. (default: 0.003)
        seed: seed of all randomness.
        progress: shows a bar.

    Returns:
        The change, as of :func:`~graphdistill.generate.adapters.adapter_state`, for :func:`with_slider`.

    Raises:
        ValueError: a class that the denoiser does not know, or twice the same.
    """
    entries = data if isinstance(data, Entries) else entries_of(data)
    for name, label in (("away", away), ("toward", toward)):
        if not 0 <= label < denoiser.num_classes:
            raise ValueError(f"{name} must be a class from 0 to {denoiser.num_classes - 1}, got {label}")
    if away == toward:
        raise ValueError(f"away and toward must be two classes, got {away} twice")
    changed = copy.deepcopy(denoiser)
    with scoped(seed, "slider"):
        add_adapters(changed.network, rank)
    z, y = entries.split("train")
    draws = stream(seed, "slider batches")
    target = torch.arange(denoiser.num_classes)
    target[away] = toward

    def batches(step: int) -> Iterator[tuple[Tensor, Tensor]]:
        index = torch.randint(len(z), (batch_size,), generator=draws)
        # Half of a batch is asked for as the class that changes, the others as what they are.
        label = y[index].clone()
        label[: batch_size // 2] = away
        yield z[index], label

    def loss(batch: tuple[Tensor, Tensor]) -> Tensor:
        x, label = batch
        sigma = denoiser.schedule.lognormal(len(x), generator=draws)
        noisy = add_noise(x, sigma, draws)
        with torch.no_grad():
            wanted = denoiser(noisy, sigma, target[label])
        return denoiser.schedule.distance(changed(noisy, sigma, label), wanted, sigma)

    trained = [parameter for parameter in changed.parameters() if parameter.requires_grad]
    training: Training[tuple[Tensor, Tensor]] = Training(changed, torch.optim.Adam(trained, lr=lr), loss)
    train(training, batches, steps, progress=progress, label="training the slider")
    return {name: value.detach() for name, value in adapter_state(changed.network).items()}


def with_slider(generator: Generator, slider: Mapping[str, Tensor], scale: float = 1.0) -> Generator:
    """A generator with a slider of its teacher on its denoisers; the given one stays as it is.

    Args:
        generator: a generator whose denoisers have the architecture of the teacher.
        slider: the change of :func:`train_slider`.
        scale: how far to slide; 0 is not at all, 1 as far as the teacher was trained to, below 0 the other way.
            (default: 1)

    Raises:
        ValueError: the slider is that of another architecture.

    Example:
        >>> from graphdistill.generate.generator import Step
        >>> from graphdistill.generate.networks import NetworkConfig
        >>> made = Generator(Denoiser(NetworkConfig(width=8).build((2,), 3)), [Step(sigma=5.0)])
        >>> copied = copy.deepcopy(made.models[0].network)
        >>> add_adapters(copied, 2)
        >>> moved = with_slider(made, adapter_state(copied), 0.5)
        >>> draws = [g.draw(torch.tensor([0]), generator=torch.Generator().manual_seed(0)) for g in (made, moved)]
        >>> torch.equal(*draws)
        True
    """
    changed = copy.deepcopy(generator)
    rank = next((len(value) for name, value in slider.items() if name.endswith("down")), 1)
    for model in changed.models:
        assert isinstance(model, Denoiser)
        add_adapters(model.network, rank)
        load_adapters(model.network, slider)
        for module in model.modules():
            if isinstance(module, LowRank):
                module.scale *= scale
        merge_adapters(model.network)
    return changed.eval()
