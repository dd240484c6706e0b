"""The float network, its baselines and a method of compression on the same entries: metric, coded bytes, latency."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from torch import nn

from graphdistill.compress.context import Compressed
from graphdistill.compress.distill import compress
from graphdistill.compress.methods import FAMILY
from graphdistill.compress.size import coded_bytes
from graphdistill.compress.split import sent_bytes
from graphdistill.core.command.progress import NO_PROGRESS, Progress
from graphdistill.core.methods import MethodConfig
from graphdistill.kd.architectures.cost import multiply_adds
from graphdistill.kd.config import KDConfig
from graphdistill.kd.data.view import View
from graphdistill.kd.distill import fit_labels
from graphdistill.kd.evaluate import build, latency

FLOAT = "float network"
COUNTED = 512
"""Test entries whose multiply-adds are counted."""


@dataclass(frozen=True)
class Scored:
    """A network and its scores.

    Attributes:
        compressed: the network.
        test: test metric.
        valid: validation metric.
        coded: bytes of its file.
        multiply_adds: multiply-adds of a prediction, the mean over test entries.
        latency: median of milliseconds of a prediction of one entry.
        seconds: seconds of making it.
        sent: bytes of the features of a test entry, where features leave the client; otherwise ``None``.
    """

    compressed: Compressed
    test: float
    valid: float
    coded: int
    multiply_adds: int
    latency: float
    seconds: float
    sent: float | None = None


def configs_of(method: str | MethodConfig) -> dict[str, MethodConfig]:
    """Configs of the baselines of a method, then of the method itself, by row."""
    config = FAMILY.config(method)
    found: Mapping[str, MethodConfig] = FAMILY.module(method).baselines(config)
    return {**found, config.name: config}


def score_seed(
    view: View,
    methods: Mapping[str, MethodConfig],
    config: KDConfig,
    *,
    network: str = "",
    model: nn.Module | None = None,
    whole: View | None = None,
    seed: int = 0,
    progress: Progress = NO_PROGRESS,
) -> dict[str, Scored]:
    """Make and score all rows of a report with one seed.

    Args:
        view: the data that the network is compressed on.
        methods: configs by row, as of :func:`configs_of`.
        config: training of every network.
        network: name of the network. (default: the first of the kind)
        model: the trained network. (default: it is trained)
        whole: the data that it is trained on. (default: ``view``)
        seed: seed of weights, batches and what the method draws. (default: 0)
        progress: shows bars.

    Returns:
        The networks by row: ``float network`` and the methods.
    """
    start = time.perf_counter()
    if model is None:
        new, data = build(view, network, "teacher", seed), view if whole is None else whole
        model = fit_labels(new, data, config, seed=seed, progress=progress, label=FLOAT)
    found = {FLOAT: _scored(view, Compressed(model, {}), start)}
    for row, method in methods.items():
        start = time.perf_counter()
        small = compress(model, view, method, config, seed=seed, progress=progress)
        found[row] = _scored(view, small, start)
    return found


def _scored(view: View, compressed: Compressed, start: float) -> Scored:
    seconds, network = time.perf_counter() - start, compressed.network
    return Scored(
        compressed,
        view.score(network, "test"),
        view.score(network, "valid"),
        coded_bytes(network, compressed.parts),
        multiply_adds(network, view, view.data.test[:COUNTED]),
        latency(view, network)["one"],
        seconds,
        sent_bytes(view, network),
    )
