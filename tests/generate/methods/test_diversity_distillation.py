import pytest
import torch

from graphdistill.generate.config import GenerateConfig
from graphdistill.generate.context import Context
from graphdistill.generate.generator import Generator, Step
from graphdistill.generate.methods.diversity_distillation import Config, distill, with_base
from graphdistill.generate.mixture import ring, table_of
from graphdistill.generate.space import Entries, Space

MIXTURE = ring()


def test_the_first_steps_are_those_of_the_exact_teacher():
    """A student that knows one component of each class draws both after a step of the teacher has decided."""
    lazy = ring()
    student = Generator(lazy, [Step(sigma=0.3)])
    made = with_base(student, MIXTURE, base_steps=12)
    assert made.evaluations == 13
    assert [step.model for step in made.steps] == [1] * 12 + [0]
    assert [step.move for step in made.steps[:12]] == ["ode"] * 12
    assert made.steps[0].sigma == pytest.approx(MIXTURE.schedule.sigma_max)
    y = torch.zeros(400, dtype=torch.long)
    drawn = made.draw(y, generator=torch.Generator().manual_seed(0))
    # From pure noise of the student's level its entries lie between the two components of the class.
    alone = student.draw(y, generator=torch.Generator().manual_seed(0))
    away = [torch.cdist(x, MIXTURE.network.means[:2]).min(dim=1).values.mean() for x in (drawn, alone)]
    assert away[0] < away[1]


def test_the_student_is_made_by_distribution_matching():
    mixture = ring()
    mixture.steps = 2
    table = table_of(mixture, 200)
    entries = Entries(table, "rows", table.x, table.y, 4, Space((2,)))
    context = Context(teacher=mixture, entries=entries, config=GenerateConfig(steps=1, batch_size=8, sampling_steps=2))
    made = distill(context, Config(base_steps=2, guidance=1.0, gan=0))
    assert [step.evaluations for step in made.steps] == [2, 2, 1, 1]
    assert made.steps[2].sigma == pytest.approx(2.5)


def test_a_student_that_begins_at_the_highest_level_leaves_no_step():
    student = Generator(MIXTURE, [Step(sigma=10.0)])
    with pytest.raises(ValueError, match="--start must be below the teacher's highest noise level 10, got 10"):
        with_base(student, MIXTURE, 1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"base_steps": 0}, "--base-steps must be 1 or more, got 0"),
        ({"guidance": -1.0}, "--guidance must be 0 or more, got -1.0"),
        ({"critic_steps": 0}, "--critic-steps must be 1 or more, got 0"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Config(**options)
