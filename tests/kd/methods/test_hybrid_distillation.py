from dataclasses import replace

import pytest
import torch

from graphdistill.kd.methods import hybrid_distillation
from tests.kd.samples import images_context
from tests.kd.test_masked_autoencoder import vit


def test_the_masked_autoencoder_is_new_and_the_teacher_stays():
    teacher = vit(seed=1)
    before = {name: value.clone() for name, value in teacher.state_dict().items()}
    masked = hybrid_distillation.masked_autoencoder(replace(images_context(), teacher=teacher), teacher, 3)
    assert all(torch.equal(before[name], value) for name, value in teacher.state_dict().items())
    assert (masked.positions - teacher.positions).abs().max() > 0.01
    assert (masked.blocks[0].attention.qkv.weight - teacher.blocks[0].attention.qkv.weight).abs().max() > 0.01


def test_the_student_learns_from_few_labels():
    context = replace(images_context(), student=vit(), teacher=vit(depth=3, seed=1), steps=60)
    context.data.labelled = torch.arange(15)
    found = hybrid_distillation.distill(context, hybrid_distillation.Config(pretraining_steps=10))
    assert found.valid > 0.5


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"relation_weight": -1}, "--relation-weight must be 0 or more, got -1"),
        ({"feature_weight": float("inf")}, "--feature-weight must be 0 or more, got inf"),
        ({"pretraining_steps": 0}, "--pretraining-steps must be 1 or more, got 0"),
    ],
)
def test_options_are_checked(words, message):
    with pytest.raises(ValueError, match=message):
        hybrid_distillation.Config(**words)
