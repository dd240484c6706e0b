"""Figure of a run: usage of the codebook, map of its codes, accuracy against latency."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from sklearn.manifold import TSNE

from graphdistill.core.command.drawing import Axes, Figure
from graphdistill.core.command.report import Row
from graphdistill.vqgraph.distill import Distilled
from graphdistill.vqgraph.evaluate import NAMES, TrainedTeacher


def draw(
    trained: TrainedTeacher, distilled: Distilled, rows: Sequence[Row], times: dict[str, float], path: Path
) -> None:
    """Write the figure.

    Args:
        trained: the teacher and its split.
        distilled: the student and the codes of the observed nodes.
        rows: rows of the report.
        times: milliseconds for one node, from :func:`~graphdistill.vqgraph.evaluate.latency`.
        path: the PNG file.
    """
    figure = Figure(figsize=(12, 3.8), dpi=150, layout="constrained")
    usage, map_, cost = figure.subplots(1, 3)
    assert distilled.code is not None
    assert distilled.tokenizer is not None
    assert distilled.health is not None
    codes = distilled.tokenizer.codebook.codes
    count = torch.bincount(distilled.code, minlength=len(codes))
    usage.bar(range(len(codes)), count.sort(descending=True).values.numpy(), width=1.0, color="#4477aa")
    usage.set(
        title=f"{distilled.health.live} of {len(codes)} codes live, perplexity {distilled.health.perplexity:.0f}",
        xlabel="codes, most used first",
        ylabel="nodes",
    )
    _map(map_, trained, distilled, count)
    _cost(cost, trained, rows, times)
    figure.savefig(path)


def _map(axes: Axes, trained: TrainedTeacher, distilled: Distilled, count: torch.Tensor) -> None:
    """t-SNE of the used codes; colour is the teacher's most frequent class of their nodes, size their number."""
    assert distilled.code is not None
    assert distilled.tokenizer is not None
    used = count.nonzero().view(-1)
    classes = trained.logits.shape[1]
    predicted = trained.logits.argmax(dim=1)
    votes = torch.bincount(distilled.code * classes + predicted, minlength=len(count) * classes).view(-1, classes)[used]
    codes = distilled.tokenizer.codebook.codes[used].numpy()
    axes.set(title="codes by t-SNE; colour: class", xticks=[], yticks=[])
    if len(used) < 3:
        return
    # Initialized by principal components without randomness, so that the same codes give the same figure.
    near = min(30.0, (len(used) - 1) / 3)
    place = TSNE(2, init="pca", perplexity=near, random_state=0).fit_transform(codes.astype(np.float64))
    size = 15 + 250 * count[used].numpy() / int(count.max())
    axes.scatter(
        place[:, 0],
        place[:, 1],
        c=votes.argmax(dim=1).numpy(),
        s=size,
        cmap="tab10" if classes <= 10 else "tab20",
        alpha=0.8,
    )


def _cost(axes: Axes, trained: TrainedTeacher, rows: Sequence[Row], times: dict[str, float]) -> None:
    """Accuracy against milliseconds for one node."""
    column = str(rows[-1].group)
    for row in rows:
        if row.group != column or row.name == NAMES["untrained"]:
            continue
        slow = "teacher" in row.name.partition(":")[0]
        x, y = times["teacher" if slow else "student"], 100 * row.mean
        label = row.name.partition(":")[0]
        axes.errorbar(x, y, yerr=100 * row.std, fmt="s" if slow else "o", capsize=3, label=label)
    axes.set(xscale="log", title="accuracy against latency", xlabel="ms for one node", ylabel=f"{column} accuracy, %")
    axes.margins(x=0.3, y=0.15)
    axes.legend(fontsize=7)
