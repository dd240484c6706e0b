"""Compress a trained network: a smaller one in coded bytes, distilled from it on its data."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch_geometric.data import Data

from graphdistill.compress.context import Compressed, Context
from graphdistill.compress.methods import FAMILY
from graphdistill.core.command.progress import NO_PROGRESS, Progress
from graphdistill.core.data.datasets import Dataset
from graphdistill.core.methods import MethodConfig
from graphdistill.kd.config import KDConfig
from graphdistill.kd.data.kinds import view_of
from graphdistill.kd.data.view import View


def compress_network(
    network: nn.Module,
    data: Dataset | Data | Sequence[Data],
    method: str | MethodConfig = "quantized",
    config: KDConfig = KDConfig(),
    *,
    teacher: nn.Module | None = None,
    generator: torch.Generator | None = None,
    progress: Progress = NO_PROGRESS,
    device: torch.device | str = "cpu",
    labelled: Tensor | None = None,
) -> Compressed:
    """Compress a trained network, which stays as it is.

    Args:
        network: the trained network; it gets the inputs that its ``forward`` names, as in
            :func:`~graphdistill.kd.distill.distill_kd`.
        data: the data that it was trained on, of this library or PyG graphs that :func:`graphdistill.datasets.load`
            reads. Checkpoints are chosen on the validation split; the test split is not read.
        method: name of the method, or its config, such as ``QuantizedConfig(bits=2)``. (default: ``quantized``)
        config: training of the compressed network. (default: by the kind of data)
        teacher: the network that is distilled. (default: ``network`` itself)
        generator: its initial seed seeds all randomness. (default: seed 0)
        progress: shows a bar. (default: silent)
        device: device of the work and of the network that is returned. (default: the CPU)
        labelled: training entries whose labels may be used, long; the others are unlabelled. (default: all)

    Returns:
        The compressed network, and its coded parts, which
        :func:`~graphdistill.compress.storage.save_compressed` writes.

    Raises:
        ValueError: an unknown method or one for other data, a network with too few classes, without weights, or whose
            weights are not finite, or data that :func:`graphdistill.datasets.load` refuses.

    Example:
        >>> from torch_geometric.nn import MLP
        >>> from graphdistill.compress import coded_bytes
        >>> from graphdistill.datasets import load
        >>> from graphdistill.kd import fit_labels
        >>> data = load("digits-knn")
        >>> network = fit_labels(MLP([64, 32, 10], norm=None), data, KDConfig(steps=20))
        >>> small = compress_network(network, data, "quantized", KDConfig(steps=20))
        >>> coded_bytes(network) > 4 * coded_bytes(small.network, small.parts)
        True
    """
    seed = 0 if generator is None else generator.initial_seed() % (1 << 62)
    view = view_of(data, device, labelled)
    return compress(network, view, method, config, teacher=teacher, seed=seed, progress=progress)


def compress(
    network: nn.Module,
    view: View,
    method: str | MethodConfig = "quantized",
    config: KDConfig = KDConfig(),
    *,
    teacher: nn.Module | None = None,
    seed: int = 0,
    progress: Progress = NO_PROGRESS,
) -> Compressed:
    """A compressed network, as :func:`compress_network`, on a view of the data.

    Args:
        network: the trained network, which stays as it is.
        view: the data.
        method: name of the method, or its config. (default: ``quantized``)
        config: training of the compressed network. (default: by the kind of data)
        teacher: the network that is distilled. (default: ``network`` itself)
        seed: seed of all randomness. (default: 0)
        progress: shows a bar. (default: silent)
    """
    FAMILY.check(method, view.KIND)
    how, module = FAMILY.config(method), FAMILY.module(method)
    above = copy.deepcopy(network if teacher is None else teacher).to(view.device).eval()
    found = copy.deepcopy(network).to(view.device).eval()
    classes = view.predict(found, view.data.train[:2]).logits.shape[1]
    if classes < view.num_classes:
        raise ValueError(
            f"the network has {classes} logits, but {view.name} has {view.num_classes} classes; give the data that it "
            "was trained on"
        )
    context = Context(network=found, teacher=above, data=view, training=config, seed=seed, progress=progress)
    made: Compressed = module.compress(context, how)
    return made
