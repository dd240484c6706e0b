"""Evaluation of unlabelled image sets: a network learns their targets, and a linear probe reads its features.

A target is the output of a network that was trained on all training images without labels. Real images have theirs, so
that random images are a baseline with the same kind of targets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, ClassVar, cast

import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

from graphdistill.core.config_checks import check_positive
from graphdistill.core.data.datasets import Task
from graphdistill.core.data.tensors import to_device
from graphdistill.core.evaluation.images import ImageProtocol
from graphdistill.core.evaluation.protocol import TrainingInput
from graphdistill.core.evaluation.whole import whole_bytes
from graphdistill.core.networks.convnet import ConvNet
from graphdistill.core.randomness import class_balanced_order, generator, scoped
from graphdistill.core.sets.synthetic import SyntheticSet, class_weights, quantize_uint8
from graphdistill.core.training.augment import Augment
from graphdistill.core.training.barlow_twins import train_without_labels
from graphdistill.core.training.fit import FitConfig, FitResult, fit, predict

TASK: Task = "regression"
"""Task of sets with targets."""
STEP = 1 / 16
"""Targets, which deviate by 1, are stored in multiples of it."""


@dataclass(frozen=True, kw_only=True)
class ProbeProtocol(ImageProtocol):
    """Evaluation of unlabelled image sets; attributes are those of its base, and three.

    Attributes:
        labelled: labelled training images of each class for the linear probe, others for each training. (default: 5)
        width: numbers in a target. (default: 32)
        encoder_steps: steps of the network whose outputs are the targets. (default: 600)

    Example:
        >>> from graphdistill import datasets
        >>> protocol = ProbeProtocol(datasets.load("digits"), width=4, encoder_steps=1)
        >>> protocol.chosen(torch.arange(3)).y.shape
        torch.Size([3, 4])
    """

    labelled: int = 5
    width: int = 32
    encoder_steps: int = 600

    NETWORKS: ClassVar[tuple[str, ...]] = ("ConvNet",)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive(self, "labelled", "width", "encoder_steps")

    @property
    def linear(self) -> str:
        """Name of the row of linear models."""
        return "logistic regression on pixels of the labelled images"

    @cached_property
    def encoder(self) -> nn.Module:
        """The network whose outputs are the targets, of mean 0 and deviation 1 on the training images."""
        x, _ = self.split("train")
        with scoped(0, "encoder"):
            net = cast(ConvNet, self.build("ConvNet")).to(self.device)
        train_without_labels(net, x.to(self.device), Augment(), seed=0, steps=self.encoder_steps)
        out = predict(net, x).to(self.device)
        mean, deviation = out.mean(dim=0), out.std(dim=0, correction=0).clamp(min=1e-6)
        with torch.no_grad():
            net.head.weight.div_(deviation[:, None])
            net.head.bias.sub_(mean).div_(deviation)
        return net.requires_grad_(False)

    @cached_property
    def targets(self) -> Tensor:
        """Target of each training image, as it is stored, ``[n, width]``."""
        return stored_targets(predict(self.encoder, self.split("train")[0]))

    def build(self, name: str) -> nn.Module:
        """A network with as many outputs as a target has numbers."""
        channels, height, width = self.data.images.shape[1:]
        return ConvNet((channels, height, width), self.width)

    def network(self, name: str, seed: int) -> nn.Module:
        """A fresh network whose last layer is a linear probe."""
        return self.probed(super().network(name, seed), seed)

    def labelled_index(self, seed: int) -> Tensor:
        """Places of the labelled images in the training split, long ``[labelled * C]``."""
        order = class_balanced_order(self.labels("train"), generator(seed, "labelled images"))
        return order[: self.labelled * self.num_classes]

    def probed(self, net: Any, seed: int) -> nn.Module:
        """A network with a logistic regression on its features of the labelled images as its last layer."""
        index, (x, y) = self.labelled_index(seed), self.split("train")
        net.eval()
        with torch.no_grad():
            features = net.embed(to_device(x[index], net.head.weight.device)).double().cpu()
        model = LogisticRegression(max_iter=5000).fit(features.numpy(), y[index].numpy())
        weight, bias = (torch.from_numpy(part).float() for part in (model.coef_, model.intercept_))
        if len(weight) == 1:
            weight, bias = torch.cat([-weight, weight]) / 2, torch.cat([-bias, bias]) / 2
        head = nn.Linear(weight.shape[1], len(weight))
        head.load_state_dict({"weight": weight, "bias": bias})
        net.head = head.to(net.head.weight.device)
        return cast(nn.Module, net)

    def pretrained(
        self, synthetic: SyntheticSet | TrainingInput, seed: int, config: FitConfig | None = None
    ) -> tuple[Any, FitResult]:
        """Train a fresh network on the targets of a set.

        Args:
            synthetic: images and targets.
            seed: of weights, batches and augmentations.
            config: training config. (default: the protocol's)

        Returns:
            The network of the step with the least error on the targets of validation images, and that error.

        Raises:
            ValueError: the set has classes instead of targets.
        """
        part = self.training_input(synthetic) if isinstance(synthetic, SyntheticSet) else synthetic
        if not part.y.is_floating_point() or part.y.shape[1] != self.width:
            raise ValueError(
                f"a linear probe needs a set with {self.width} targets an image, got labels of shape "
                f"{list(part.y.shape)}; give one of unlabelled images"
            )
        net, (x, _) = super().network(self.networks[0], seed), self.split("valid")
        result = fit(
            net,
            cast(Tensor, part.inputs),
            part.y,
            valid=(x, predict(self.encoder, x)),
            metric="rmse",
            task=TASK,
            config=config or self.fit,
            augment=self.augment,
            seed=seed,
        )
        return net, result

    def train_all(
        self,
        synthetic: SyntheticSet | TrainingInput,
        seed: int,
        config: FitConfig | None = None,
        networks: Sequence[str] | None = None,
    ) -> dict[str, tuple[nn.Module, FitResult]]:
        """Train a fresh network on the targets of a set, and probe it; arguments are those of :meth:`pretrained`.

        Returns:
            The probed network and its validation accuracy, by name.
        """
        net, result = self.pretrained(synthetic, seed, config)
        net = self.probed(net, seed)
        return {self.networks[0]: (net, replace(result, valid=self.score(net, "valid")))}

    def random_order(self, draw: int) -> Tensor:
        """Places of all training images in the random order of a draw, whatever their class."""
        return torch.randperm(len(self.data.train), generator=generator(draw, "random unlabelled images"))

    def chosen(self, index: Tensor) -> SyntheticSet:
        """Training images and their targets as a set."""
        return unlabelled_set(self.split("train")[0][index], self.targets[index])

    def extra_baselines(self, sets: Sequence[SyntheticSet]) -> dict[str, list[SyntheticSet]]:
        """As many random images as a set has."""
        drawn = [self.chosen(self.random_order(draw)[: len(part)]) for draw, part in enumerate(sets)]
        return {"random images, equal number": drawn}

    def linear_models(self, sets: Sequence[SyntheticSet]) -> list[Callable[[str], Tensor]]:
        """A logistic regression on the labelled images of each training."""
        x, y = self.flat("train"), self.labels("train")
        places = [self.labelled_index(seed) for seed in range(self.trainings)]
        models = [LogisticRegression(max_iter=5000).fit(x[index].numpy(), y[index].numpy()) for index in places]
        return [partial(self._linear_logits, model) for model in models]

    @cached_property
    def full_bytes(self) -> int:
        """Bytes of all training images and their targets in the codec."""
        stored = self.chosen(torch.arange(len(self.data.train))).arrays()
        return whole_bytes(stored, jobs=self.jobs, progress=self.progress)

    def training_split(self) -> TrainingInput:
        """All training images and their targets."""
        return self.training_input(unlabelled_set(self.split("train")[0], self.targets))


def stored_targets(y: Tensor) -> Tensor:
    """Targets as they are stored, on the CPU, in multiples of 1/16.

    Example:
        >>> stored_targets(torch.tensor([[0.3, -1.0]])).tolist()
        [[0.3125, -1.0]]
    """
    return (y.detach().cpu().float() / STEP).round() * STEP


def unlabelled_set(x: Tensor, targets: Tensor, meta: Mapping[str, object] | None = None) -> SyntheticSet:
    """Images and targets as a set on the CPU, each pixel rounded to 8 bits.

    Args:
        x: images, float ``[n, channels, height, width]``.
        targets: float ``[n, d]``.
        meta: facts to keep with it. (default: none)

    Example:
        >>> unlabelled_set(torch.rand(2, 1, 8, 8), torch.zeros(2, 4)).task
        'regression'
    """
    y = stored_targets(targets)
    return SyntheticSet(quantize_uint8(x.detach().cpu()), y, class_weights(y, TASK), TASK, meta=dict(meta or {}))
