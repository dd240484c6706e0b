import warnings

import torch
from torch import nn

from graphdistill.bench.kd import main
from graphdistill.bench.kd.ferkd import MisledTeacher
from graphdistill.bench.options import KDBench


def test_three_of_ten_images_mislead_and_always_the_same_ones():
    images = torch.rand(2000, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    teacher = MisledTeacher(network)
    rolled = (teacher(images) != network(images)).any(dim=1)
    assert abs(float(rolled.float().mean()) - 0.3) < 0.05
    assert torch.equal(teacher(images)[rolled], network(images)[rolled].roll(1, dims=1))
    assert torch.equal(teacher(images[5:9]), teacher(images)[5:9])


def test_calibration_stands_next_to_soft_labels(capsys):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="the teacher's validation accuracy")
        main(KDBench(parts=("ferkd",), seeds=1, steps=2, jobs=1))
    out = capsys.readouterr().out
    assert all(word in out for word in ("30% of the regions misleading", "misled", "soft labels and labels", "FerKD"))
