from dataclasses import replace

import pytest
import torch
from torch import nn

from graphdistill.kd.config import KDConfig
from graphdistill.kd.data.images import ImageView
from graphdistill.kd.distill import fit_kd, fit_labels
from graphdistill.kd.features import NormDirection, class_means
from graphdistill.kd.losses.kl import KD
from graphdistill.kd.methods import kd_plus_plus
from graphdistill.kd.objective import Batch
from graphdistill.kd.outputs import Outputs
from tests.kd.samples import images, images_context, mlp

LAYER = "penultimate"


def narrow():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 6), nn.ReLU(), nn.Linear(6, 3))


def test_the_loss_is_the_sum_of_its_parts():
    context = replace(images_context(), student=narrow())
    config = kd_plus_plus.Config(norm_weight=3.0, warm_up=0.5, weight=2.0)
    found = kd_plus_plus.objective(context, config)
    data, known = context.data.data, context.teacher_outputs((LAYER,)).features[LAYER]
    assert torch.allclose(found.module.means, class_means(known, data.y[data.train], 3))
    student = Outputs(torch.randn(3, 3), {LAYER: torch.randn(3, 6)})
    teacher = Outputs(torch.randn(3, 3), {LAYER: torch.randn(3, 16)})
    y = torch.tensor([1, -1, 2])
    batch = Batch(torch.arange(3), None, y, student, teacher, 0.25, torch.Generator())
    wanted = (
        0.5 * 2 * KD(4.0)(student.logits, teacher.logits)
        + 3
        * NormDirection(found.module.means)(
            found.module(student.features[LAYER]),
            teacher.features[LAYER],
            torch.tensor([1, int(teacher.logits[1].argmax()), 2]),
        )
        + context.label_loss(batch)
    )
    assert torch.allclose(found.loss(batch), wanted)


def test_embeddings_turn_to_the_class_means():
    view = ImageView(images())
    teacher = fit_labels(mlp(1, 64, 3), view, KDConfig(steps=30))
    known = view.predict(teacher, view.train, [LAYER]).features[LAYER]
    y = view.labels(view.train)
    means = class_means(known, y, 3)
    cosines = []
    for name in ("kd", "kd-plus-plus"):
        student = mlp(0, 64, 3)
        fit_kd(student, teacher, view, name, KDConfig(steps=40, eval_every=40))
        own = view.predict(student, view.train, [LAYER]).features[LAYER]
        cosines.append(torch.cosine_similarity(own, means[y]).mean())
    assert cosines[1] > cosines[0] + 0.05


def test_a_student_of_the_teachers_width_has_no_projection():
    assert isinstance(kd_plus_plus.objective(images_context(), kd_plus_plus.Config()).module.project, nn.Identity)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"norm_weight": -1}, "--norm-weight must be 0 or more, got -1"),
        ({"warm_up": 2}, "--warm-up must be from 0 to 1, got 2"),
        ({"temperature": 0}, "--temperature must be above 0, got 0"),
    ],
)
def test_options_are_checked(words, message):
    with pytest.raises(ValueError, match=message):
        kd_plus_plus.Config(**words)
