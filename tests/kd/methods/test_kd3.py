import copy
from dataclasses import replace

import pytest
import torch
from torch import nn

from graphdistill.core.networks.convnet import ConvNet
from graphdistill.core.networks.vit import ViT
from graphdistill.kd.data.images import ImageView
from graphdistill.kd.distill import fit_kd
from graphdistill.kd.losses import KD
from graphdistill.kd.methods import kd3
from graphdistill.kd.outputs import PENULTIMATE, outputs_of
from tests.kd.methods.checks import batch_of, train
from tests.kd.samples import images, images_context, mlp


def net(seed, width):
    torch.manual_seed(seed)
    return ConvNet((1, 8, 8), 3, width=width)


def context():
    return replace(images_context(), student=net(0, 4), teacher=net(1, 8).eval())


def batch_on(found, index):
    """A batch with the features that the loss reads."""
    inputs = found.data.inputs(index)
    student, teacher = (outputs_of(part, inputs, (PENULTIMATE,)) for part in (found.student, found.teacher))
    plain = batch_of(student.logits, teacher.logits, images().y[index])
    return replace(plain, index=index, inputs=inputs, student=student, teacher=teacher)


def test_the_student_answers_by_the_teachers_classifier():
    found, config = context(), kd3.Config(contrast=0.0, feature_weight=0.0)
    objective = kd3.objective(found, config)
    batch = batch_on(found, images().train[:6])
    shared = found.teacher.head(objective.module(batch.student.features[PENULTIMATE]))
    torch.testing.assert_close(batch.student.logits, shared)
    torch.testing.assert_close(objective.loss(batch), KD(2.0)(shared, batch.teacher.logits))
    nn.init.zeros_(objective.module.weight)
    objective.after_step(0.0)
    torch.testing.assert_close(found.student.head.weight, torch.zeros_like(found.student.head.weight))


def test_features_count_by_the_teachers_confidence_and_the_contrast_is_added():
    batch = batch_on(found := context(), images().train[:6])
    parts = {}
    for name, words in {"kd": {}, "features": {"feature_weight": 2.0}, "contrast": {"contrast": 1.0}}.items():
        objective = kd3.objective(found, kd3.Config(**{"contrast": 0.0, "feature_weight": 0.0, **words}))
        parts[name] = objective.loss(replace(batch, generator=torch.Generator().manual_seed(0)))
    ours, theirs = objective.module(batch.student.features[PENULTIMATE]), batch.teacher.features[PENULTIMATE]
    sure = batch.teacher.logits.softmax(1).amax(1)
    wanted = 2 * sure / sure.mean() * (ours - theirs).square().mean(1)
    torch.testing.assert_close(parts["features"] - parts["kd"], wanted, atol=1e-5, rtol=1e-4)
    assert bool((parts["contrast"] > parts["kd"]).all())


def test_equally_many_of_each_class_are_chosen_by_both_networks():
    found, config = context(), kd3.Config(keep=0.3, teacher_share=0.25)
    draws = kd3.objective(found, config).sample
    chosen = kd3.chosen_places(found, config)
    x = images().images[images().train]
    p = (0.25 * found.teacher(x).softmax(1) + 0.75 * found.student(x).softmax(1)).detach()
    wanted = set()
    for c in range(3):
        mine = sorted((i for i in range(60) if int(p[i].argmax()) == c), key=lambda i: -float(p[i].max()))
        wanted |= set(mine[:6])
    assert set(chosen.tolist()) == wanted
    assert set(torch.cat([draws(3) for _ in range(20)]).tolist()) <= wanted


def test_the_trained_student_is_the_same_with_one_seed_and_needs_no_labels():
    view = ImageView(images(), labelled=torch.tensor([], dtype=torch.long))
    students = []
    for _ in range(2):
        students.append(net(0, 4))
        teacher = net(1, 8)
        before = copy.deepcopy(teacher.state_dict())
        train(students[-1], teacher, view, kd3.Config(refresh=2), steps=5)
        assert all(torch.equal(value, before[key]) for key, value in teacher.state_dict().items())
    first, second = (student.state_dict() for student in students)
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert not torch.equal(first["blocks.0.0.weight"], net(0, 4).state_dict()["blocks.0.0.weight"])


def test_networks_without_a_last_linear_layer_are_refused():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = mlp(1, 64, 3)

        def forward(self, x):
            return 2 * self.inner(x)

    message = "but the teacher Twice does not end in a linear layer with bias; choose kd for it"
    with pytest.raises(ValueError, match=message):
        fit_kd(net(0, 4), Twice(), ImageView(images()), "kd3")


def test_students_of_tokens_are_trained_and_those_without_feature_maps_need_no_contrast():
    torch.manual_seed(0)
    vit = ViT((1, 8, 8), 3, width=8, depth=1)
    train(vit, net(1, 4), ImageView(images()), kd3.Config())
    assert all(value.isfinite().all() for value in vit.state_dict().values())
    message = "statistics of feature maps, which the student Sequential does not have; set --contrast 0, or"
    with pytest.raises(ValueError, match=message):
        train(mlp(0, 64, 3), net(1, 4), ImageView(images()), kd3.Config())
    train(mlp(0, 64, 3), net(1, 4), ImageView(images()), kd3.Config(contrast=0.0))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"temperature": 0.0}, "--temperature must be above 0, got 0.0"),
        ({"contrast_temperature": 0.0}, "--contrast-temperature must be above 0, got 0.0"),
        ({"keep": 1.5}, "--keep must be above 0 to 1, got 1.5"),
        ({"teacher_share": -1.0}, "--teacher-share must be 0 to 1, got -1.0"),
        ({"refresh": 0}, "--refresh must be 1 or more, got 0"),
        ({"contrast": -1.0}, "--contrast must be 0 or more, got -1.0"),
    ],
)
def test_options_are_checked(words, message):
    with pytest.raises(ValueError, match=message):
        kd3.Config(**words)
