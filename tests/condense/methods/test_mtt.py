from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from graphdistill.condense.data.learnable import LearnableSet
from graphdistill.condense.matching.experts import Window
from graphdistill.condense.matching.loop import distill
from graphdistill.condense.matching.objective import Recipe, Step
from graphdistill.condense.matching.unroll import FlatNetwork, Unroll
from graphdistill.condense.methods import mtt
from graphdistill.condense.methods.mtt import LOG_LR, TrajectoryMatch, student
from graphdistill.core.networks.convnet import ConvNet
from graphdistill.core.randomness import scoped
from graphdistill.core.sets.synthetic import SyntheticSet
from graphdistill.core.training.augment import NO_AUGMENT, Augment
from tests.condense.oracles_trajectories import student_naive
from tests.condense.samples import context_of, real, seeded


def match(steps: int = 4, **changes: object) -> TrajectoryMatch:
    with scoped(0, "weights"):
        net = FlatNetwork(ConvNet((1, 8, 8), 3, width=4))
    count = sum(shape.numel() for shape in net.shapes.values())
    experts = torch.randn(2, 5, count, generator=seeded()).mul(0.2).cumsum(dim=1)
    return replace(TrajectoryMatch(net, experts, Window(0, 2), span=2, steps=steps), **changes)  # type: ignore[arg-type]


def step(per_class: int = 1, augment: Augment = NO_AUGMENT, seed: int = 0, soft: bool = False) -> Step:
    images = real()
    index = images.sample_indices(per_class, seeded(5))
    logits = torch.randn(len(index), 3, generator=seeded(6)) if soft else None
    synthetic = student(LearnableSet(images.x[index], images.y[index], logits), 0.5)
    return Step(synthetic, images, None, augment, seeded(seed), 0.5)


def gradients(objective: TrajectoryMatch, here: Step) -> dict[str, torch.Tensor]:
    objective.accumulate(here)
    return {name: value.grad for name, value in here.synthetic.parameters().items() if value.grad is not None}


@pytest.mark.parametrize("soft", [False, True])
def test_the_loss_is_a_share_of_the_way(soft: bool) -> None:
    """One of the starts there are, and a stock optimiser from there."""
    objective, here = match(), step(soft=soft)
    loss = objective.accumulate(here)
    found = []
    for path in objective.experts:
        for first in range(3):
            torch.nn.utils.vector_to_parameters(path[first].clone(), objective.network.net.parameters())
            with torch.no_grad():
                x, y = here.synthetic.inputs(), here.synthetic.labels
            end = student_naive(objective.network.net, x, y, 0.5, 4)
            goal = path[first + 2]
            found.append(float((end - goal).square().sum() / (path[first] - goal).square().sum()))
    assert min(abs(loss - wanted) for wanted in found) < 1e-5
    assert len({round(wanted, 4) for wanted in found}) == 6


@pytest.mark.parametrize("augment", [NO_AUGMENT, Augment()])
@pytest.mark.parametrize("per_class", [1, 4])
def test_the_sweep_sees_what_the_student_saw(augment: Augment, per_class: int) -> None:
    """The same batches under the same augmentations, of images, labels and step size."""
    found = [
        gradients(match(unroll=unroll, batch=5), step(per_class, augment, soft=True)) for unroll in ("reverse", "full")
    ]
    assert found[0].keys() == {"x", "logits", LOG_LR}
    for name, value in found[0].items():
        torch.testing.assert_close(value, found[1][name], rtol=1e-4, atol=1e-6)


def test_gradients_add_up() -> None:
    here = step()
    once = {name: value.clone() for name, value in gradients(match(), here).items()}
    twice = gradients(match(), replace(here, generator=seeded(0)))
    for name, value in once.items():
        torch.testing.assert_close(twice[name], 2 * value)


def test_batches_take_turns() -> None:
    index = match(steps=4, batch=5)._batches(12, seeded())
    assert [len(part) for part in index if part is not None] == [5, 5, 5, 5]
    first, second = ([int(i) for part in index[at : at + 2] if part is not None for i in part] for at in (0, 2))
    assert len(set(first)) == len(set(second)) == 10
    assert match(steps=2, batch=12)._batches(12, seeded()) == [None, None]


def test_a_step_above_the_bound_changes_nothing() -> None:
    assert gradients(match(max_loss=1e-9), step()) == {}
    assert gradients(match(max_loss=1e9), step()) != {}


@pytest.mark.parametrize("unroll", ["reverse", "tesla"])
def test_the_generator_says_it_all(unroll: Unroll) -> None:
    torch.manual_seed(1)
    one = gradients(match(unroll=unroll), step(2, Augment(), seed=3))
    torch.manual_seed(2)
    same, other = (gradients(match(unroll=unroll), step(2, Augment(), seed=seed)) for seed in (3, 4))
    assert all(torch.equal(value, same[name]) for name, value in one.items())
    assert not torch.equal(one["x"], other["x"])


def test_experts_that_are_too_short_are_refused() -> None:
    with pytest.raises(ValueError, match="latest epoch 3 and span 2 lead past the experts' last epoch 4"):
        match(window=Window(0, 3))


def test_the_recipe_learns_images_and_a_step_size() -> None:
    recipe = mtt.recipe(context_of(), mtt.Config(experts=2))
    assert recipe.start is not None
    assert recipe.start.parameters().keys() == {"x", LOG_LR} == dict(recipe.lr).keys()  # type: ignore[call-overload]
    assert recipe.start.y.tolist() == [0, 0, 1, 1, 2, 2]
    assert isinstance(recipe.objective, TrajectoryMatch)
    assert recipe.objective.unroll == "reverse"
    same, other = mtt.recipe(context_of(), mtt.Config(experts=2)), mtt.recipe(context_of(seed=1), mtt.Config(experts=2))
    assert torch.equal(recipe.objective.experts, same.objective.experts)  # type: ignore[attr-defined]
    assert not torch.equal(recipe.objective.experts, other.objective.experts)  # type: ignore[attr-defined]


class Cut(Exception):
    """Somebody pulled the plug."""


@pytest.mark.bits
def test_a_run_that_was_cut_ends_in_the_same_bytes(tmp_path: Path) -> None:
    """Images, labels and the step size, with augmentations and batches."""

    def run(validate: Callable[[SyntheticSet], float], resume: bool = False) -> tuple[SyntheticSet, float]:
        synthetic = step(2, soft=True).synthetic
        recipe = Recipe(
            objective=match(batch=4), schedule=None, augment=Augment(), steps=5, lr=0.05, cosine=True, start=synthetic
        )
        path = tmp_path / "checkpoint.safetensors"
        made = distill(real(), 2, recipe, validate=validate, generator=seeded(), checkpoint=path, resume=resume)
        return made, synthetic.extra[LOG_LR].item()

    def cut(_: SyntheticSet) -> float:
        if not calls.pop():
            raise Cut
        return -len(calls)

    counter, calls = itertools.count(), [0, 1, 1, 1]
    whole, lr = run(lambda _: next(counter))
    with pytest.raises(Cut):
        run(cut)
    again, same_lr = run(lambda _: next(counter), resume=True)
    assert torch.equal(whole.data, again.data)  # type: ignore[arg-type]
    assert torch.equal(whole.y, again.y)
    assert lr == same_lr != pytest.approx(math.log(0.5))


@pytest.mark.parametrize(
    ("options", "latest"), [({}, 10), ({"expert_epochs": 5, "span": 1}, 4), ({"max_start_epoch": 3}, 3)]
)
def test_the_latest_start_is_that_which_the_span_allows(options: dict[str, int], latest: int) -> None:
    config = mtt.Config(experts=1, **options)  # type: ignore[arg-type]
    objective = mtt.recipe(context_of(), config).objective
    assert isinstance(objective, TrajectoryMatch)
    assert objective.window == Window(0, latest)
