from dataclasses import replace

import pytest
import torch

from graphdistill.kd.config import KDConfig
from graphdistill.kd.data.images import ImageView
from graphdistill.kd.data.tagged import TaggedView
from graphdistill.kd.distill import fit_kd, fit_labels
from graphdistill.kd.losses.kl import KD
from graphdistill.kd.methods import swing
from graphdistill.kd.objective import Batch
from graphdistill.kd.outputs import Outputs
from tests.kd.samples import images, images_context, mlp, tagged


class Memory(torch.nn.Module):
    """A teacher that is sure of the labels of the first entries alone, whatever they show."""

    def __init__(self, view, known):
        super().__init__()
        data = view.data
        self.table = {data.images[i].numpy().tobytes(): int(data.y[i]) for i in known.tolist()}

    def forward(self, images):
        out = torch.zeros(len(images), 3)
        for i, image in enumerate(images):
            if (label := self.table.get(image.numpy().tobytes())) is not None:
                out[i, label] = 6.0
        return out


def noisy_context(**words):
    """Images whose labels are random, so that only a network that saw them can know them."""
    view = ImageView(replace(images(), y=torch.arange(90).flip(0) % 7 % 3))
    context = images_context(**words)
    return replace(context, data=view, teacher=Memory(view, view.train[:30]))


def test_memorised_samples_have_a_score_and_others_have_none():
    context = noisy_context(steps=20)
    score = swing.privacy_scores(context, 2)
    assert score.shape == (60,)
    assert score[:30].mean() > 0.4
    assert score[30:].max() <= 0.5
    assert score[:30].mean() > 2 * score[30:].mean()


def test_entries_without_labels_have_no_score():
    context = noisy_context(steps=5)
    context = replace(context, data=ImageView(context.data.data, labelled=torch.arange(10)))
    score = swing.privacy_scores(context, 2)
    assert score[10:].tolist() == [0] * 50
    assert score[:10].max() > 0


def test_without_strength_and_noise_it_is_kd():
    context = images_context(steps=2)
    found = swing.objective(context, swing.Config(strength=0.0, noise=0.0, temperature=3.0))
    index = torch.tensor([5, 0, 59])
    student = torch.randn(3, 3, generator=torch.Generator().manual_seed(0))
    teacher = context.teacher(context.data.data.images[index]).detach()
    batch = Batch(index, None, torch.zeros(3).long(), Outputs(student), Outputs(teacher), 0.0, torch.Generator())
    torch.testing.assert_close(found.loss(batch), KD(3.0)(student, teacher))


def test_targets_are_drawn_once_and_are_those_of_the_seed():
    zeros = torch.zeros(4, 3)
    batch = Batch(torch.arange(4), None, zeros[:, 0].long(), Outputs(zeros), Outputs(zeros), 0.0, torch.Generator())
    values = []
    for _ in range(2):
        found = swing.objective(noisy_context(steps=3), swing.Config())
        values += [found.loss(batch), found.loss(batch)]
    assert all(torch.equal(values[0], value) for value in values)


def test_a_student_is_trained_on_a_view_of_the_images():
    view = ImageView(images())
    student = mlp(0, 64, 3)
    teacher = fit_labels(mlp(1, 64, 3), view, KDConfig(steps=30))
    fit_kd(student, teacher, view, "swing", KDConfig(steps=30))
    assert view.score(student, "test") > 0.8


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"strength": -1}, "--strength must be 0 or more, got -1"),
        ({"noise": float("nan")}, "--noise must be 0 or more, got nan"),
        ({"folds": 1}, "--folds must be 2 or more, got 1"),
    ],
)
def test_options_are_checked(words, message):
    with pytest.raises(ValueError, match=message):
        swing.Config(**words)


def test_questions_about_tagged_words_have_no_folds():
    with pytest.raises(
        ValueError, match="swing trains on folds of the entries, but those of names are questions that sh"
    ):
        swing.check(TaggedView(tagged()), swing.Config())
