from __future__ import annotations

import torch

from graphdistill.condense.methods import k_means_nearest
from tests.condense.samples import real, seeded


def test_one_mean_is_that_of_the_class() -> None:
    images = real()
    rows = k_means_nearest.select(images, 1, seeded())
    for label, members in enumerate(images.members):
        x = images.x[members].flatten(1)
        assert rows[label] == members[(x - x.mean(dim=0)).norm(dim=1).argmin()]


def test_clusters_each_give_one() -> None:
    x = torch.tensor([[0.0], [0.1], [0.2], [5.0], [5.1], [5.2], [9.0], [9.1], [9.2]])
    assert k_means_nearest.nearest(x, torch.tensor([[5.1], [0.1], [9.1]])).tolist() == [4, 1, 7]


def test_nothing_comes_twice_even_where_all_are_wanted() -> None:
    images = real()
    rows = k_means_nearest.select(images, 12, seeded())
    assert sorted(rows.tolist()) == list(range(len(images.y)))
    assert torch.equal(rows, k_means_nearest.select(images, 12, seeded()))
