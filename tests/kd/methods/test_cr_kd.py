from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from graphdistill.kd.data.images import ImageView
from graphdistill.kd.methods import cr_kd
from graphdistill.kd.objective import Batch
from graphdistill.kd.targets.class_relation import relation_weights, sinkhorn_labels
from tests.kd.samples import images, images_context, mlp


def novel_context(**words):
    """Six classes by the row that is bright and the half that is bright in it; those of the last two rows are novel."""
    data = images()
    y = data.y * 2 + (torch.arange(90) // 3) % 2
    pixels = data.images.clone()
    pixels[y % 2 == 1, 0, :, :4] *= 0.2
    pixels[y % 2 == 0, 0, :, 4:] *= 0.2
    data = replace(data, images=pixels, y=y)
    view = ImageView(data, labelled=data.train[y[data.train] < 4])
    return replace(images_context(**words), student=mlp(0, 64, 6), teacher=mlp(1, 64, 6).eval(), data=view)


def batch_of(context, found, index):
    draws = torch.Generator().manual_seed(0)
    inputs = found.augment(context.data.inputs(index), index, draws)
    run = context.data.run
    student, teacher = (run(net, index, inputs=inputs) for net in (context.student, context.teacher))
    return Batch(index, inputs, context.data.known(index), student, teacher.detach(), 0.0, draws)


def test_the_loss_is_the_sum_of_its_terms():
    context, config = novel_context(), cr_kd.Config(alpha=0.7, temperature=2.0)
    found = cr_kd.objective(context, config)
    batch = batch_of(context, found, torch.arange(20))
    got = found.loss(batch)
    first = batch.student.logits
    second = context.student(batch.inputs["second"]["images"])
    novel = batch.y < 0
    assert 0 < int(novel.sum()) < 20
    torch.testing.assert_close(got[~novel], F.cross_entropy(first[~novel], batch.y[~novel], reduction="none"))
    a, b = first[novel], second[novel]
    swapped = 0
    for mine, other in ((a, b), (b, a)):
        label = sinkhorn_labels(other[:, 4:].detach() * 0.1, 0.05)
        swapped = swapped - 0.5 * (label * mine.log_softmax(dim=1)[:, 4:]).sum(dim=1)
    p = (batch.teacher.logits[novel, :4] / 2).softmax(dim=1)
    related = 4 * relation_weights(a, 4, 2.0) * F.cross_entropy(a[:, :4] / 2, p, reduction="none")
    torch.testing.assert_close(got[novel], swapped + 0.7 * related)


def test_novel_classes_are_found():
    context = novel_context(steps=150)
    result = cr_kd.distill(context, cr_kd.Config(least_area=0.9))
    assert result.step == 150  # validation labels of novel classes choose nothing
    test = context.data.data.test
    y, predicted = context.data.labels(test), context.data.predict(context.student, test).logits[:, 4:].argmax(dim=1)
    hit = (predicted == y - 4)[y >= 4].float().mean()
    assert max(float(hit), 1 - float(hit)) > 0.9
    known = context.data.predict(context.student, test).logits.argmax(dim=1) == y
    assert known[y < 4].float().mean() > 0.8


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"novel": 1}, "--novel must be 2 or more, got 1"),
        ({"alpha": -1}, "--alpha must be 0 or more, got -1"),
        ({"epsilon": 0}, "--epsilon must be above 0, got 0"),
        ({"sharpness": 0}, "--sharpness must be above 0, got 0"),
        ({"least_area": 0}, "--least-area must be above 0 to 1, got 0"),
    ],
)
def test_options_are_checked(words, message):
    with pytest.raises(ValueError, match=message):
        cr_kd.Config(**words)


def test_data_without_novel_or_known_classes_are_refused():
    context = novel_context()
    with pytest.raises(ValueError, match="--novel must leave 2 or more of the 6 classes, got 5"):
        cr_kd.objective(context, cr_kd.Config(novel=5))
    with pytest.raises(ValueError, match="no entry is unlabelled"):
        cr_kd.objective(replace(context, data=ImageView(context.data.data)), cr_kd.Config())
