from dataclasses import replace

import pytest
import torch

from graphdistill.kd.losses import KD
from graphdistill.kd.methods import distill_weighted
from graphdistill.kd.methods.distill_nearest import relevant_sources
from graphdistill.kd.teachers.parc import task_weights
from tests.kd.methods.checks import batch_of, check_training
from tests.kd.methods.test_distill_nearest import with_sources
from tests.kd.samples import images


def gradient(value, student):
    return torch.autograd.grad(value.sum(), student)[0]


def test_the_gradient_is_that_of_the_weighted_divergences():
    context, config = with_sources(), distill_weighted.Config(label_share=0.0, power=1.0)
    sources, relevance = relevant_sources(context, config)
    index, student = images().train[5:9], torch.rand(4, 3, requires_grad=True)
    batch = replace(batch_of(student, torch.zeros(4, 3), images().y[index]), index=index)
    each = zip(task_weights(relevance, 1.0).tolist(), sources, strict=True)
    naive = sum(weight * KD()(student, context.data.predict(source, index).logits) for weight, source in each)
    found = distill_weighted.objective(context, config).loss(batch)
    torch.testing.assert_close(gradient(found, student), gradient(naive, student), atol=1e-5, rtol=1e-4)


def test_a_student_is_trained():
    check_training(distill_weighted.Config())


def test_options_are_checked():
    with pytest.raises(ValueError, match="--power must be 0 or more, got -1"):
        distill_weighted.Config(power=-1)
    with pytest.raises(ValueError, match="--probe must be 3 or more, got 2"):
        distill_weighted.Config(probe=2)
