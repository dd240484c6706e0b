import warnings

import torch
from torch import nn

from graphdistill.bench.kd import main
from graphdistill.bench.kd.cr_kd import clustering_accuracy, new_classes
from graphdistill.bench.options import KDBench


def test_the_order_of_clusters_does_not_count():
    y = torch.tensor([0, 0, 1, 1])
    assert clustering_accuracy(y, y) == clustering_accuracy(1 - y, y) == 1
    assert clustering_accuracy(torch.tensor([0, 1, 1, 1]), y) == 0.75


def test_only_novel_classes_are_drawn_anew():
    head = nn.Linear(50, 5)
    before = head.weight.detach().clone()
    new_classes(head, 3, torch.Generator().manual_seed(0))
    assert torch.equal(head.weight[:3], before[:3])
    assert not torch.equal(head.weight[3:], before[3:])
    assert head.bias[3:].tolist() == [0, 0]


def test_all_weights_have_both_accuracies(capsys):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="the teacher's validation accuracy")
        main(KDBench(parts=("cr-kd",), seeds=1, steps=2, jobs=1))
    out = capsys.readouterr().out
    assert all(word in out for word in ("alpha 0.0", "alpha 0.1", "novel", "known"))
