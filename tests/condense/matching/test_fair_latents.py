from dataclasses import replace
from functools import cache

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from graphdistill.condense.matching.fair_latents import (
    FairLatents,
    GroupedRows,
    LatentConfig,
    assigned,
    fair_latents,
    half_encoder,
    parameters,
    train_teacher,
)
from graphdistill.core.networks.mlp import MLP
from graphdistill.core.networks.table_vae import posterior
from graphdistill.core.training.independence import distance_correlation

SHORT = LatentConfig(latent=2, width=16, teacher_steps=200, student_steps=150, batch_size=64, lr=0.02)


@cache
def rows(shift=0.0, n=240):
    """Merit, twice, and the group, twice; the class shows both, so that of the groups 15 and 85 % are of class 1."""
    draw = torch.Generator().manual_seed(0)
    group, merit = torch.arange(n) % 2, torch.randn(n, generator=draw)
    side = 2.0 * group - 1
    seen = merit + shift * side
    x = torch.stack([seen, seen, 2 * side, 2 * side], dim=1) + 0.3 * torch.randn(n, 4, generator=draw)
    return GroupedRows(x, (merit + side > 0).long(), group, 2, 2)


def dependence(mean):
    return float(distance_correlation(mean, F.one_hot(rows().group, 2).float()))


@cache
def fair():
    return fair_latents(rows(), SHORT, 0)


def test_latents_tell_nothing_of_the_group_where_they_are_kept_from_it():
    shifted = rows(shift=1.0)
    free, kept = (train_teacher(shifted, replace(SHORT, independence=weight), 0) for weight in (1e-9, 200.0))
    assert dependence(free.posterior(shifted.x)[0]) > 0.1
    assert dependence(kept.posterior(shifted.x)[0]) < 0.05
    assert fair().dependence() == pytest.approx(dependence(posterior(fair().student, rows().x)[0]))
    assert fair().dependence() < 0.03


def test_classes_from_them_follow_merit_in_both_groups_alike():
    shares = fair().shares(rows().x)
    torch.testing.assert_close(shares.sum(dim=1), torch.ones(len(shares)))
    picked = shares.argmax(dim=1).float()
    labels, found = ([float(v[rows().group == g].mean()) for g in (0, 1)] for v in (rows().y.float(), picked))
    assert labels[1] - labels[0] > 0.5
    assert abs(found[1] - found[0]) < 0.15
    assert torch.corrcoef(torch.stack([picked, rows().x[:, 0]]))[0, 1] > 0.6


def test_drawn_rows_have_merit_and_group_but_not_together():
    drawn = fair().draw(2000, torch.Generator().manual_seed(0))
    together = torch.corrcoef(drawn.T)
    assert together[0, 1] > 0.6
    assert together[2, 3] > 0.8
    assert together[:2, 2:].abs().max() < 0.2
    assert float(drawn[:, 2].mean()) == pytest.approx(0, abs=0.15)


def test_the_student_has_at_most_half_of_the_parameters_and_the_latents_of_the_teacher():
    assert 2 * parameters(fair().student) <= parameters(fair().teacher.encoder)
    wider = MLP((4,), 4, width=len(fair().student.head.weight[0]) + 1)
    assert 2 * parameters(wider) > parameters(fair().teacher.encoder)
    ours, theirs = fair().teacher.posterior(rows().x), posterior(fair().student, rows().x)
    assert F.mse_loss(ours[0], theirs[0]) < 0.1 * ours[0].var()
    with pytest.raises(ValueError, match=r"student has \d+ parameters, more than half of the teacher's \d+"):
        FairLatents(fair().teacher, wider, rows())
    with pytest.raises(ValueError, match="--width must be larger than 1: its encoder of 4 features and 2 latents has"):
        half_encoder(MLP((4,), 4, width=1), 4, 2, 1)


def test_the_same_seed_gives_the_same_latents():
    few = replace(SHORT, teacher_steps=3, student_steps=3)
    one, other, third = (fair_latents(rows(), few, seed).shares(rows().x) for seed in (0, 0, 1))
    assert torch.equal(one, other)
    assert not torch.equal(one, third)


def test_a_group_of_one_row_and_a_class_that_a_group_lacks_are_no_obstacle():
    few = replace(SHORT, teacher_steps=5, student_steps=5)
    group = torch.zeros_like(rows().group)
    group[3] = 2
    found = fair_latents(replace(rows(), group=group, groups=3), few, 0)
    assert bool(found.shares(rows().x).isfinite().all())
    assert found.draw(50, torch.Generator().manual_seed(0)).isfinite().all()


def test_one_group_is_refused():
    with pytest.raises(ValueError, match="all 240 training rows are of group 0; fairness is between two or more: name"):
        fair_latents(replace(rows(), group=torch.zeros_like(rows().group)), SHORT, 0)


@given(st.integers(0, 999), st.integers(2, 4), st.integers(1, 3))
def test_every_class_has_rows_enough_and_others_keep_their_likeliest(seed, classes, least):
    shares = torch.rand(12, classes, generator=torch.Generator().manual_seed(seed)).pow(3)
    label, first = assigned(shares, least), shares.argmax(dim=1)
    assert int(label.bincount(minlength=classes).min()) >= least
    counts = first.bincount(minlength=classes)
    for number in (counts >= least).nonzero().view(-1).tolist():
        assert set((label == number).nonzero().view(-1).tolist()) <= set((first == number).nonzero().view(-1).tolist())
    if int(counts.min()) >= least:
        assert torch.equal(label, first)
