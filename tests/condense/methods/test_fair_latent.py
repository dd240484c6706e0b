from dataclasses import replace
from functools import cache

import pytest
import torch

from graphdistill.condense.config import CondenseConfig
from graphdistill.condense.data.kinds import training_data_of
from graphdistill.condense.data.rows import TrainingRows
from graphdistill.condense.distill import distill_condense
from graphdistill.condense.matching.objective import MethodContext, Step
from graphdistill.condense.methods import fair_latent
from graphdistill.condense.methods.ridge import RowRidge
from graphdistill.core.evaluation.group_gaps import parity_gap
from graphdistill.core.evaluation.protocol import valid_score
from graphdistill.core.evaluation.tables import TableProtocol
from graphdistill.core.training.augment import NO_AUGMENT
from graphdistill.core.training.fit import FitConfig
from graphdistill.datasets import load
from tests.condense.samples import seeded

FIT = FitConfig(steps=60, batch_size=128, eval_every=20)


@cache
def biased():
    """The biased table with fewer rows."""
    data = load("biased-table")
    return replace(data, train=data.train[:500])


def protocol(data=None):
    return TableProtocol(data or biased(), trainings=1, fit=FIT)


def distilled(data=None, per_class=4, steps=30, **options):
    config = fair_latent.Config(**{"teacher_steps": 150, "student_steps": 60, **options})
    here = protocol(data)
    settings = CondenseConfig(method=config, per_class=per_class, steps=steps, checks=2, bits="full")
    return here, distill_condense(here.data, settings, protocol=here)


@cache
def made():
    return distilled()


def gap_of(here, synthetic):
    net, _ = here.train(synthetic, 5)
    with torch.no_grad():
        return parity_gap(net(here.data.x).argmax(dim=1), here.data.group)


def test_a_network_trained_on_fair_rows_treats_real_groups_more_alike():
    here, synthetic = made()
    assert len(synthetic) == 8
    assert gap_of(here, synthetic) < 0.6 * gap_of(here, here.training_split())
    net, _ = here.train(synthetic, 5)
    assert here.score(net, "valid") > 0.8
    found = synthetic.meta
    assert 0.3 < found["repair"] <= 1
    assert found["label_gap"] <= 0.07
    assert 2 * found["student_parameters"] <= found["teacher_parameters"]
    assert abs(found["latent_dependence"]) < 0.05
    assert found["checks"][0][0] == 0


def test_without_a_limit_nothing_is_repaired():
    _, synthetic = distilled(max_gap=1.0, teacher_steps=2, student_steps=2, steps=1)
    assert synthetic.meta["repair"] == 0
    assert synthetic.meta["label_gap"] > 0.15


def repair():
    here = protocol()
    context = MethodContext(training_data_of(here), 2, here)
    config = fair_latent.Config(teacher_steps=20, student_steps=20)
    real, data = context.real, here.data
    rows = fair_latent.GroupedRows(real.x, real.y, data.group[data.train], 2, 2)
    latents = fair_latent.LatentConfig(teacher_steps=config.teacher_steps, student_steps=20)
    return fair_latent.Repair(fair_latent.train_teachers(context)[0], fair_latent.fair_latents(rows, latents, 0))


def test_the_repair_is_the_least_of_those_that_keep_the_limit():
    found, data = repair(), biased()
    with torch.no_grad():
        plain = found.net(data.x).softmax(dim=1)
    torch.testing.assert_close(found.shares(data.x, 0), plain)
    torch.testing.assert_close(found.shares(data.x, 1), found.fair.shares(data.x))
    torch.testing.assert_close(found.shares(data.x, 0.25), 0.75 * plain + 0.25 * found.fair.shares(data.x))
    gaps = {step / 20: parity_gap(found.shares(data.x, step / 20).argmax(dim=1), data.group) for step in range(21)}
    limit = (gaps[0.0] + min(gaps.values())) / 2
    assert found.least(data.x, data.group, limit) == min(step for step, gap in gaps.items() if gap <= limit)
    assert gaps[found.least(data.x, data.group, -1)] == min(gaps.values())


def test_the_objective_is_ridge_regression_of_the_repaired_classes():
    here = protocol()
    other = replace(here.data, y=1 - here.data.y)
    relabelled, real = TrainingRows(protocol(other)), training_data_of(here)
    step = Step(real.init_random(2, seeded()), real, None, NO_AUGMENT, seeded())
    ours = fair_latent.RelabelledRidge(0.2, 2, 64, relabelled=relabelled).accumulate(step)
    theirs = RowRidge(0.2, 2, 64).accumulate(replace(step, real=relabelled, generator=seeded()))
    assert ours == pytest.approx(theirs)
    assert ours != pytest.approx(RowRidge(0.2, 2, 64).accumulate(replace(step, generator=seeded())))


def test_the_score_of_a_set_is_lowered_by_the_gap_above_the_limit():
    here, synthetic = made()
    score = valid_score(here, synthetic)
    assert fair_latent.fair_score(here, 1.0, synthetic) == score
    net, _ = fair_latent.selection_training(here, synthetic)
    known = torch.cat([here.data.train, here.data.valid])
    with torch.no_grad():
        gap = parity_gap(net(here.data.x[known]).argmax(dim=1), here.data.group[known])
    assert fair_latent.fair_score(here, 0.0, synthetic) == pytest.approx(score - gap)


def test_a_set_may_have_more_rows_of_a_class_than_there_are():
    rare = biased()
    few = torch.cat([rare.train[rare.y[rare.train] == 0], rare.train[rare.y[rare.train] == 1][:12]])
    _, synthetic = distilled(replace(rare, train=few), per_class=20, teacher_steps=5, student_steps=5, steps=1)
    assert synthetic.y.bincount().tolist() == [20, 20]
    with pytest.raises(ValueError, match="--per-class 20 is more than the 12 training rows of class 1"):
        distill_condense(replace(rare, train=few), CondenseConfig(method="ridge", per_class=20))


def test_a_table_with_three_groups_classes_that_one_lacks_and_a_group_of_few_rows():
    data = biased()
    group = torch.where(torch.arange(len(data.x)) % 50 == 0, 2, data.group)
    y = torch.where((data.x[:, 0] > 1) & (group == 0), 2, data.y)
    _, synthetic = distilled(
        replace(data, group=group, groups=(), y=y, classes=()), teacher_steps=5, student_steps=5, steps=2
    )
    assert synthetic.y.bincount().tolist() == [4, 4, 4]
    assert synthetic.data.isfinite().all()


def test_a_table_without_groups_or_with_one_is_refused():
    with pytest.raises(ValueError, match=r"but wine names none; give --group-column \(in Python load\(\.\.\., group="):
        distill_condense(load("wine"), CondenseConfig(method="fair-latent", per_class=2))
    one = replace(biased(), group=torch.zeros_like(biased().group))
    with pytest.raises(ValueError, match="all 500 training rows are of group 0; fairness is between two or more"):
        distill_condense(one, CondenseConfig(method="fair-latent", per_class=2))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_gap": 1.5}, "--max-gap must be from 0 to 1, got 1.5"),
        ({"independence": 0.0}, "--independence must be above 0, got 0.0"),
        ({"latent": 0}, "--latent must be 1 or more, got 0"),
        ({"teacher_steps": 0}, "--teacher-steps must be 1 or more, got 0"),
    ],
)
def test_options_are_checked(options, message):
    with pytest.raises(ValueError, match=message):
        fair_latent.Config(**options)
