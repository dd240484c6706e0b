import pytest
import torch
from torch import nn

from graphdistill.kd.layers import check_entries, layer_pairs, stages_of, width_of


def stack(count):
    net = nn.Module()
    net.first = nn.Linear(1, 1)
    net.blocks = nn.ModuleList(nn.Linear(1, 1) for _ in range(count))
    return net


@pytest.mark.parametrize(
    ("student", "teacher", "kind", "pairs"),
    [
        (2, 5, "skip", [(0, 2), (1, 4)]),
        (2, 5, "last-k", [(0, 3), (1, 4)]),
        (5, 2, "skip", [(2, 0), (4, 1)]),
        (3, 3, "skip", [(0, 0), (1, 1), (2, 2)]),
        (1, 4, "skip", [(0, 3)]),
    ],
)
def test_stages_are_paired_by_their_depth(student, teacher, kind, pairs):
    found = layer_pairs(stack(student), stack(teacher), kind)
    assert found == [(f"blocks.{i}", f"blocks.{j}") for i, j in pairs]


def test_networks_without_a_list_have_the_layer_before_the_output():
    assert stages_of(nn.Linear(1, 1)) == ["penultimate"]
    assert layer_pairs(stack(2), stack(3), "last") == [("penultimate", "penultimate")]


def test_rows_and_widths():
    assert [width_of(torch.zeros(2, 3, 4, 5)), width_of(torch.zeros(2, 7))] == [3, 7]
    with pytest.raises(ValueError, match=r"layer a\.0 has 9 rows for 2 entries, so it cannot be matched; choose"):
        check_entries({"a.0": torch.zeros(9, 3)}, 2)
