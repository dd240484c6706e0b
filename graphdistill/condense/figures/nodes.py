"""Drawing of a condensed graph: the real nodes and the synthetic ones on one map."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from torch import Tensor

from graphdistill.core.command.drawing import Axes, LineCollection
from graphdistill.core.command.style import (
    BOND,
    EDGE,
    MARGIN,
    add_panel,
    dots,
    label_groups,
    new_figure,
    save,
    size_text,
    styled,
)
from graphdistill.core.evaluation.nodes import NodeProtocol
from graphdistill.core.sets.synthetic import SyntheticSet

MOST = 5000
"""Real nodes that are drawn; of more, the first ones."""
COMPONENTS = 32
"""Principal components that the map is made from."""


def draw_nodes(synthetic: SyntheticSet, protocol: NodeProtocol, path: Path) -> None:
    """Write the picture: on the left the graph with its training nodes large, on the right the set.

    Positions are the two directions of propagated features, scaled to length 1, that best separate the classes of
    training nodes (linear discriminant analysis), so that a synthetic node is close to similar real nodes.

    Args:
        synthetic: the set; a soft label counts as its likeliest class.
        protocol: the graph.
        path: the PNG file.
    """
    data, real = protocol.data, F.normalize(protocol.rounded).numpy()
    train, y = data.train.numpy(), data.y.numpy()
    few = min(COMPONENTS, len(train) - 1, real.shape[1])
    axes_of = PCA(few, svd_solver="randomized", random_state=0).fit(real)
    discriminant = LinearDiscriminantAnalysis(solver="eigen", shrinkage="auto").fit(
        axes_of.transform(real[train]), y[train]
    )
    shown = np.arange(min(len(real), MOST))
    before, after = (
        # With two classes there is only one direction that separates them.
        np.column_stack([discriminant.transform(parts), parts[:, :1]])[:, :2]
        for parts in map(axes_of.transform, (real[shown], F.normalize(protocol.flat(synthetic)).numpy()))
    )
    label = synthetic.y if synthetic.y.dim() == 1 else synthetic.y.argmax(dim=1)
    shows = synthetic.labelled
    links = 0 if synthetic.edges is None else synthetic.edges[0].shape[1] // 2
    set_of = f"{len(synthetic)} nodes, {links} edges, {size_text(synthetic.nbytes)}"
    with styled():
        title = f"{synthetic.meta.get('method', 'set')} on {data.name}"
        figure = new_figure(10, 6.1, title, "directions that separate the classes of training nodes; numbers: classes")
        left, right = (add_panel(figure, x, 1.3, 4.6, 4.5) for x in (MARGIN, 10 - MARGIN - 4.6))
        # A few outliers would push all other nodes into a corner.
        low, high = np.percentile(before, [0.5, 99.5], axis=0)
        reach = 0.1 * (high - low) + 1e-9
        for axes in (left, right):
            axes.set(xticks=[], yticks=[])
            axes.set(xlim=(low[0] - reach[0], high[0] + reach[0]), ylim=(low[1] - reach[1], high[1] + reach[1]))
            axes.spines[:].set(visible=True, color=EDGE, linewidth=0.6)
        _edges(left, before, data.edge_index, torch.ones(data.edge_index.shape[1]))
        dots(left, before, y[shown], size=5, alpha=0.5)
        seen = train[train < len(shown)]
        dots(left, before[seen], y[seen], size=32, alpha=1)
        left.set_title(f"The graph: {len(data.x):,} nodes, {len(train):,} with a label (large)", pad=8, size=10)
        dots(right, before, y[shown], size=5, alpha=0.15)
        if synthetic.edges is not None:
            _edges(right, after, *synthetic.edges)
        dots(right, after[shows], label[shows].numpy(), size=32, alpha=1)
        right.set_title(f"The distilled set: {set_of}", pad=8, size=10)
        label_groups(left, before[seen], y[seen])
        label_groups(right, after[shows], label[shows].numpy())
        save(figure, path)


def _edges(axes: Axes, places: np.ndarray, index: Tensor, weight: Tensor) -> None:
    once = (index[0] < index[1]) & (index < len(places)).all(dim=0)
    if not bool(once.any()):  # matplotlib has no shade for nothing
        return
    lines = places[index[:, once].T.numpy()]
    shade = 0.08 if len(lines) > 1000 else 0.4 * weight[once].numpy()
    axes.add_collection(LineCollection(list(lines), colors=BOND, linewidths=0.5, alpha=shade, zorder=1))
