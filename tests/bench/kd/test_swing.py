import warnings

import torch

from graphdistill.bench.kd import main
from graphdistill.bench.kd.swing import mislabelled
from graphdistill.bench.options import KDBench


def test_one_of_five_labels_is_wrong():
    y = torch.arange(5000) % 10
    wrong = mislabelled(y, torch.Generator().manual_seed(0)) != y
    assert abs(float(wrong.float().mean()) - 0.2) < 0.02


def test_attack_and_accuracy_are_shown(capsys):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="the teacher's validation accuracy")
        main(KDBench(parts=("swing",), seeds=1, steps=2, jobs=1))
    out = capsys.readouterr().out
    assert all(word in out for word in ("attack AUC", "accuracy", "Swing", "KD, temperature 8"))
