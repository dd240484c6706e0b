from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from graphdistill.kd.distill import fit_kd
from graphdistill.kd.methods import meal_v2
from graphdistill.kd.teachers.ensemble import MeanTeachers
from tests.kd.methods.checks import batch_of, check_training, logits, train
from tests.kd.samples import mlp, nodes_context


def test_the_loss_is_the_cross_entropy_to_the_mean_of_probabilities_whatever_the_labels():
    context = replace(nodes_context(), teacher=MeanTeachers([mlp(1), mlp(2)]).eval())
    found = meal_v2.objective(context, meal_v2.Config())
    mean = torch.stack([member(context.data.data.x).softmax(1) for member in context.teacher.members]).mean(0)
    student = torch.randn(60, 10)
    batch = batch_of(student, context.teacher_outputs().logits, torch.full((60,), -1))
    torch.testing.assert_close(found.loss(batch), F.cross_entropy(student, mean.detach(), reduction="none"))
    assert found.module is None


def test_a_student_is_trained():
    check_training(meal_v2.Config())


def test_the_discriminator_is_an_option_that_is_trained_along():
    student, teacher, y = logits()
    found = meal_v2.objective(nodes_context(), meal_v2.Config(discriminator=0.5))
    plain = meal_v2.objective(nodes_context(), meal_v2.Config()).loss(batch_of(student, teacher, y))
    both = found.loss(batch_of(student, teacher, y))
    torch.testing.assert_close(both, plain + 0.5 * found.module(student, teacher))
    context, trained = nodes_context(), mlp(0)
    train(trained, MeanTeachers([mlp(1), mlp(2)]), context.data, meal_v2.Config(discriminator=0.5))
    assert all(value.isfinite().all() for value in trained.state_dict().values())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"ensemble": 0}, "--ensemble must be 1 or more, got 0"),
        ({"discriminator": -1.0}, "--discriminator must be 0 or more, got -1.0"),
    ],
)
def test_options_are_checked(words, message):
    with pytest.raises(ValueError, match=message):
        meal_v2.Config(**words)


def test_teachers_without_the_classes_of_the_data_are_refused():
    teachers = MeanTeachers([mlp(1, 10, 4), mlp(2, 10, 4)])
    with pytest.raises(ValueError, match="the teacher has 4 logits, but ring has 10 classes; train a teacher on these"):
        fit_kd(mlp(0, 10, 4), teachers, nodes_context().data, "meal-v2")
