r"""Explanation of Mirage's teacher: the computation trees that its linear model weighs most.

The teacher scores a graph G by its counts :math:`n_t(G)` of trees t. The strength of a tree for a class c is how much
the logit of c, or of regression the predicted target c, varies over the training graphs on account of the tree. With
logarithms of counts, of regression with the counts themselves,

.. math:: z_c(G) = b_c + \sum_t w_{t,c} \log(1 + n_t(G)), \qquad
    s_{t,c} = w_{t,c} \sqrt{\mathrm{Var}_G\big[\log(1 + n_t(G))\big]}
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import ClassVar

import numpy as np
import scipy.sparse as sp
import torch
from rich.table import Table
from rich.text import Text
from torch import Tensor

from graphdistill.core.command.output import write_text
from graphdistill.core.command.report import plain
from graphdistill.core.command.style import (
    GREY,
    MARGIN,
    add_panel,
    new_figure,
    save,
    styled,
    wide_enough,
)
from graphdistill.core.data.datasets import Task
from graphdistill.core.trees.dictionary import Trees
from graphdistill.core.trees.training_split import TrainingSplit
from graphdistill.mirage.neighbourhood import draw_fragment, fragment
from graphdistill.mirage.tree_text import describe_tree

MOST_CLASSES = 6
"""Number of classes or tasks that are drawn and shown; the files hold all."""
TITLE = "Trees that carry the teacher's weight"
CAPTION = "tree: root first, open valences lead on; degree: neighbours of the root"


@dataclass(frozen=True)
class TreeExplanation:
    """A computation tree that makes a class likelier for the teacher.

    Attributes:
        label: the class or task, such as ``class 1``.
        fragment: the tree, root first: of molecules a SMILES fragment, in which atoms with further neighbours stand in
            brackets; otherwise node labels with those of their neighbours in parentheses.
        depth: depth of the tree.
        degree: number of neighbours of its root.
        row: row of the tree in the dictionary of the training split, at its depth.
        weight: weight of the log count for the class's logit.
        strength: the weight times the standard deviation of the log count over the training graphs.
        graphs: number of training graphs with the tree.
        share: share of the class among those of them whose label is known.
        base: share of the class among all training graphs whose label is known.
    """

    label: str
    fragment: str
    depth: int
    degree: int
    row: int
    weight: float
    strength: float
    graphs: int
    share: float
    base: float

    COUNT: ClassVar[str] = "log count"
    """What weights are of."""
    SHARE: ClassVar[tuple[str, str]] = "share", "of the class among graphs with the tree (among all graphs)"
    """What ``share`` and ``base`` are: heading and explanation."""

    def __str__(self) -> str:
        number = f"{self.graphs:,} graph{'s'[: self.graphs != 1]}"
        named = f"{self.label}: {self.fragment} (depth {self.depth})"
        return f"{named}, strength {self.strength:.2f}, {number}, {self._shares()}"

    def _shares(self) -> str:
        return f"{self.share:.0%} of them {self.label} ({self.base:.0%} of all)"

    @staticmethod
    def show(share: float) -> str:
        """A share in a few characters."""
        return f"{100 * share:.{1 if 0 < share < 0.0995 else 0}f} %"


@dataclass(frozen=True)
class TargetExplanation(TreeExplanation):
    """A computation tree that makes the teacher predict a higher or lower target, for which its strength is negative.

    Attributes are those of :class:`TreeExplanation`; ``share`` and ``base`` are the mean target of the graphs with the
    tree and of all training graphs, in the unit of the target, as are ``weight`` and ``strength``, which are of counts.
    """

    COUNT: ClassVar[str] = "count"
    SHARE: ClassVar[tuple[str, str]] = "mean", "target of graphs with the tree (of all graphs)"

    def _shares(self) -> str:
        return f"mean target {self.show(self.share)} ({self.show(self.base)} of all)"

    @staticmethod
    def show(share: float) -> str:
        """A mean target in a few characters."""
        return f"{share:.3g}"


def explain(split: TrainingSplit, *, top: int = 6) -> list[TreeExplanation]:
    """Find the trees that carry the teacher's weight.

    Args:
        split: the training split; the teacher is fitted on it as for the distillation.
        top: number of trees for each class or task. (default: 6)

    Returns:
        For each class or task its trees of positive strength, in falling order; of regression for each target
        :class:`TargetExplanation`, first those that raise it, then those that lower it, each by falling magnitude.

    Raises:
        ValueError: ``top`` is below 1.

    Example:
        >>> from torch_geometric.data import Data
        >>> from graphdistill.datasets import load
        >>> pair = torch.tensor([[0, 1], [1, 0]])
        >>> graphs = [Data(torch.tensor([[6], [a]]), pair, y=torch.tensor([a % 2])) for a in (7, 8) * 20]
        >>> for found in explain(TrainingSplit(load(graphs), 1), top=1):
        ...     print(found)
        class 0: 8 (depth 0), strength 0.12, 16 graphs, 100% of them class 0 (50% of all)
        class 1: 7 (depth 0), strength 0.12, 16 graphs, 100% of them class 1 (50% of all)
    """
    if top < 1:
        raise ValueError(f"top must be 1 or more, got {top}")
    forest, y = split.forest, split.y
    teacher, kind = split.model, TargetExplanation if split.data.task == "regression" else TreeExplanation
    features, weights = teacher.features(forest).tocsc(), teacher.weights()
    spread = _deviation(features)
    strengths = weights * spread[:, None]
    found = []
    for column, label, sign in _headings(split.data.task, weights.shape[1]):
        truth = (y == column).double() if y.dim() == 1 else y[:, column].double()
        known = ~torch.isnan(truth)
        base = float(truth[known].mean()) if bool(known.any()) else float("nan")
        order = (sign * strengths[:, column]).sort(descending=True, stable=True).indices[:top].tolist()
        for number in order:
            strength = float(strengths[number, column])
            if sign * strength <= 0:
                break
            graphs = torch.from_numpy(features.indices[features.indptr[number] : features.indptr[number + 1]]).long()
            labelled = truth[graphs][known[graphs]]
            depth, row = _place(teacher.ids, forest.trees, number)
            trees = forest.trees.cut(depth)[0]
            found.append(
                kind(
                    label=label,
                    fragment=describe_tree(trees, row, split.data.features),
                    depth=depth,
                    degree=int(trees.degree[trees.roots()[-1][row]]),
                    row=row,
                    weight=float(weights[number, column]),
                    strength=strength,
                    graphs=len(graphs),
                    share=float(labelled.mean()) if len(labelled) else float("nan"),
                    base=base,
                )
            )
    return found


def _headings(task: Task, count: int) -> list[tuple[int, str, int]]:
    """Column of the teacher's weights, label and sign of the strengths of each group of trees."""
    if task == "regression":
        ways = ("higher target", 1), ("lower target", -1)
        return [(c, f"{way} {c}" if count > 1 else way, sign) for c in range(count) for way, sign in ways]
    return [(c, f"{'class' if task == 'multiclass' else 'task'} {c}", 1) for c in range(count)]


def table(found: Sequence[TreeExplanation]) -> Table:
    """The trees as a table for a terminal."""
    kind = type(found[0]) if found else TreeExplanation
    heading, what = kind.SHARE
    caption = Text(f"{CAPTION}\nstrength: weight times the standard deviation of the {kind.COUNT}\n{heading}: {what}")
    shown = Table(title=Text(TITLE), title_justify="left", caption=caption, caption_justify="left")
    shown.box, shown.collapse_padding = None, True
    shown.add_column("for")
    shown.add_column("tree", overflow="fold")
    for header in ("depth", "degree", "weight", "strength", "graphs", heading):
        shown.add_column(header, justify="right")
    labels = list(dict.fromkeys(tree.label for tree in found))[:MOST_CLASSES]
    for tree in found:
        if tree.label in labels:
            cells = (
                f"{tree.weight:.2f}",
                f"{tree.strength:.2f}",
                f"{tree.graphs:,}",
                f"{tree.show(tree.share)} ({tree.show(tree.base)})",
            )
            shown.add_row(tree.label, Text(tree.fragment), str(tree.depth), str(tree.degree), *cells)
    return shown


def write_explanation(found: Sequence[TreeExplanation], split: TrainingSplit, folder: Path) -> None:
    """Write ``explain.json``, ``explain.csv`` and ``explain.svg`` into a folder.

    Args:
        found: result of :func:`explain`.
        split: the training split that was explained.
        folder: an existing folder.

    Raises:
        OSError: the folder cannot be written.
    """
    rows = [asdict(tree) for tree in found]
    write_text(folder / "explain.json", json.dumps(plain(rows), indent=2) + "\n")
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, [f.name for f in fields(TreeExplanation)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(folder / "explain.csv", text.getvalue())
    draw_trees(found, split, folder / "explain.svg")


def draw_trees(found: Sequence[TreeExplanation], split: TrainingSplit, path: Path) -> None:
    """Draw the trees, a row for each class, as SVG: the root is ringed, stubs lead on, cycles are opened.

    Args:
        found: result of :func:`explain`.
        split: the training split that was explained.
        path: the file.

    Raises:
        OSError: the file cannot be written.
    """
    groups: dict[str, list[TreeExplanation]] = {}
    for tree in found:
        groups.setdefault(tree.label, []).append(tree)
    shown = dict(list(groups.items())[:MOST_CLASSES])
    side, tall, title = 1.6, 2.3, f"{TITLE} on {split.data.name}"
    kind = type(found[0]) if found else TreeExplanation
    what = "mean target" if kind is TargetExplanation else "share of the class"
    subtitle = f"strength: weight times deviation of the {kind.COUNT} · graphs with the tree, {what} · root ringed"
    width = max(wide_enough(title, subtitle, 0), 2 * MARGIN + side * max(map(len, shown.values()), default=1))
    height = 0.95 + tall * max(1, len(shown))
    with styled():
        figure = new_figure(width, height, title, subtitle)
        for line, (label, trees) in enumerate(shown.items()):
            top = 1.0 + tall * line
            base = "mean " * (what == "mean target") + trees[0].show(trees[0].base)
            heading = f"for {label}, {base} of all graphs"
            figure.text(MARGIN / width, 1 - top / height, heading, size=11, weight="bold", va="center")
            for column, tree in enumerate(trees):
                axes = add_panel(figure, MARGIN + side * column, top + 0.1, side, side)
                dictionary = split.forest.trees.cut(tree.depth)[0]
                draw_fragment(axes, fragment(dictionary, tree.row), dictionary, split.data.features)
                remarks = f"{tree.graphs:,} graphs, {tree.show(tree.share)}"
                style = {"ha": "center", "va": "top", "transform": axes.transAxes}
                axes.text(0.5, 0.03, f"strength {tree.strength:.2f}", style, weight="bold")
                axes.text(0.5, -0.08, remarks, style, color=GREY)
        save(figure, path)


def _deviation(features: sp.csc_matrix) -> Tensor:
    """Standard deviation of each column of a sparse matrix, double ``[n]``."""
    mean = np.asarray(features.mean(axis=0)).ravel()
    square = np.asarray(features.multiply(features).mean(axis=0)).ravel()
    return torch.from_numpy(np.sqrt(np.maximum(square - mean**2, 0)))


def _place(ids: Sequence[Tensor], trees: Trees, number: int) -> tuple[int, int]:
    """Depth of a counted tree and its row in the dictionary."""
    depth = 0
    while number >= len(ids[depth]):
        number -= len(ids[depth])
        depth += 1
    same = (trees.cut(depth)[0].ids()[depth] == ids[depth][number]).all(dim=1)
    return depth, int(same.nonzero()[0])
