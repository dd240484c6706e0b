from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import matplotlib.image
import pytest
import torch
from matplotlib.figure import Figure

from graphdistill.condense.figures.nodes import draw_nodes
from graphdistill.core.evaluation.nodes import NodeProtocol
from tests.condense.samples import pairs
from tests.figure_checks import check


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("links", [None, [[0, 1], [1, 0]], [[], []]])
def test_a_picture_of_the_graph_and_the_set(
    classes: int, links: list[list[int]] | None, tmp_path: Path, figures: list[Figure]
) -> None:
    protocol = NodeProtocol(pairs(classes=classes))
    synthetic = protocol.random_sets(10**4, 1)[0]
    if links is not None:
        index = torch.tensor(links, dtype=torch.long)
        synthetic = replace(synthetic, edges=(index, torch.ones(index.shape[1])))
    draw_nodes(synthetic, protocol, tmp_path / "set.png")
    picture = matplotlib.image.imread(tmp_path / "set.png")
    assert picture.shape[1] > picture.shape[0] > 300
    for axes in figures[0].axes:
        assert [text.get_text() for text in axes.texts] == [str(value) for value in range(classes)]
    check(figures[0])
    # Both halves show something in colour.
    for half in (picture[:, : picture.shape[1] // 2], picture[:, picture.shape[1] // 2 :]):
        assert float(abs(half[..., 0] - half[..., 2]).max()) > 0.3
