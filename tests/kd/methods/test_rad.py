from dataclasses import replace
from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from graphdistill.kd.data.text import text_view
from graphdistill.kd.methods import rad
from graphdistill.kd.objective import Batch
from graphdistill.kd.outputs import Outputs
from graphdistill.kd.selectors.margin import margin
from graphdistill.kd.selectors.robust_active import equaliser
from tests.kd.methods.checks import check_training
from tests.kd.samples import images_context, mlp, nodes_context, windows

CHOICES = ("rad", "random", "margin", "rs2")


class Counted(nn.Module):
    """A teacher that counts its questions."""

    def __init__(self):
        super().__init__()
        self.network, self.asked = mlp(1, 64, 3).eval(), 0

    def forward(self, images):
        self.asked += len(images)
        return self.network(images)


def sampled(context, config):
    """The objective, and the places of each step."""
    found = rad.objective(context, config)
    return found, [found.sample(context.batch_size) for _ in range(context.steps)]


@pytest.mark.parametrize("choice", CHOICES)
def test_the_teacher_is_asked_about_as_many_entries_as_allowed(choice):
    teacher = Counted()
    context = replace(images_context(batch_size=1000), teacher=teacher)
    config = rad.Config(queries=0.35, rounds=4, choice=choice, label_weight=0.0, wrong=0.2)
    _, places = sampled(context, config)
    assert teacher.asked == (20 if choice == "rs2" else 21)
    sizes = [len(place) for place in places]
    if choice == "rs2":
        assert sizes == [5] * 10
        assert len(torch.cat([places[0], places[3], places[5], places[8]]).unique()) == 20
    else:
        assert sizes == sorted(sizes)
        assert (sizes[0], sizes[-1]) == (5, 21)
        assert all(torch.isin(first, then).all() for first, then in pairwise(places))


def test_validation_alone_gives_the_number_of_wrong_answers():
    teacher = Counted()
    context = replace(images_context(), teacher=teacher)
    sampled(context, rad.Config(queries=0.2, rounds=2, label_weight=0.0))
    assert teacher.asked == 12 + len(context.data.data.valid)


def test_margin_asks_where_the_student_is_least_sure():
    context = images_context(batch_size=1000)
    _, places = sampled(context, rad.Config(queries=0.2, rounds=2, choice="margin", label_weight=0.0))
    first = places[0]
    new = places[-1][~torch.isin(places[-1], first)]
    rest = [i for i in range(60) if i not in first.tolist()]
    sure = margin(context.student(context.data.data.images[context.data.train])).tolist()
    assert sorted(new.tolist()) == sorted(sorted(rest, key=lambda i: sure[i])[:6])


def test_rad_asks_inside_of_the_support_of_its_distribution():
    context = images_context(batch_size=1000)
    with torch.no_grad():
        context.student[-1].weight *= 30  # for gains that differ
    _, places = sampled(context, rad.Config(queries=0.2, rounds=2, wrong=0.1, label_weight=0.0))
    first = places[0]
    new = places[-1][~torch.isin(places[-1], first)]
    rest = torch.tensor([i for i in range(60) if i not in first.tolist()])
    gains = 1 - margin(context.student(context.data.data.images[context.data.train][rest])).detach()
    q = equaliser(gains, 0.1 * len(rest))
    assert 6 <= int((q > 0).sum()) < len(rest)
    assert torch.isin(new, rest[q > 0]).all()


def test_the_loss_is_the_mean_over_answers_and_that_over_labels():
    context = images_context(batch_size=1000)
    context = replace(context, data=type(context.data)(context.data.data, labelled=context.data.train[:9]))
    config = rad.Config(queries=0.2, rounds=1, temperature=3.0, weight=2.0, label_weight=0.5)
    found = rad.objective(context, config)
    place = found.sample(1000)
    assert torch.isin(torch.arange(9), place).all()
    index = context.data.train[place]
    student = torch.randn(len(place), 3, generator=torch.Generator().manual_seed(0))
    batch = Batch(index, None, context.data.known(index), Outputs(student), Outputs(student), 0.0, torch.Generator())
    found = found.loss(batch).mean()
    fresh = rad._Questions(context, config)
    fresh.sample(1000)
    asked = fresh.asked[index]
    teacher = context.teacher(context.data.data.images[index[asked]])
    one, other = (teacher / 3).log_softmax(1), (student[asked] / 3).log_softmax(1)
    expected = 2 * 9 * F.kl_div(other, one, log_target=True, reduction="batchmean")
    expected = expected + 0.5 * F.cross_entropy(student, batch.y, ignore_index=-1)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("choice", CHOICES)
def test_a_student_is_trained(choice):
    check_training(rad.Config(queries=0.5, rounds=2, choice=choice))


def test_batches_pass_through_all_that_may_be_trained_on():
    context = images_context(batch_size=6)
    _, places = sampled(context, rad.Config(queries=0.2, rounds=1, label_weight=0.0))
    assert len(torch.cat(places[:2]).unique()) == 12


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"queries": 0}, "--queries must be above 0 to 1, a share of the training entries, got 0"),
        ({"queries": 1.5}, "--queries must be above 0 to 1, a share of the training entries, got 1.5"),
        ({"rounds": 0}, "--rounds must be 1 or more, got 0"),
        ({"until": 2}, "--until must be 0 to 1, got 2"),
        ({"wrong": -1}, "--wrong must be 0 to 1, got -1"),
    ],
)
def test_options_are_checked(words, message):
    with pytest.raises(ValueError, match=message):
        rad.Config(**words)


def test_a_round_has_a_question():
    with pytest.raises(ValueError, match=r"--queries 0\.05 of 60 entries is 3 questions, fewer than --rounds 5"):
        rad.objective(nodes_context(), rad.Config(queries=0.05))


def test_windows_of_a_language_model_have_no_single_answer():
    context = replace(nodes_context(), data=text_view(windows()))
    with pytest.raises(ValueError, match="rad asks about entries with one label each, but those of cycle have many"):
        rad.objective(context, rad.Config())
