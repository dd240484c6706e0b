"""Unlearn entries: a network that was trained on them in, a network that behaves as if it had not been out."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch_geometric.data import Data

from graphdistill.core.command.progress import NO_PROGRESS, Progress
from graphdistill.core.data.datasets import Dataset
from graphdistill.core.methods import MethodConfig
from graphdistill.kd.data.kinds import view_of
from graphdistill.kd.data.view import View
from graphdistill.unlearn.context import Context
from graphdistill.unlearn.methods import FAMILY
from graphdistill.unlearn.request import check_forget


def unlearn(
    model: nn.Module,
    data: Dataset | Data | Sequence[Data],
    forget: Tensor | Sequence[int],
    method: str | MethodConfig = "laf",
    *,
    generator: torch.Generator | None = None,
    progress: Progress = NO_PROGRESS,
    device: torch.device | str = "cpu",
) -> nn.Module:
    """Unlearn training entries of a network, which stays as it is; there is no certificate that nothing is left.

    Args:
        model: the trained network; it gets the inputs that its ``forward`` names, as in
            :func:`~graphdistill.kd.distill.distill_kd`.
        data: the data that it was trained on, of this library or PyG graphs that :func:`graphdistill.datasets.load`
            reads.
        forget: training entries that are forgotten, long ``[n]``.
        method: name of the method, or its config, such as ``LAFConfig(unlearn_steps=100)``. (default: ``laf``)
        generator: its initial seed seeds all randomness. (default: seed 0)
        progress: shows a bar. (default: silent)
        device: device of the work and of the network that is returned. (default: the CPU)

    Returns:
        A new network of the same class, in evaluation mode.

    Raises:
        ValueError: an unknown method or one for other data, entries that cannot be forgotten, a network with too few
            classes or without the layer, or data that :func:`graphdistill.datasets.load` refuses.

    Example:
        >>> from torch_geometric.nn import MLP
        >>> from graphdistill.datasets import load
        >>> from graphdistill.kd import KDConfig, fit_labels
        >>> data = load("digits-knn")
        >>> model = fit_labels(MLP([64, 16, 10], norm=None), data, KDConfig(steps=20))
        >>> unlearn(model, data, forget=data.train[:5], method="gradient-ascent")(data.x[:1]).shape
        torch.Size([1, 10])
    """
    seed = 0 if generator is None else generator.initial_seed() % (1 << 62)
    view = view_of(data, device)
    return unlearned(model, view, check_forget(view.data, forget), method, seed=seed, progress=progress)


def unlearned(
    model: nn.Module,
    view: View,
    forget: Tensor,
    method: str | MethodConfig = "laf",
    *,
    seed: int = 0,
    progress: Progress = NO_PROGRESS,
) -> nn.Module:
    """A new network without some entries, as :func:`unlearn`, on a view of the data.

    Args:
        model: the trained network.
        view: the data.
        forget: entries of :func:`~graphdistill.unlearn.request.check_forget`.
        method: name of the method, or its config. (default: ``laf``)
        seed: seed of all randomness. (default: 0)
        progress: shows a bar. (default: silent)
    """
    FAMILY.check(method, view.KIND)
    config, module = FAMILY.config(method), FAMILY.module(method)
    found = copy.deepcopy(model).to(view.device).eval()
    classes = view.predict(found, view.data.train[:2]).logits.shape[1]
    if classes < view.num_classes:
        raise ValueError(
            f"the model has {classes} logits, but {view.name} has {view.num_classes} classes; give the data that it "
            "was trained on"
        )
    module.unlearn(Context(model=found, whole=view, forget=forget, seed=seed, progress=progress), config)
    return found.eval()
