"""Figure of a distilled set: coverage of its trees, score against bytes, and its most frequent trees."""

from __future__ import annotations

import math
import statistics
import warnings
from pathlib import Path

import torch
from torch import Tensor

from graphdistill.core.command.drawing import (
    AbstractPathEffect,
    Axes,
    EngFormatter,
    Figure,
    FuncFormatter,
    LogLocator,
    NullLocator,
    PercentFormatter,
    rc_context,
    withStroke,
)
from graphdistill.core.command.output import publish
from graphdistill.core.command.report import Report
from graphdistill.core.sets.synthetic import SyntheticSet
from graphdistill.core.trees.forest import Forest
from graphdistill.core.trees.wl import group
from graphdistill.mirage.neighbourhood import INK, OURS, draw_fragment, fragment

GREY = "#7c8894"
REFERENCES = {"all the data": INK, "random graphs, equal bytes": "#c77700", "untrained network": GREY}
DEPTHS = ("#b4cbe0", "#7aa3c8", "#437aa8", "#1c4e7d")
STYLE: dict[str, object] = {"font.family": "DejaVu Sans", "text.parse_math": False, "axes.titlelocation": "left"}
STYLE |= {"axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": "#9aa5b0", "axes.titlepad": 25}
STYLE |= dict.fromkeys(("text.color", "axes.labelcolor", "xtick.labelcolor", "ytick.labelcolor"), INK)
STYLE |= {"xtick.color": GREY, "ytick.color": GREY, "axes.titlesize": 11, "axes.titleweight": "bold"}
WIDTH, DPI, PER_ROW = 10.0, 160, 6
CURVE = "curve "  # prefix of row names that are points of the curve; the rest is their label
HALO: list[AbstractPathEffect] = [withStroke(linewidth=2.5, foreground="white")]


def draw(train: Forest, synthetic: SyntheticSet, report: Report, path: Path, *, top: int = 6) -> None:
    """Draw tree coverage, test metric against bytes and the most frequent trees of a distilled set as one PNG.

    The file is written atomically, and equal arguments give equal bytes. Trees with equal drawings differ in features
    that are not drawn.

    Args:
        train: lossless training split, at least as deep as the set's trees.
        synthetic: the distilled set.
        report: rows named ``curve LABEL`` are points of the curve, annotated with LABEL; ``distilled set``,
            ``all the data``, ``random graphs, equal bytes`` and ``untrained network`` are marked if present.
        path: the PNG file; its folder is created if absent.
        top: how many trees are drawn. (default: 6)

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
    rows = math.ceil(min(top, synthetic.forest.trees.sizes[-1]) / PER_ROW)
    with rc_context(STYLE), warnings.catch_warnings(), publish(path.parent) as draft:
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # a title with characters that the font lacks
        height = 5.25 + 2.05 * rows
        figure = Figure(figsize=(WIDTH, height), dpi=DPI, facecolor="white")
        figure.text(0.3 / WIDTH, 1 - 0.32 / height, report.title, size=14, weight="bold", va="center")
        trees = _count(synthetic.forest.trees.sizes[-1], "tree")
        text = f"the distilled set: {_count(len(synthetic), 'graph')} over {trees}"
        figure.text(0.3 / WIDTH, 1 - 0.6 / height, f"{text}, {_size(synthetic.nbytes)}", color=GREY, va="center")
        bottom = 1 - 4.25 / height
        _draw_coverage(figure.add_axes((0.75 / WIDTH, bottom, 3.6 / WIDTH, 2.9 / height)), train, synthetic.forest)
        _draw_curve(figure.add_axes((5.15 / WIDTH, bottom, 3.25 / WIDTH, 2.9 / height)), report)
        _draw_trees(figure, synthetic, top, 1 - 5.15 / height)
        figure.savefig(draft / path.name, format="png", dpi=DPI, metadata={"Software": None})


def _draw_coverage(axes: Axes, train: Forest, synthetic: Forest) -> None:
    """Share of training nodes under the k most frequent trees, one curve per depth, and the set's dictionary."""
    counts = train.multiplicity(torch.long)
    depths = range(min(1, len(counts) - 1), len(counts))
    for depth in depths:
        share = _coverage(counts[depth])
        ranks = torch.logspace(0, math.log10(len(share)), 500, dtype=torch.double).round().long().unique()
        colour = DEPTHS[max(0, len(DEPTHS) - len(counts) + depth)]
        axes.plot(ranks, share[ranks - 1], color=colour, linewidth=2.2, label=f"depth {depth}")
    size, known = synthetic.trees.sizes[-1], _covered(train, synthetic)
    axes.plot([size, size], [0.0, known], color=OURS, linewidth=1.2, linestyle=(0, (2, 2)))
    axes.plot([size], [known], "*", color=OURS, markersize=13, markeredgecolor="white", clip_on=False, zorder=5)
    text = f"★ distilled set: {_percent(known)} by {_count(size, 'tree')}"
    axes.text(0, 1.035, text, color=OURS, transform=axes.transAxes)
    most = max(2, *(len(count) for count in counts))
    axes.set(xscale="log", xlim=(0.9, 1.3 * most), ylim=(0, 1.03))
    axes.xaxis.set(major_locator=LogLocator(numticks=8), minor_locator=NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
    axes.grid(axis="y", color="#e8ecf0", linewidth=0.8)
    axes.set(xlabel="k most frequent trees", title="Nodes of the training split covered")
    axes.legend(frameon=False, loc="best", handlelength=1.3, borderaxespad=0.3, labelspacing=0.4)


def _draw_curve(axes: Axes, report: Report) -> None:
    """Test metric against bytes, with baselines labelled in the right margin."""
    found = _points(report)
    curve = sorted((*found[n], n.removeprefix(CURVE)) for n in found if n.startswith(CURVE) and found[n][0] > 0)
    raw = report.facts.get("raw_bytes")
    raw = raw if isinstance(raw, int | float) and raw > 0 else None
    labels: list[tuple[float, str, str]] = []
    for name, colour in REFERENCES.items():
        if name in found:
            size, mean, std = found[name]
            axes.axhspan(mean - std, mean + std, color=colour, alpha=0.1, linewidth=0)
            axes.axhline(mean, color=colour, linewidth=1.4, linestyle="-" if name == "all the data" else (0, (4, 2)))
            if name == "random graphs, equal bytes" and size:
                axes.plot([size], [mean], "s", color=colour, markersize=7, markeredgecolor="white", zorder=4)
            labels.append((mean, name.replace(", ", ",\n"), colour))
    if curve:
        sizes, means, errors, _ = (list(column) for column in zip(*curve, strict=True))
        axes.errorbar(sizes, means, errors, fmt="o-", color=OURS, markersize=5, elinewidth=1.2, capsize=2.5, lw=2)
    own = found.get("distilled set")
    if own and own[0]:
        axes.errorbar([own[0]], [own[1]], [own[2]], color=OURS, elinewidth=1.2, capsize=2.5)
        axes.plot([own[0]], [own[1]], "*", color=OURS, markersize=13, markeredgecolor="white", zorder=5)
        labels.append((own[1], "★ distilled set", OURS))
    elif curve:
        labels.append((curve[-1][1], "distilled sets", OURS))
    shown = [v for n, v in found.items() if n in (*REFERENCES, "distilled set") or n.startswith(CURVE)]
    sizes = [size for size, _, _ in shown if size] + ([raw] if raw else [])
    low = min((mean - std for _, mean, std in shown), default=0.0)
    high = max((mean + std for _, mean, std in shown), default=1.0)
    room = 0.08 * (high - low) or 0.05
    ends = min(sizes, default=100) / 2.5, max(sizes, default=10_000) * 1.6
    axes.set(xscale="log", xlim=ends, ylim=(low - room, high + 1.5 * room))
    if raw:
        axes.axvline(raw, color=GREY, linewidth=1.2, linestyle=(0, (1, 2)))
        across = axes.get_xaxis_transform()
        axes.text(raw, 1.035, f"raw: {_size(raw)}", color=GREY, ha="center", size=8.5, transform=across)
    if not curve:
        axes.text(0.5, 0.5, "no budget curve in this report", color=GREY, ha="center", transform=axes.transAxes)
    apart, labelled = math.log(ends[1] / ends[0]) / 7, list[float]()
    for size, mean, std, name in curve[-1:] + curve[:-1]:
        # Labels closer than a seventh of the axis would overlap; the largest set is always labelled.
        if all(abs(math.log(size / other)) > apart for other in labelled):
            spot, offset, side = ((size, mean), (6, -9), "left") if labelled else ((size, mean + std), (6, 3), "right")
            note = axes.annotate(name, spot, offset, textcoords="offset points", ha=side, size=8.5)
            note.set(color=OURS, path_effects=HALO, zorder=6)
            labelled.append(size)
    _margin_labels(axes, labels)
    axes.xaxis.set(major_locator=LogLocator(numticks=8), minor_locator=NullLocator())
    axes.xaxis.set_major_formatter(EngFormatter(unit="B"))
    metric = {"rocauc": "ROC-AUC"}.get(report.metric, report.metric)
    axes.set(xlabel="bytes (bars: standard deviation over seeds)", title=f"Test {metric} for bytes")


def _margin_labels(axes: Axes, labels: list[tuple[float, str, str]]) -> None:
    """Label values of the y axis on the right, moved apart so that labels do not overlap."""
    low, high = axes.get_ylim()
    labels = sorted(labels)
    heights = [0.065 * (text.count("\n") + 2) for _, text, _ in labels]
    below, above, places = 0.0, 1.02, []
    for (value, _, _), height in zip(labels, heights, strict=True):
        places.append(max((value - low) / (high - low), below + height / 2))
        below = places[-1] + height / 2
    for number in reversed(range(len(places))):
        places[number] = min(places[number], above - heights[number] / 2)
        above = places[number] - heights[number] / 2
    for (value, text, colour), place in zip(labels, places, strict=True):
        true = (value - low) / (high - low)
        axes.plot([1, 1.03], [true, place], color=colour, linewidth=0.8, transform=axes.transAxes, clip_on=False)
        text = f"{text}\n{value:.3f}"
        axes.text(1.045, place, text, color=colour, va="center", size=9, linespacing=1.1, transform=axes.transAxes)


def _draw_trees(figure: Figure, synthetic: SyntheticSet, top: int, place: float) -> None:
    """The most frequent trees of the set with their shares of nodes and classes."""
    forest, height = synthetic.forest, figure.get_figheight()
    count = forest.multiplicity(torch.long)[-1]
    order = count.sort(descending=True, stable=True).indices[:top].tolist()
    heading = "The most frequent trees of the distilled set"
    figure.text(0.3 / WIDTH, place + 0.2 / height, heading, size=11, weight="bold")
    hops = _count(forest.trees.depth, "hop") + ", cycles opened" * (forest.trees.depth > 1)
    what = f"root ringed, {hops}, stubs lead on · all nodes: {_leaning(synthetic, forest.tree >= 0)}"
    figure.text(1 - 0.3 / WIDTH, place + 0.2 / height, what, size=9, color=GREY, ha="right")
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


def _points(report: Report) -> dict[str, tuple[int, float, float]]:
    """Bytes (0 if unknown), mean over networks and standard deviation over seeds, of each set with a finite score."""
    points = {}
    for name in dict.fromkeys(row.name for row in report.rows):
        rows = [row for row in report.rows if row.name == name]
        seeds = [statistics.fmean(seed) for seed in zip(*(row.test for row in rows), strict=False)]
        mean = statistics.fmean(row.mean for row in rows)
        if math.isfinite(mean):
            std = statistics.stdev(seeds) if len(seeds) > 1 else 0.0
            points[name] = next((row.nbytes for row in rows if row.nbytes), 0), mean, std
    return points


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


def _size(number: float) -> str:
    return EngFormatter(unit="B")(float(f"{number:.3g}"))


def _percent(share: float) -> str:
    return f"{100 * share:.{1 if 0 < share < 0.0995 else 0}f} %"
