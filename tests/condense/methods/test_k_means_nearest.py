from __future__ import annotations

import pytest
import torch

from graphdistill.condense.data.training_data import Kind
from graphdistill.condense.methods import k_means_nearest
from tests.condense.samples import chosen, context_of


@pytest.mark.parametrize("kind", ["images", "nodes"])
def test_one_mean_is_that_of_the_class(kind: Kind) -> None:
    context = context_of(1, kind=kind)
    index = chosen(k_means_nearest.select(context, k_means_nearest.Config()), context.real)
    for label, members in enumerate(context.real.members):
        x = context.real.flat()[members]
        assert index[label] == members[(x - x.mean(dim=0)).norm(dim=1).argmin()]


def test_clusters_each_give_one() -> None:
    x = torch.tensor([[0.0], [0.1], [0.2], [5.0], [5.1], [5.2], [9.0], [9.1], [9.2]])
    assert k_means_nearest.nearest(x, torch.tensor([[5.1], [0.1], [9.1]])).tolist() == [4, 1, 7]


@pytest.mark.parametrize("kind", ["images", "nodes"])
def test_nothing_comes_twice_even_where_all_are_wanted(kind: Kind) -> None:
    context = context_of(len(context_of(kind=kind).real.members[0]), kind=kind)
    index = chosen(k_means_nearest.select(context, k_means_nearest.Config()), context.real)
    assert sorted(index) == list(range(len(context.real)))
    assert index == chosen(k_means_nearest.select(context, k_means_nearest.Config()), context.real)
