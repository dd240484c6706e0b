"""Figure of a distilled set: score against bytes, coverage of its trees, and examples of its graphs."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import Tensor

from graphdistill.core.command.drawing import (
    Axes,
    EngFormatter,
    Figure,
    LogLocator,
    NullLocator,
    PercentFormatter,
)
from graphdistill.core.command.output import publish
from graphdistill.core.command.report import Report
from graphdistill.core.command.style import (
    COLOURS,
    DEPTHS,
    GREY,
    HALO,
    LIGHT,
    MARGIN,
    add_panel,
    new_figure,
    save,
    size_text,
    styled,
)
from graphdistill.core.data.graphs import Graphs
from graphdistill.core.data.tensors import quantile_strata
from graphdistill.core.sets.synthetic import SyntheticSet
from graphdistill.core.trees.forest import Forest
from graphdistill.core.trees.graph_forest import GraphForest
from graphdistill.core.trees.wl import group
from graphdistill.mirage.bytes_curve import draw_curve
from graphdistill.mirage.molecules import choose_examples, describe_label, draw_graphs
from graphdistill.mirage.neighbourhood import draw_fragment, fragment

OURS = COLOURS["distilled"]
WIDTH, PER_ROW = 10.0, 6


def draw(train: Forest, synthetic: SyntheticSet, report: Report, path: Path, *, top: int = 6) -> None:
    """Draw test metric against bytes, tree coverage and examples of a distilled set as one PNG.

    The examples are graphs, or the most frequent trees of a set that consists of trees. The file is written atomically,
    and equal arguments give equal bytes. Trees with equal drawings differ in features that are not drawn.

    Args:
        train: lossless training split, at least as deep as the set's trees.
        synthetic: the distilled set.
        report: its rows are drawn by :func:`~graphdistill.mirage.bytes_curve.draw_curve`.
        path: the PNG file; its folder is created if absent.
        top: how many graphs or trees are drawn. (default: 6)

    Raises:
        ValueError: ``top`` is below 1, the set holds no graphs or deeper trees than ``train``, or the folder cannot
            be written.

    Example:
        >>> import tempfile
        >>> from torch_geometric.data import Data
        >>> from graphdistill.core.data.graphs import Graphs
        >>> from graphdistill.core.trees.build import build_forest
        >>> pair = Data(x=torch.tensor([[6], [8]]), edge_index=torch.tensor([[0, 1], [1, 0]]))
        >>> forest = build_forest(Graphs.from_data_list([pair, pair]), depth=1)
        >>> synthetic = SyntheticSet(forest, torch.tensor([0, 1]), torch.ones(2), features="categorical")
        >>> path = Path(tempfile.mkdtemp()) / "figure.png"
        >>> draw(forest, synthetic, Report(title="pairs", metric="accuracy", rows=()), path)
        >>> path.read_bytes()[1:4]
        b'PNG'
    """
    if top < 1:
        raise ValueError(f"top must be 1 or more, got {top}")
    depth = synthetic.forest.trees.depth
    if train.trees.depth < depth:
        raise ValueError(f"the set's trees have depth {depth} but train has {train.trees.depth}; build it as deep")
    train = train.cut(depth) if train.trees.depth > depth else train
    graphs = synthetic.data.graphs if isinstance(synthetic.data, GraphForest) else None
    number = min(top, synthetic.forest.trees.sizes[-1] if graphs is None else len(graphs))
    with styled(), publish(path.parent) as draft:
        height = 5.25 + 2.05 * math.ceil(number / PER_ROW)
        trees = _count(synthetic.forest.trees.sizes[-1], "tree")
        text = f"the distilled set: {_count(len(synthetic), 'graph')} over {trees}, {size_text(synthetic.nbytes)}"
        figure = new_figure(WIDTH, height, report.title, text)
        draw_curve(add_panel(figure, 0.75, 1.35, 3.95, 2.9), report)
        _draw_coverage(add_panel(figure, 7.15, 1.35, 2.5, 2.9), train, synthetic.forest)
        if graphs is None:
            _draw_trees(figure, synthetic, top, 1 - 5.15 / height)
        else:
            _draw_examples(figure, synthetic, graphs, number)
        save(figure, draft / path.name)


def _draw_examples(figure: Figure, synthetic: SyntheticSet, graphs: Graphs, number: int) -> None:
    """Graphs of the set, the first ones of each class in turn, with their labels."""
    height = figure.get_figheight()
    regression = synthetic.task == "regression"
    remark = f"the first ones of each {'quantile, with their targets' if regression else 'class, with their labels'}"
    place = 1 - 4.95 / height
    figure.text(MARGIN / WIDTH, place, "Graphs of the distilled set", size=11, weight="bold")
    figure.text(1 - MARGIN / WIDTH, place, remark, size=9, color=GREY, ha="right")
    index = choose_examples(quantile_strata(synthetic.y, number) if regression else synthetic.y, number)
    side = (WIDTH - 0.4) / PER_ROW
    for line, part in enumerate(index.split(PER_ROW)):
        labels = [describe_label(y, synthetic.task) for y in synthetic.y[part]]
        top = 5.1 + 2.05 * line
        draw_graphs(figure, graphs.subset(part), labels, synthetic.features, top=top, left=0.2, size=side)


def _draw_coverage(axes: Axes, train: Forest, synthetic: Forest) -> None:
    """Share of training nodes under the k most frequent trees, one curve per depth, and the set's dictionary."""
    counts = train.multiplicity(torch.long)
    curves = []
    for depth in range(min(1, len(counts) - 1), len(counts)):
        share = _coverage(counts[depth])
        ranks = torch.logspace(0, math.log10(len(share)), 500, dtype=torch.double).round().long().unique()
        colour = DEPTHS[max(0, len(DEPTHS) - len(counts) + depth)]
        axes.plot(ranks, share[ranks - 1], color=colour, linewidth=2.2)
        curves.append((f"depth {depth}", colour, share))
    size, known = synthetic.trees.sizes[-1], _covered(train, synthetic)
    axes.plot([size, size], [0.0, known], color=OURS, linewidth=1.2, linestyle=(0, (2, 2)))
    axes.plot([size], [known], "*", color=OURS, markersize=13, markeredgecolor="white", clip_on=False, zorder=5)
    text = f"★ {_percent(known)} by {_count(size, 'tree')}"
    axes.text(0, 1.035, text, color=OURS, transform=axes.transAxes)
    most = max(2, *(len(count) for count in counts))
    axes.set(xscale="log", xlim=(0.9, 1.3 * most), ylim=(0, 1.03))
    axes.xaxis.set(major_locator=LogLocator(numticks=8), minor_locator=NullLocator())
    axes.xaxis.set_major_formatter(EngFormatter())
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
    axes.grid(axis="y", color=LIGHT, linewidth=0.8)
    axes.set(xlabel="k most frequent trees", title="Training nodes covered")
    _label_curves(axes, curves)


def _label_curves(axes: Axes, curves: list[tuple[str, str, Tensor]]) -> None:
    """Write the name of each curve on its left, at the height where it is farthest from the curve before it."""
    before = torch.full((8,), math.log10(axes.get_xlim()[0]), dtype=torch.double)
    levels = torch.linspace(0.2, 0.9, len(before), dtype=torch.double)
    unit = math.log10(axes.get_xlim()[1] / axes.get_xlim()[0]) / axes.bbox.width
    for name, colour, share in curves:
        here = torch.searchsorted(share, levels).clamp(max=len(share) - 1).add(1).log10()
        best = int((here - before).argmax())
        room = float(here[best] - before[best]) / unit
        spot = (10 ** float(here[best]), float(levels[best]))
        note = axes.annotate(name, spot, (-7, 0), textcoords="offset points", color=colour, ha="right", va="center")
        note.set(size=9, weight="bold", path_effects=HALO)
        if note.get_window_extent().width > room - 20:
            # No room between the curves: the number alone.
            note.set_text(name.removeprefix("depth "))
        before = here


def _draw_trees(figure: Figure, synthetic: SyntheticSet, top: int, place: float) -> None:
    """The most frequent trees of the set with their shares of nodes and classes."""
    forest, height = synthetic.forest, figure.get_figheight()
    count = forest.multiplicity(torch.long)[-1]
    order = count.sort(descending=True, stable=True).indices[:top].tolist()
    heading = "The most frequent trees of the distilled set"
    figure.text(MARGIN / WIDTH, place + 0.2 / height, heading, size=11, weight="bold")
    hops = _count(forest.trees.depth, "hop") + ", cycles opened" * (forest.trees.depth > 1)
    what = f"root ringed, {hops}, stubs lead on · all nodes: {_leaning(synthetic, forest.tree >= 0)}"
    figure.text(1 - MARGIN / WIDTH, place + 0.2 / height, what, size=9, color=GREY, ha="right")
    for number, row in enumerate(order):
        line, column = divmod(number, PER_ROW)
        wide = (WIDTH - 0.4) / PER_ROW
        left, bottom = 0.2 + column * wide, place - (2.05 * line + 1.6) / height
        axes = figure.add_axes((left / WIDTH, bottom, wide / WIDTH, 1.6 / height))
        draw_fragment(axes, fragment(forest.trees, row), forest.trees, synthetic.features)
        share = f"{_percent(int(count[row]) / max(1, int(count.sum())))} of nodes"
        for y, text, weight in ((-0.02, share, "bold"), (-0.13, _leaning(synthetic, forest.tree == row), "normal")):
            axes.text(0.5, y, text, ha="center", va="top", weight=weight, transform=axes.transAxes)


def _coverage(count: Tensor) -> Tensor:
    """Share of all nodes that have one of the k most frequent trees, for k from 1, double ``[n]``."""
    return count.sort(descending=True).values.cumsum(0).double() / max(1, int(count.sum()))


def _covered(train: Forest, synthetic: Forest) -> float:
    """Share of training nodes whose deepest tree is in the dictionary of the distilled set."""
    count = train.multiplicity(torch.long)[-1]
    row = group(torch.cat([train.trees.ids()[-1], synthetic.trees.ids()[-1]]))[1]
    known = torch.isin(row[: len(count)], row[len(count) :])
    return int(count[known].sum()) / max(1, int(count.sum()))


def _leaning(synthetic: SyntheticSet, mine: Tensor) -> str:
    """The most frequent class of the nodes in the pairs ``mine`` and its share; of two classes, class 1."""
    y = synthetic.y
    if y.dim() == 1:
        y = torch.nn.functional.one_hot(y, max(2, int(y.max()) + 1))
    y, count = y[synthetic.forest.graph[mine]].double(), synthetic.forest.count[mine, None]
    share = (y.nan_to_num() * count).sum(dim=0) / (~y.isnan() * count).sum(dim=0).clamp(min=1)
    likeliest = 1 if synthetic.task == "multiclass" and len(share) == 2 else int(share.argmax())
    return f"{'class' if synthetic.task == 'multiclass' else 'task'} {likeliest}: {_percent(float(share[likeliest]))}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}"


def _percent(share: float) -> str:
    return f"{100 * share:.{1 if 0 < share < 0.0995 else 0}f} %"
