from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from graphdistill.core.networks.convnet import ConvNet
from graphdistill.kd.config import KDConfig
from graphdistill.kd.data.images import ImageView
from graphdistill.kd.distill import fit_kd, fit_labels
from graphdistill.kd.methods import squarehead
from graphdistill.kd.objective import Batch
from graphdistill.kd.outputs import Outputs
from tests.kd.samples import images, images_context


def convnet(width=4, seed=0):
    torch.manual_seed(seed)
    return ConvNet((1, 8, 8), 3, width=width)


def test_the_loss_sums_all_stages():
    context = replace(images_context(), student=convnet(), teacher=convnet(seed=1))
    found = squarehead.objective(context, squarehead.Config(weight=2.0, logit_weight=3.0, temperature=1.0))
    assert list(found.student_layers) == list(found.teacher_layers) == ["blocks.0", "blocks.1"]
    maps = [{path: torch.randn(3, 4, 5, 5) for path in found.student_layers} for _ in range(2)]
    student, teacher = (Outputs(torch.randn(3, 3), features) for features in maps)
    y = torch.tensor([0, 2, 1])
    value = found.loss(Batch(torch.arange(3), {}, y, student, teacher, 0.0, torch.Generator())).mean()
    stages = sum(((maps[0][p] - maps[1][p]) ** 2).mean() / (maps[1][p] ** 2).mean() for p in found.student_layers)
    soft = F.kl_div(student.logits.log_softmax(1), teacher.logits.softmax(1), reduction="batchmean")
    assert value.item() == pytest.approx((2 * stages + 3 * soft + F.cross_entropy(student.logits, y)).item(), rel=1e-5)


def test_padding_is_left_out():
    context = replace(images_context(), student=convnet(), teacher=convnet(seed=1))
    loss = squarehead.objective(context, squarehead.Config()).loss
    h = torch.randn(2, 2, 5, 3)
    outputs = [Outputs(torch.zeros(2, 3), {"blocks.0": x, "blocks.1": x}) for x in h]
    mask, y = torch.tensor([[1, 1, 0, 0, 0], [1, 1, 1, 0, 0]]), torch.tensor([-1, -1])
    masked = loss(Batch(torch.arange(2), {"attention_mask": mask}, y, *outputs, 0.0, torch.Generator())).mean()
    kept = mask.bool()
    assert masked.item() == pytest.approx(
        2 * ((h[0] - h[1])[kept] ** 2).mean().item() / (h[1][kept] ** 2).mean().item()
    )


def test_a_sparse_student_keeps_its_zeros_and_learns():
    view = ImageView(images())
    teacher = fit_labels(convnet(8, 1), view, KDConfig(steps=30))
    student = convnet(8)
    fit_kd(student, teacher, view, squarehead.Config(sparsity=0.75), KDConfig(steps=20, eval_every=10))
    weights = [part.weight for part in student.modules() if isinstance(part, nn.Linear | nn.Conv2d)]
    assert [int((w == 0).sum()) for w in weights] == [int(0.75 * w.numel()) for w in weights]
    assert view.score(student, "valid") > 0.8


def test_another_architecture_is_refused():
    config = squarehead.Config()
    with pytest.raises(ValueError, match=r"blocks\.0 has shape \[2, 4, 4, 4\] in the student and \[2, 6, 4, 4\]"):
        squarehead.objective(replace(images_context(), student=convnet(4), teacher=convnet(6)), config)
    with pytest.raises(ValueError, match=r"the teacher has the stages penultimate and the student blocks\.0, blocks"):
        squarehead.objective(replace(images_context(), student=convnet(4)), config)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"logit_weight": -1}, "--logit-weight must be 0 or more, got -1"),
        ({"sparsity": 1}, "--sparsity must be from 0 to below 1, got 1"),
    ],
)
def test_options_are_checked(words, message):
    with pytest.raises(ValueError, match=message):
        squarehead.Config(**words)
