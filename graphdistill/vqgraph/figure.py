"""Figure of a run: usage of the codebook, map of its codes, accuracy against latency."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from sklearn.manifold import TSNE

from graphdistill.core.command.drawing import Axes
from graphdistill.core.command.report import Row
from graphdistill.core.command.score_plot import Mark, draw_marks
from graphdistill.core.command.style import (
    COLOURS,
    DEPTHS,
    EDGE,
    Kind,
    add_panel,
    class_colour,
    kind_of,
    label_groups,
    new_figure,
    save,
    styled,
)
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
    assert distilled.code is not None
    assert distilled.tokenizer is not None
    assert distilled.health is not None
    codes = distilled.tokenizer.codebook.codes
    count = torch.bincount(distilled.code, minlength=len(codes))
    with styled():
        data = trained.split.data
        live = f"{distilled.health.live} of {len(codes)} codes in use, perplexity {distilled.health.perplexity:.0f}"
        figure = new_figure(14, 5.0, f"VQGraph: a student of {len(data.y):,} nodes and its codes", live)
        usage, map_, cost = (
            add_panel(figure, x, 1.35, width, 3.0) for x, width in ((0.8, 3.3), (4.6, 3.3), (8.8, 2.6))
        )
        _usage(usage, count)
        _map(map_, trained, distilled, count)
        _cost(cost, rows, times)
        for axes in (usage, map_, cost):
            axes.set_title(axes.get_title(loc="left"), pad=10)
        save(figure, path)


def _usage(axes: Axes, count: torch.Tensor) -> None:
    """Nodes of each code, the most used first."""
    axes.bar(range(len(count)), count.sort(descending=True).values.numpy(), width=1.0, color=DEPTHS[2])
    axes.set(title="How many nodes a code stands for", xlabel="codes, most used first", ylabel="nodes")


def _map(axes: Axes, trained: TrainedTeacher, distilled: Distilled, count: torch.Tensor) -> None:
    """t-SNE of the used codes; colour is the teacher's most frequent class of their nodes, size their number."""
    assert distilled.code is not None
    assert distilled.tokenizer is not None
    used = count.nonzero().view(-1)
    classes = trained.logits.shape[1]
    predicted = trained.logits.argmax(dim=1)
    votes = torch.bincount(distilled.code * classes + predicted, minlength=len(count) * classes).view(-1, classes)[used]
    codes = distilled.tokenizer.codebook.codes[used].numpy()
    axes.set(title="Map of the codes, by class", xticks=[], yticks=[])
    axes.set_xlabel("t-SNE; number: the teacher's class, size: nodes")
    axes.spines[:].set(visible=True, color=EDGE, linewidth=0.6)
    if len(used) < 3:
        return
    # Initialized by principal components without randomness, so that the same codes give the same figure.
    near = min(30.0, (len(used) - 1) / 3)
    place = TSNE(2, init="pca", perplexity=near, random_state=0).fit_transform(codes.astype(np.float64))
    size = 15 + 250 * count[used].numpy() / int(count.max())
    label = votes.argmax(dim=1).numpy()
    colors = [class_colour(value) for value in label.tolist()]
    axes.scatter(place[:, 0], place[:, 1], c=colors, s=size, alpha=0.7, linewidths=0)
    axes.margins(0.1)
    label_groups(axes, place, label)


def _cost(axes: Axes, rows: Sequence[Row], times: dict[str, float]) -> None:
    """Accuracy against milliseconds for one node."""
    column = str(rows[-1].group)
    marks = []
    for row in rows:
        if row.group != column or row.name == NAMES["untrained"]:
            continue
        slow = "teacher" in row.name.partition(":")[0]
        own: Kind = "all" if slow else "distilled" if row.name.startswith("VQGraph") else kind_of(row.name)
        own = "simple" if row.name == NAMES["mlp"] else own
        name = row.name.partition(":")[0]
        x = times["teacher" if slow else "student"]
        marks.append(Mark(name=name, mean=100 * row.mean, std=100 * row.std, x=x, kind=own))
    draw_marks(axes, marks, digits=1, unit="ms")
    axes.set(title="Accuracy for latency", xlabel="milliseconds for one node", ylabel=f"{column} accuracy, %")
    axes.yaxis.label.set_color(COLOURS["all"])
