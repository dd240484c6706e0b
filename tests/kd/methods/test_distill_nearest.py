from dataclasses import replace

import pytest
import torch

from graphdistill.kd import KDConfig, fit_labels
from graphdistill.kd.data.images import ImageView
from graphdistill.kd.losses import KD
from graphdistill.kd.methods import distill_nearest
from graphdistill.kd.methods.distill_nearest import relevant_sources
from graphdistill.kd.teachers.ensemble import MeanTeachers
from tests.kd.methods.checks import batch_of, check_training, train
from tests.kd.samples import images, images_context, mlp


def with_sources(**words):
    """An untrained source, a trained one, and one that was trained on other labels."""
    trained = fit_labels(mlp(1, 64, 3), images(), KDConfig(steps=40, eval_every=40, lr=0.03))
    context = replace(images_context(), teacher=MeanTeachers([mlp(2, 64, 3), trained, mlp(3, 64, 3)]).eval())
    return replace(context, **words)


def test_the_source_that_knows_the_task_is_the_teacher():
    context, config = with_sources(), distill_nearest.Config(label_share=0.0)
    sources, relevance = relevant_sources(context, config)
    assert max(range(3), key=lambda i: relevance[i]) == 1
    index = images().train[5:9]
    batch = replace(batch_of(torch.rand(4, 3), torch.zeros(4, 3), images().y[index]), index=index)
    theirs = context.data.predict(sources[1], index).logits
    found = distill_nearest.objective(context, config)
    torch.testing.assert_close(found.loss(batch), KD()(batch.student.logits, theirs), atol=1e-5, rtol=1e-4)
    half = distill_nearest.objective(context, distill_nearest.Config(label_share=0.5))
    wanted = 0.5 * found.loss(batch) + 0.5 * context.label_loss(batch)
    torch.testing.assert_close(half.loss(batch), wanted, atol=1e-5, rtol=1e-4)
    assert not found.uses_teacher


def test_a_student_is_trained_from_one_source_or_several():
    check_training(distill_nearest.Config())
    trained, context = mlp(0, 64, 3), images_context()
    train(trained, MeanTeachers([mlp(2, 64, 3), mlp(1, 64, 3)]), context.data, distill_nearest.Config())
    assert all(value.isfinite().all() for value in trained.state_dict().values())


def test_an_empty_probe_is_refused():
    context = with_sources(data=ImageView(images(), labelled=torch.tensor([], dtype=torch.long)))
    with pytest.raises(ValueError, match="the probe is empty; give 3 or more labelled entries of 2 or more classes"):
        distill_nearest.objective(context, distill_nearest.Config())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"label_share": 1.0}, "--label-share must be 0 to below 1, got 1.0"),
        ({"probe": 2}, "--probe must be 3 or more, got 2"),
        ({"head_decay": 0.0}, "--head-decay must be above 0, got 0.0"),
    ],
)
def test_options_are_checked(words, message):
    with pytest.raises(ValueError, match=message):
        distill_nearest.Config(**words)
