r"""Adaptive computation modules: learners in place of layers, and gates that give each input as many as it needs.

.. math:: L_1 = \frac{1}{N} \sum_{n=1}^{N} \| h_n(x) - h(x) \|^2, \qquad
    y_g = \min \bigl\{ n : \| h_n(x) - h(x) \|^2 \le \tau \bigr\}

.. math:: L_3 = L + a \left| \frac{\sum c}{\sum c_{\max}} - B \right| - b \, \frac{\mathrm{H}(\bar g)}{\log (N + 1)}
    - 2 c \, \overline{| c_i - c_j |}

with the output h of a layer and that of its first n learners :math:`h_n`, multiply-adds c and the budget B. First the
learners of each layer are trained on its original inputs, for all n; then its gate on the least n that is good enough,
by a tolerance :math:`\tau` that meets the budget; then the network end to end by its distillation loss L with hard
Gumbel gates, the budget, the entropy of the mean gate of a batch, and the mean difference of what two rows take.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.data import Data
from torch_geometric.nn.dense import Linear as PyGLinear

from graphdistill.compress.adaptive import AdaptiveLayer, learners_of, replaceable, set_budget
from graphdistill.compress.context import Compressed, Context
from graphdistill.compress.network import check_weights, weights_of
from graphdistill.core.data.datasets import Dataset
from graphdistill.core.methods import MethodConfig, Result
from graphdistill.core.parallel import one_thread
from graphdistill.core.randomness import generator, scoped
from graphdistill.core.training.loop import Training, train
from graphdistill.core.training.sampler import RepeatedRandomSampler
from graphdistill.kd.data.kinds import view_of
from graphdistill.kd.data.view import Kind, View
from graphdistill.kd.distill import check_networks, context_of, fit
from graphdistill.kd.methods import kd
from graphdistill.kd.objective import Batch, Objective
from graphdistill.kd.objective import Context as KDContext
from graphdistill.kd.outputs import record

PAPER = "Wójcik et al., AAAI 2025, https://arxiv.org/abs/2312.10193"
RESULT = Result(
    paper="no checked number at hand",
    ours=(
        "character model, half of the multiply-adds: 41.17 ± 0.26 (fixed truncation 41.01 ± 0.16, float 42.78 ± 0.07); "
        "a quarter: 39.19 ± 0.19 (39.54 ± 0.15); cora, GCN, a quarter: 80.83 ± 1.74 (81.50 ± 2.12, 80.87 ± 2.04)"
    ),
    command="python -m graphdistill.bench kd --parts adaptive-width",
    differs="Learners begin as slices of the layer; the end-to-end loss distils the float network; the tolerance of "
    "labels of gates follows from the budget; a price of a learner, found on training entries, keeps to the budget.",
    instead="For a quarter of the multiply-adds, and on nodes, the same number of learners everywhere (--width fixed) "
    "was as good or better.",
)
FOR: tuple[Kind, ...] = ("nodes", "graphs", "images", "text", "rows")


@dataclass(frozen=True, kw_only=True)
class Config(MethodConfig):
    """Options of adaptive width."""

    budget: float = 0.5
    """Largest share of the multiply-adds of the replaced layers that an entry takes in the mean, gates included."""
    learners: int = 8
    """Learners of a layer."""
    width: Literal["adaptive", "fixed"] = "adaptive"
    """Whether gates choose the number of learners for each row, or all rows take the first ones, as many as fit into
    the budget."""
    layers: Literal["feed-forward", "all"] = "feed-forward"
    """What is replaced: feed-forward parts of two linear layers; or also single linear layers but for the last one,
    whose learners are low-rank. A network without feed-forward parts has all replaced."""
    gate_width: int = 4
    """Hidden units of a gate, which cost multiply-adds, too."""
    learner_steps: int = 300
    """Steps of the first phase, in which learners are trained on the layers' own inputs and outputs."""
    gate_steps: int = 100
    """Steps of the second phase, in which gates are trained; the third has those of the training."""
    temperature: float = 1.0
    """Temperature of both softmaxes of the distillation loss."""
    weight: float = 1.0
    """Weight of the distillation loss; the paper trains on labels alone."""
    label_weight: float | None = None
    """Weight of the cross-entropy on labels (default: 0 for nodes, 1 otherwise)."""
    budget_weight: float = 1.0
    """Weight of the distance to the budget."""
    entropy_weight: float = 0.05
    """Weight of the entropy of the mean gate, so that all numbers of learners stay in use."""
    diversity_weight: float = 0.05
    """Weight of the differences of what rows take, so that a gate depends on its input."""

    def __post_init__(self) -> None:
        if not 0 < self.budget <= 1:
            raise ValueError(f"--budget must be above 0 and at most 1, got {self.budget}")
        counts = {"learners": self.learners, "gate-width": self.gate_width, "learner-steps": self.learner_steps}
        for name, count in {**counts, "gate-steps": self.gate_steps}.items():
            if count < 1:
                raise ValueError(f"--{name} must be 1 or more, got {count}")
        if not self.temperature > 0:
            raise ValueError(f"--temperature must be above 0, got {self.temperature}")
        weights = {"weight": self.weight, "label-weight": self.label_weight or 0, "budget-weight": self.budget_weight}
        weights |= {"entropy-weight": self.entropy_weight, "diversity-weight": self.diversity_weight}
        for name, weight in weights.items():
            if not 0 <= weight < float("inf"):
                raise ValueError(f"--{name} must be 0 or more, got {weight}")


def baselines(config: Config) -> dict[str, Config]:
    """The same learners, of which every row takes the same number."""
    return {"fixed truncation": replace(config, width="fixed")} if config.width == "adaptive" else {}


@one_thread()
def compress(context: Context, config: Config) -> Compressed:
    """Replace layers by learners, and train these, their gates, and the network."""
    data, network, original = context.data, context.network, copy.deepcopy(context.network)
    layers = replace_layers(network, data, config, context.seed)
    inner = context_of(network, context.teacher, data, context.training, seed=context.seed, progress=context.progress)
    check_networks(inner)
    with record(original, [name for path in layers for name in (path, f"{path}:input")]) as found:
        phase = _Phase(inner, original, found, layers)
        phase.fit(lambda: _representation_loss(phase.pairs()), config.learner_steps, "learners")
        if config.width == "adaptive":
            phase.run(_calibration(inner))
            tolerance = _tolerance(phase.pairs(), config.budget)
            phase.fit(lambda: _gate_loss(phase.pairs(), tolerance), config.gate_steps, "gates")
    if config.width == "fixed":
        for path, layer in layers.items():
            network.set_submodule(path, layer.truncated(max(int(config.budget * config.learners + 1e-6), 1)))
        layers = {}
    fit(inner, _objective(inner, config, layers), context.training, label="network")
    for layer in layers.values():
        layer.used = None
    return Compressed(network.eval(), {})


def adaptive(network: nn.Module, data: Dataset | Data | View, config: Config = Config()) -> nn.Module:
    """Replace layers of a network by learners and gates, untrained, in place.

    :func:`~graphdistill.compress.storage.load_compressed` loads a compressed network into such a one.

    Args:
        network: the network.
        data: the data, or a view of them, on which the network can run.
        config: the method. (default: its defaults)

    Returns:
        The network.

    Raises:
        ValueError: the network has no layer to replace.

    Example:
        >>> from graphdistill.core.networks.mlp import MLP
        >>> from graphdistill.datasets import load
        >>> digits = load("digits")
        >>> adaptive(MLP((1, 8, 8), 10), digits).blocks[0][0].learners
        8
    """
    replace_layers(network, data if isinstance(data, View) else view_of(data), config)
    return network


def replace_layers(network: nn.Module, data: View, config: Config, seed: int = 0) -> dict[str, AdaptiveLayer]:
    """The same; returns the new layers by path.

    Args:
        network: the network.
        data: the data.
        config: the method.
        seed: seed of the gates. (default: 0)
    """
    check_weights(network, weights_of(network), "replace")
    called: list[nn.Module] = []
    linear = [part for part in network.modules() if isinstance(part, nn.Linear | PyGLinear)]
    handles = [part.register_forward_pre_hook(lambda layer, _: called.append(layer)) for part in linear]
    data.predict(network, data.train[:2])
    for handle in handles:
        handle.remove()
    with scoped(seed, "compress", "gates"):
        parts = replaceable(network, called, everything=config.layers == "all") if called else {}
        made = {path: learners_of(part, config.learners, config.gate_width) for path, part in parts.items()}
    layers = {path: layer for path, layer in made.items() if layer is not None}
    if not layers:
        raise ValueError(
            f"{type(network).__name__} has no feed-forward part and no linear layer before the last one that "
            f"{config.learners} learners could replace; give another network or fewer --learners"
        )
    for path, layer in layers.items():
        network.set_submodule(path, layer)
    return layers


Pairs = Mapping[str, tuple[AdaptiveLayer, Tensor, Tensor]]
"""Layer, rows that go into the original one ``[T, I]``, and its outputs ``[T, O]``, by path."""


@dataclass(frozen=True)
class _Phase:
    """Training of each layer alone, on what goes into the original layer and comes out of it."""

    context: KDContext
    original: nn.Module
    recorded: Mapping[str, Any]
    layers: Mapping[str, AdaptiveLayer]

    @torch.no_grad()
    def run(self, index: Tensor) -> None:
        """Record inputs and outputs of the original layers on entries."""
        self.context.data.run(self.original.eval(), index)

    def pairs(self) -> Pairs:
        """Layers with what was recorded last."""
        rows = {name: value.detach().flatten(0, -2) for name, value in self.recorded.items()}
        return {path: (layer, rows[f"{path}:input"], rows[path]) for path, layer in self.layers.items()}

    def fit(self, loss: Callable[[], Tensor], steps: int, label: str) -> None:
        """Minimise a loss of what is recorded, on random batches."""
        entries, context = self.context.data.train, self.context
        size = min(context.batch_size, len(entries))
        sampler = RepeatedRandomSampler(len(entries), size, context.generator("batches", label))
        modules = nn.ModuleList(self.layers.values())
        optimizer = torch.optim.AdamW(modules.parameters(), lr=context.lr, weight_decay=0.0)

        def batches(epoch: int) -> Iterator[Tensor]:
            yield entries[sampler.round()]

        def of_batch(index: Tensor) -> Tensor:
            self.run(index)
            return loss()

        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        training = Training(modules, optimizer, of_batch, after_step=lambda batch, value: schedule.step())
        train(training, batches, steps, progress=context.progress, label=label)


def _calibration(context: KDContext) -> Tensor:
    """Random training entries of one chunk."""
    data = context.data
    some = torch.randperm(len(data.train), generator=generator(context.seed, "compress", "calibration"))
    return data.train[some[: min(data.CHUNK, context.batch_size)].sort().values]


def errors(layer: AdaptiveLayer, x: Tensor, y: Tensor) -> Tensor:
    """Squared error of each row with 0 to N learners, relative to the mean square of the outputs, ``[N + 1, T]``.

    Args:
        layer: the learners.
        x: inputs ``[T, I]``.
        y: outputs of the original layer ``[T, O]``.
    """
    return (layer.prefixes(x) - y).square().mean(-1) / y.square().mean().clamp(min=1e-12)


def _representation_loss(pairs: Pairs) -> Tensor:
    """Mean error over rows and numbers of learners, summed over layers."""
    return torch.stack([errors(layer, x, y)[1:].mean() for layer, x, y in pairs.values()]).sum()


@torch.no_grad()
def _least(layer: AdaptiveLayer, x: Tensor, y: Tensor, tolerance: float) -> Tensor:
    """The least number of learners whose error is within a tolerance; all of them where there is none."""
    good = errors(layer, x, y) <= tolerance
    good[-1] = True
    return good.int().argmax(0)


def _tolerance(pairs: Pairs, budget: float) -> float:
    """The least tolerance, but for rounding, with which the least numbers that are good enough meet a budget."""
    full = sum(len(x) * layer.learners * layer.learner_cost for layer, x, _ in pairs.values())
    gates = sum(len(x) * layer.gate_cost for layer, x, _ in pairs.values())
    low, high = -20.0, 5.0
    for _ in range(20):
        middle = (low + high) / 2
        learners = sum(int(_least(*pair, 10**middle).sum()) * pair[0].learner_cost for pair in pairs.values())
        low, high = (low, middle) if gates + learners <= budget * full else (middle, high)
    return float(10**high)


def _gate_loss(pairs: Pairs, tolerance: float) -> Tensor:
    """Cross-entropy of the gates on the least numbers that are good enough, summed over layers."""
    losses = []
    for layer, x, y in pairs.values():
        assert layer.gate is not None
        losses.append(F.cross_entropy(layer.gate(x), _least(layer, x, y, tolerance)))
    return torch.stack(losses).sum()


def _objective(context: KDContext, config: Config, layers: Mapping[str, AdaptiveLayer]) -> Objective:
    """The distillation loss, and the terms of the gates; checkpoints are compared within the budget."""
    method = kd.Config(temperature=config.temperature, weight=config.weight, label_weight=config.label_weight)
    base = kd.objective(context, method)
    if not layers:
        return base

    def loss(batch: Batch) -> Tensor:
        for layer in layers.values():
            layer.noise = 1 - batch.fraction_done
        terms = gate_terms(list(layers.values()))
        return (
            base.loss(batch)
            + config.budget_weight * (terms["share"] - config.budget).abs()
            - config.entropy_weight * terms["entropy"]
            - config.diversity_weight * terms["diversity"]
        )

    some = _calibration(context)

    def check() -> float:
        set_budget(context.student, context.data, config.budget, some)
        return context.data.score(context.student, "valid")

    return replace(base, loss=loss, check=check)


def gate_terms(layers: list[AdaptiveLayer]) -> dict[str, Tensor]:
    """Parts of the loss that read what the gates drew, each from 0 to about 1.

    Args:
        layers: the layers, after a prediction in training mode.

    Returns:
        ``share`` of the multiply-adds of all learners, gates included; ``entropy`` of the mean gate, over its maximum,
        and ``diversity``, twice the mean difference of the shares of two rows, both the mean over layers.
    """
    used, full, entropy, diversity = [], 0.0, [], []
    for layer in layers:
        assert layer.used is not None
        drawn = layer.used.reshape(-1, layer.learners + 1)
        number = drawn @ torch.arange(layer.learners + 1.0, device=drawn.device)
        used.append(len(drawn) * layer.gate_cost + number.sum() * layer.learner_cost)
        full += len(drawn) * layer.learners * layer.learner_cost
        mean = drawn.mean(0)
        entropy.append(-(mean * mean.clamp(min=1e-9).log()).sum() / math.log(layer.learners + 1))
        share = (number / layer.learners).sort().values
        rank = torch.arange(len(share), device=share.device)
        # The sum of the differences of all pairs, from sorted numbers.
        diversity.append(4 * ((2 * rank - len(share) + 1) * share).sum() / len(share) ** 2)
    return {
        "share": torch.stack(used).sum() / full,
        "entropy": torch.stack(entropy).mean(),
        "diversity": torch.stack(diversity).mean(),
    }
