from dataclasses import replace

import pytest
import torch
from torch import nn

from graphdistill.core.networks.convnet import ConvNet
from graphdistill.kd.data.images import ImageView
from graphdistill.kd.losses import JSD, SymmetricKL
from graphdistill.kd.methods import ssld
from graphdistill.kd.teachers.normalization import batch_statistics
from tests.kd.methods.checks import batch_of, check_training, logits, train
from tests.kd.samples import images, images_context, mlp, nodes_context


def few_labels():
    """Images of which six are labelled."""
    return replace(images_context(), data=ImageView(images(), labelled=images().train[:6]))


def test_both_divergences():
    student, teacher, y = logits()
    batch = batch_of(student, teacher, y)
    for name, loss in (("symmetric-kl", SymmetricKL()), ("js", JSD())):
        found = ssld.objective(nodes_context(), ssld.Config(divergence=name))
        torch.testing.assert_close(found.loss(batch), loss(student, teacher))


def test_the_surest_unlabelled_entries_of_each_predicted_class_take_part():
    context = few_labels()
    chosen = ssld.chosen_places(context, 2)
    p = context.teacher_outputs().logits.softmax(1)
    wanted = set(range(6))
    for c in range(3):
        mine = [i for i in range(6, 60) if int(p[i].argmax()) == c]
        wanted |= set(sorted(mine, key=lambda i: -float(p[i].max()))[:2])
    assert chosen.tolist() == sorted(wanted)
    assert len(ssld.chosen_places(context, None)) <= 60
    assert ssld.chosen_places(images_context(), 1).tolist() == list(range(60))


def test_steps_draw_the_chosen_entries_alone():
    found = ssld.objective(few_labels(), ssld.Config(per_class=2))
    chosen = set(ssld.chosen_places(few_labels(), 2).tolist())
    drawn = [found.sample(4) for _ in range(10)]
    assert set(torch.cat(drawn).tolist()) == chosen
    assert found.sample(1000).tolist() == sorted(chosen)
    assert ssld.objective(images_context(), ssld.Config()).sample is None


def test_the_teachers_batch_norm_sees_the_batch():
    torch.manual_seed(0)
    teacher = ConvNet((1, 8, 8), 3, width=4, norm="batch").eval()
    context = replace(images_context(), teacher=teacher)
    found = ssld.objective(context, ssld.Config())
    assert not found.uses_teacher
    index = images().train[:7]
    batch = replace(batch_of(torch.rand(7, 3), torch.rand(7, 3), torch.zeros(7)), index=index)
    batch = replace(batch, inputs=context.data.inputs(index))
    with batch_statistics(teacher):
        theirs = teacher(images().images[index])
    torch.testing.assert_close(found.loss(batch), SymmetricKL()(batch.student.logits, theirs))
    assert ssld.objective(context, ssld.Config(teacher_norm="running")).uses_teacher
    train(mlp(0, 64, 3), teacher, context.data, ssld.Config())
    assert isinstance(teacher.blocks[0][1], nn.BatchNorm2d)
    assert int(teacher.blocks[0][1].num_batches_tracked) == 0


def test_a_student_is_trained():
    check_training(ssld.Config())
    trained = mlp(0, 64, 3)
    train(trained, mlp(1, 64, 3), few_labels().data, ssld.Config(per_class=1))
    assert not torch.equal(trained[1].weight, mlp(0, 64, 3)[1].weight)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"divergence": "kl"}, "--divergence must be symmetric-kl or js, got kl"),
        ({"per_class": 0}, "--per-class must be 1 or more, got 0"),
        ({"teacher_norm": "layer"}, "--teacher-norm must be batch or running, got layer"),
    ],
)
def test_options_are_checked(words, message):
    with pytest.raises(ValueError, match=message):
        ssld.Config(**words)
