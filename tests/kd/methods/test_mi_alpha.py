import pytest
import torch

from graphdistill.core.networks.convnet import ConvNet
from graphdistill.kd.config import KDConfig
from graphdistill.kd.data.images import ImageView
from graphdistill.kd.distill import fit_kd, fit_labels
from graphdistill.kd.methods import kd, mi_alpha
from graphdistill.kd.objective import Batch
from graphdistill.kd.outputs import Outputs
from tests.kd.samples import images, images_context, mlp

LAYER = "penultimate"


def test_the_loss_is_kds_minus_the_information():
    context = images_context()
    config = mi_alpha.Config(mi_weight=2.0)
    found, plain = mi_alpha.objective(context, config), kd.objective(context, kd.Config())
    student, teacher = (Outputs(torch.randn(7, 3), {LAYER: torch.randn(7, 16)}) for _ in range(2))
    batch = Batch(torch.arange(7), None, torch.arange(7) % 3, student, teacher, 0.0, torch.Generator().manual_seed(0))
    information = -found.module[0](student.features[LAYER], teacher.features[LAYER]).mean()
    assert torch.allclose(found.loss(batch), plain.loss(batch) - 2 * information, atol=1e-5)


@pytest.mark.parametrize("layers", ["last", "last-k", "skip"])
def test_the_student_learns(layers):
    view = ImageView(images())
    teacher = fit_labels(ConvNet((1, 8, 8), 3, width=8), view, KDConfig(steps=30))
    student = ConvNet((1, 8, 8), 3, width=4)
    config = mi_alpha.Config(layers=layers, pairs=20)
    fit_kd(student, teacher, view, config, KDConfig(steps=40, eval_every=20))
    assert view.score(student, "valid") > 0.8


def test_a_seed_is_a_student():
    view = ImageView(images())
    teacher, states = mlp(1, 64, 3), []
    for seed in (0, 0, 1):
        student = mlp(0, 64, 3)
        fit_kd(student, fit_labels(teacher, view, KDConfig(steps=2)), view, "mi-alpha", KDConfig(steps=3), seed=seed)
        states.append(student[1].weight.detach())
        teacher = mlp(1, 64, 3)
    assert torch.equal(states[0], states[1])
    assert not torch.equal(states[0], states[2])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"alpha": 2}, "--alpha must be from 0 to 1, got 2"),
        ({"mi_weight": -1}, "--mi-weight must be 0 or more, got -1"),
        ({"pairs": 2}, "--pairs must be 3 or more, got 2"),
    ],
)
def test_options_are_checked(words, message):
    with pytest.raises(ValueError, match=message):
        mi_alpha.Config(**words)
