"""Drawing of a condensed table: real rows and those of the set on one map."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sklearn.decomposition import PCA

from graphdistill.core.command.style import (
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
from graphdistill.core.evaluation.tables import TableProtocol
from graphdistill.core.sets.synthetic import SyntheticSet

MOST = 5000
"""Training rows that are drawn; of more, the first ones."""


def draw_rows(synthetic: SyntheticSet, protocol: TableProtocol, path: Path) -> None:
    """Write the picture: training rows small and those of the set large, on the training rows' principal directions.

    Args:
        synthetic: the set; a soft label counts as its likeliest class.
        protocol: the table.
        path: the PNG file.
    """
    real, y = (values[:MOST].numpy() for values in protocol.split("train"))
    label = (synthetic.y if synthetic.y.dim() == 1 else synthetic.y.argmax(dim=1)).numpy()
    learnt = protocol.flat(synthetic).numpy()
    directions = PCA(min(2, *real.shape), random_state=0).fit(real)
    # A table of one feature has one direction.
    before, after = (np.column_stack([directions.transform(x), np.zeros(len(x))])[:, :2] for x in (real, learnt))
    title = f"{synthetic.meta.get('method', 'set')} on {protocol.data.name}"
    size = f"{len(synthetic)} rows, {size_text(synthetic.nbytes)}"
    with styled():
        figure = new_figure(6.4, 6.1, title, f"{size} (large), and {len(real):,} training rows; numbers: classes")
        axes = add_panel(figure, MARGIN, 1.1, 6.4 - 2 * MARGIN, 4.7)
        axes.set(xticks=[], yticks=[], xlabel="first principal direction", ylabel="")
        axes.spines[:].set(visible=True, color=EDGE, linewidth=0.6)
        dots(axes, before, y, size=7, alpha=0.3)
        dots(axes, after, label, size=42)
        label_groups(axes, after, label)
        save(figure, path)
