import pytest
import torch
import torch.nn.functional as F

from graphdistill.kd.objective import label_loss
from tests.kd.samples import images_context, nodes_context


def test_the_mean_of_the_label_loss_is_that_over_known_labels():
    logits, y = torch.randn(5, 3), torch.tensor([0, -1, 2, -1, -1])
    known = F.cross_entropy(logits[[0, 2]], y[[0, 2]])
    assert label_loss(logits, y).mean().item() == pytest.approx(known.item())
    assert label_loss(logits, torch.full((5,), -1)).tolist() == [0.0] * 5


def test_teacher_outputs_are_computed_once_over_the_training_entries():
    context = images_context()
    outputs = context.teacher_outputs(["1"])
    assert outputs.logits.shape == (60, 3)
    assert outputs.features["1"].shape == (60, 16)
    assert context.teacher_outputs(["1"]) is outputs
    assert torch.equal(outputs.logits, context.teacher(context.data.data.images[:60]))
    assert len(nodes_context().teacher_outputs().logits) == 60  # students learn from all nodes


def test_a_probe_has_the_widths_of_layers():
    student, teacher = images_context().probe(["1"], ["penultimate"])
    assert (student.features["1"].shape, teacher.features["penultimate"].shape) == ((2, 16), (2, 16))


def test_purposes_have_streams_of_their_own():
    context = nodes_context(seed=3)
    first, second = (torch.rand(2, generator=context.generator(name)) for name in ("a", "b"))
    assert not torch.equal(first, second)
    assert torch.equal(first, torch.rand(2, generator=context.generator("a")))
