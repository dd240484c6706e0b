from __future__ import annotations

import runpy
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphdistill.condense.data.training_data import Kind
from graphdistill.condense.matching.objective import Recipe, gradient, row_distance
from graphdistill.condense.matching.schedule import Schedule
from graphdistill.condense.methods.dm import MomentMatch
from graphdistill.core.training.augment import NO_AUGMENT, Augment
from tests.condense.methods.steps import step_of
from tests.condense.samples import real_data, seeded
from tests.reference import row_distance_naive


def layers(seed: int) -> list[torch.Tensor]:
    draw = seeded(seed)
    shapes = ((3, 2, 2, 2), (3,), (2, 5))
    return [torch.randn(shape, generator=draw, dtype=torch.float64) for shape in shapes]


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 99), st.integers(0, 99))
def test_the_distance_number_by_number(one: int, other: int) -> None:
    a, b = layers(one), layers(other)
    assert float(row_distance(a, b)) == pytest.approx(row_distance_naive(a, b), rel=1e-6, abs=1e-9)
    assert float(row_distance(a, [3 * x for x in a])) == pytest.approx(0, abs=1e-9)
    assert float(row_distance(a, [-x for x in a])) == pytest.approx(10)  # 3 and 2 outputs, twice


def test_the_gradient_is_that_of_the_loss() -> None:
    here = step_of(NO_AUGMENT)
    found = gradient(here.net, here.synthetic.x, here.synthetic.y)
    torch.nn.functional.cross_entropy(here.net(here.synthetic.x), here.synthetic.y).backward()
    for ours, parameter in zip(found, here.net.parameters(), strict=True):
        torch.testing.assert_close(ours, parameter.grad)
        assert not ours.requires_grad
    assert all(
        g.requires_grad for g in gradient(here.net, here.synthetic.x, here.synthetic.y, differentiable=True)[:-1]
    )


def test_a_view_is_one_draw_for_both_sides() -> None:
    here = step_of(Augment())
    for _ in range(8):
        view = here.view()
        assert torch.equal(view(here.real.x[:2]), view(here.real.x[:2]))


def test_a_recipe_has_steps() -> None:
    with pytest.raises(ValueError, match="--steps must be 1 or more, got 0"):
        Recipe(objective=MomentMatch(), schedule=Schedule(), augment=NO_AUGMENT, steps=0, lr=1.0)


@pytest.mark.parametrize("kind", ["images", "nodes"])
def test_gradients_of_gradients_reach_what_is_learnt(kind: Kind) -> None:
    whole = real_data(kind)
    synthetic, index = whole.init_from(torch.arange(6), torch.eye(3)[whole.y[:6]]), torch.arange(2, 5)
    net = whole.network()
    wanted = gradient(net, whole.inputs(torch.arange(6, 12)), whole.y[6:12])
    ours = gradient(net, synthetic.inputs(index), synthetic.labels[index], differentiable=True)
    synthetic.backward(row_distance(ours, wanted))
    assert synthetic.logits is not None
    for value in (synthetic.x, synthetic.logits):
        assert value.grad is not None
        assert (value.grad.flatten(1).norm(dim=1) > 0).tolist() == [False, False, True, True, True, False]
    assert all(p.grad is None for p in net.parameters())


def test_the_example_adds_a_method_that_learns(capsys: pytest.CaptureFixture[str]) -> None:
    path = Path(__file__).parents[3] / "examples" / "condense_own_method.py"
    before = torch.get_rng_state()
    names = runpy.run_path(str(path))
    assert torch.equal(torch.get_rng_state(), before)
    accuracies = [float(line.rsplit(" ", 1)[1]) for line in capsys.readouterr().out.splitlines()]
    assert max(accuracies) > accuracies[0] + 0.05
    assert len(names["synthetic"]) == 10
    code = path.read_text(encoding="utf-8").partition("@dataclass")[2]
    assert len([line for line in code.splitlines() if line.strip()]) <= 30
