from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from graphdistill.condense.config import CondenseConfig
from graphdistill.condense.data.learnable import LearnableSet
from graphdistill.condense.data.nodes import LearnableNodes
from graphdistill.condense.data.training_data import Kind
from graphdistill.condense.distill import distill_condense
from graphdistill.condense.matching.checkpoint import read_checkpoint
from graphdistill.condense.matching.loop import Diverged, distill
from graphdistill.condense.matching.objective import Objective, Recipe, Step
from graphdistill.condense.matching.schedule import Schedule
from graphdistill.condense.methods import FAMILY, dc
from graphdistill.condense.methods.dm import MomentMatch
from graphdistill.core.sets.synthetic import SyntheticSet
from graphdistill.core.training.augment import NO_AUGMENT
from tests.condense.quick import quick, quick_config
from tests.condense.samples import bars, context_of, real, real_data, seeded

LEARNERS = [
    (name, kind)
    for name in FAMILY.names()
    for kind in FAMILY.kinds(name)
    if hasattr(FAMILY.module(name), "recipe") and kind != "graphs"
]


@dataclass(frozen=True)
class ToGrey:
    """An objective that pulls all that is learnt to 0.5, and can be made to fail."""

    fails_at: float = 2.0

    def accumulate(self, step: Step) -> float:
        loss = torch.stack([(value - 0.5).square().sum() for value in step.synthetic.parameters().values()]).sum()
        return math.nan if step.fraction_done >= self.fails_at else step.synthetic.backward(loss)


class Cut(Exception):
    """Somebody pulled the plug."""


def recipe(objective: Objective | None = None, **changes: object) -> Recipe:
    base = Recipe(objective=objective or MomentMatch(8), schedule=Schedule(), augment=NO_AUGMENT, steps=10, lr=0.05)
    return replace(base, **changes)  # type: ignore[arg-type]


def grey(synthetic: SyntheticSet) -> float:
    """A score that prefers grey."""
    assert isinstance(synthetic.data, torch.Tensor)
    return -float((synthetic.data - 0.5).abs().mean())


def run(what: Recipe, validate=grey, seed: int = 0, kind: Kind = "images", **more) -> SyntheticSet:
    return distill(real_data(kind), 2, what, validate=validate, generator=seeded(seed), **more)


def same(one: SyntheticSet, other: SyntheticSet) -> bool:
    assert isinstance(one.data, torch.Tensor)
    assert isinstance(other.data, torch.Tensor)
    return torch.equal(one.data, other.data) and torch.equal(one.y, other.y)


def test_it_learns_and_says_what_it_did() -> None:
    synthetic = run(recipe(ToGrey()))
    assert synthetic.y.tolist() == [0, 0, 1, 1, 2, 2]
    assert isinstance(synthetic.data, torch.Tensor)
    assert float((synthetic.data - 0.5).abs().max()) < 0.3
    checks = synthetic.meta["checks"]
    assert isinstance(checks, list)
    assert [step for step, _ in checks] == [0, 2, 4, 6, 8, 10]
    assert synthetic.meta["chosen_step"] == 10
    assert synthetic.meta["valid"] == checks[-1][1]


def test_soft_labels_are_learnt_along(tmp_path: Path) -> None:
    def start() -> LearnableSet:
        x, y = real().sample(1, seeded(3))
        return LearnableSet(x, y, 3 * torch.eye(3)[y])

    what = replace(dc.recipe(context_of(), dc.Config()), steps=10, lr=0.1)
    whole = run(replace(what, start=start()), lambda synthetic: float(synthetic.y.max()))
    assert whole.y.shape == (3, 3)
    assert whole.y.argmax(dim=1).tolist() == [0, 1, 2]
    first = start().freeze()
    synthetic = start()
    run(replace(what, start=synthetic), checkpoint=tmp_path / "c")
    assert synthetic.logits is not None
    state = read_checkpoint(tmp_path / "c", {})
    assert set(state.now) == {"x", "logits"}
    assert not torch.equal(state.now["logits"].softmax(dim=1), first.y)


def test_step_sizes_by_name_and_further_tensors_are_learnt_along() -> None:
    x, y = real().sample(1, seeded(3))
    synthetic = LearnableSet(x, y, torch.eye(3)[y])
    synthetic.extra["rate"] = torch.zeros((), requires_grad=True)
    lrs = {"x": 0.05, "logits": 0.0, "rate": 0.1}
    end = run(recipe(ToGrey(), start=synthetic, lr=lrs))
    assert synthetic.logits is not None
    assert torch.equal(synthetic.logits, torch.eye(3)[y])
    assert 0.3 < synthetic.extra["rate"].item() < 0.7
    assert isinstance(end.data, torch.Tensor)
    assert float((end.data - 0.5).abs().max()) < 0.3
    assert end.meta["lr"] == lrs
    with pytest.raises(ValueError, match="lr has no step size for logits, rate; it has x"):
        run(recipe(ToGrey(), start=synthetic, lr={"x": 0.1}))


def test_the_average_is_judged_and_returned_and_learning_goes_on_from_the_values() -> None:
    seen: list[torch.Tensor] = []
    check = lambda synthetic: seen.append(synthetic.data) or float(len(seen))  # type: ignore[func-returns-value]  # noqa: E731
    x = torch.zeros(1, 1, 8, 8)
    synthetic = LearnableSet(x, torch.tensor([0]))
    end = run(recipe(ToGrey(), start=synthetic, momentum=0.0, lr=0.25, steps=5, average=0.5), check)
    now, average, wanted = 0.0, 0.0, [0.0]
    for _ in range(5):
        now += 0.5 * (0.5 - now)  # a quarter of the gradient, which is twice the difference
        average = (average + now) / 2
        wanted.append(average)
    assert [float(data.mean()) for data in seen] == pytest.approx(wanted, abs=0.5 / 255)
    assert isinstance(end.data, torch.Tensor)
    assert torch.equal(end.data, seen[-1])


def test_momentum_as_torch_has_it() -> None:
    seen: list[torch.Tensor] = []
    run(recipe(ToGrey(), steps=5), lambda synthetic: seen.append(synthetic.data) or float(len(seen)))  # type: ignore[func-returns-value]
    x = torch.nn.Parameter(seen[0].clone())
    optimizer = torch.optim.SGD([x], lr=0.05, momentum=0.5)
    for after in seen[1:]:
        optimizer.zero_grad()
        (x - 0.5).square().sum().backward()
        optimizer.step()
        torch.testing.assert_close(after, x.detach(), rtol=0, atol=0.01)


def test_validation_chooses_and_the_start_is_a_candidate() -> None:
    start = run(recipe(ToGrey()), lambda synthetic: -grey(synthetic))
    assert start.meta["chosen_step"] == 0
    scores = iter([0.1, 0.2, 0.9, 0.3, 0.4, 0.5])
    middle = run(recipe(ToGrey()), lambda synthetic: next(scores))
    assert (middle.meta["chosen_step"], middle.meta["valid"]) == (4, 0.9)
    assert grey(start) < grey(middle) < grey(run(recipe(ToGrey())))


def test_patience_stops_early() -> None:
    scores = iter([0.1, 0.9, 0.3, 0.4, 0.5])
    synthetic = run(recipe(ToGrey()), lambda synthetic: next(scores))
    assert [step for step, _ in synthetic.meta["checks"]] == [0, 2, 4, 6, 8]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("name", "kind"), [(name, kind) for name in FAMILY.names() for kind in FAMILY.kinds(name) if kind != "graphs"]
)
def test_the_same_seed_gives_the_same_bytes_and_the_global_generator_is_left_alone(name: str, kind: Kind) -> None:
    before, module, config = torch.get_rng_state(), FAMILY.module(name), quick_config(name)

    def made(seed: int) -> SyntheticSet:
        if hasattr(module, "recipe"):
            return run(replace(module.recipe(quick(kind, seed=seed), config), steps=6), seed=seed, kind=kind)
        synthetic: SyntheticSet = module.select(quick(kind, seed=seed), config)
        return synthetic

    one, other, third = made(1), made(1), made(2)
    assert same(one, other)
    assert (name, kind) not in LEARNERS or not same(one, third)
    assert torch.equal(torch.get_rng_state(), before)


def cut_and_taken_up(what: Callable[[], Recipe], path: Path, cut: int, kind: Kind) -> None:
    """Run whole, and run until a check that fails and go on from there: both have to come to the same."""
    whole = run(what(), kind=kind)
    left = cut

    def pull_the_plug(synthetic: SyntheticSet) -> float:
        nonlocal left
        left -= 1
        if left < 0:
            raise Cut
        return grey(synthetic)

    with pytest.raises(Cut):
        run(what(), pull_the_plug, kind=kind, checkpoint=path)
    assert 0 <= read_checkpoint(path, {}).step < 20
    again = run(what(), kind=kind, checkpoint=path, resume=True)
    assert same(whole, again)
    assert again.meta["checks"] == whole.meta["checks"]
    # Taken up once more, it is done already.
    assert same(whole, run(what(), pull_the_plug, kind=kind, checkpoint=path, resume=True))


@pytest.mark.parametrize(("name", "kind", "cut"), [(*one, 1 + place % 2) for place, one in enumerate(LEARNERS)])
def test_a_run_that_was_cut_and_taken_up_ends_in_the_same_bytes(
    name: str, kind: Kind, cut: int, tmp_path: Path
) -> None:
    module, config = FAMILY.module(name), quick_config(name)
    cut_and_taken_up(lambda: replace(module.recipe(quick(kind), config), steps=20), tmp_path / "c", cut, kind)


@pytest.mark.parametrize("kind", ["images", "nodes"])
@pytest.mark.parametrize("cut", [1, 3])
@pytest.mark.parametrize(
    "changes",
    [
        {"optimizer": "sgd", "momentum": 0.9},
        {"optimizer": "adam", "lr": 0.02},
        {"optimizer": "adam", "lr": 0.02, "betas": (0.5, 0.99), "average": 0.8, "cosine": True},
        {"optimizer": "sgd", "average": 0.9, "schedule": Schedule(outer=2, inner=2, optimizer="adam")},
        {"optimizer": "adam", "soft": True, "lr": {"x": 0.02, "logits": 0.1}, "schedule": Schedule(outer=4, inner=1)},
    ],
    ids=str,
)
def test_so_does_one_with_any_optimiser(changes: dict[str, Any], kind: Kind, cut: int, tmp_path: Path) -> None:
    whole, changes = real_data(kind), dict(changes)
    soft, index = changes.pop("soft", False), torch.arange(6)

    def what() -> Recipe:
        start = whole.init_from(index, torch.eye(3)[whole.y[index]]) if soft else None
        return recipe(steps=20, start=start, **changes)

    cut_and_taken_up(what, tmp_path / "c", cut, kind)


def test_nodes_begin_as_means_of_real_ones_and_are_learnt_in_their_deviations() -> None:
    seen: list[SyntheticSet] = []
    end = run(recipe(ToGrey()), lambda synthetic: seen.append(synthetic) or float(len(seen)), kind="nodes")  # type: ignore[func-returns-value]
    whole = real_data("nodes")
    assert isinstance(seen[0].data, torch.Tensor)
    for label, members in enumerate(whole.members):  # of groups of the same size
        mean = whole.flat()[members].mean(dim=0)
        torch.testing.assert_close(seen[0].data[seen[0].y == label].mean(dim=0), mean, rtol=1e-2, atol=1e-4)
    synthetic = whole.init_random(2, seeded())
    assert isinstance(synthetic, LearnableNodes)
    synthetic.origin = seen[0].data
    with torch.no_grad():
        synthetic.x += 0.5  # where the objective pulls it
    assert isinstance(end.data, torch.Tensor)
    torch.testing.assert_close(
        end.data, synthetic.features().detach(), rtol=0, atol=0.3 * float(synthetic.deviation.max())
    )


def test_without_resume_a_checkpoint_is_written_over(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint"
    run(recipe(ToGrey()), checkpoint=path)
    first = read_checkpoint(path, {})
    run(recipe(ToGrey()), seed=1, checkpoint=path)
    assert read_checkpoint(path, {}).facts != first.facts


def test_another_seed_may_not_take_it_up(tmp_path: Path) -> None:
    run(recipe(ToGrey()), checkpoint=tmp_path / "c")
    with pytest.raises(ValueError, match="was written with seed"):
        run(recipe(ToGrey()), seed=1, checkpoint=tmp_path / "c", resume=True)


def test_data_is_known_by_its_content_and_not_by_its_name(tmp_path: Path) -> None:
    config, path = CondenseConfig(method="dm", per_class=1, steps=2, bits="full"), tmp_path / "c"
    whole = distill_condense(bars(), config, checkpoint=path)
    assert whole.meta["data_digest"] == bars().digest
    renamed = replace(bars(), name="another name", notes="moved")
    again = distill_condense(renamed, config, checkpoint=path, resume=True)
    assert same(whole, again)
    turned = bars().images.flip(0)
    for other in (replace(bars(), images=turned), replace(bars(), valid=bars().valid[:-1])):
        with pytest.raises(ValueError, match=f"of other data, of digest '{bars().digest}', but now the digest is"):
            distill_condense(other, config, checkpoint=path, resume=True)


def test_a_recipe_of_other_settings_may_not_take_it_up(tmp_path: Path) -> None:
    run(recipe(ToGrey()), checkpoint=tmp_path / "c")
    for other in (recipe(ToGrey(), lr=0.06), recipe(ToGrey(), schedule=Schedule(outer=2)), recipe()):
        with pytest.raises(ValueError, match="is of another recipe, of digest"):
            run(other, checkpoint=tmp_path / "c", resume=True)


def test_a_checkpoint_of_another_version_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(recipe(ToGrey()), checkpoint=tmp_path / "c")
    monkeypatch.setattr("graphdistill.condense.matching.loop.__version__", "9.9")
    with pytest.raises(ValueError, match=r"was written with graphdistill '.*', but now it is '9\.9'; give the same"):
        run(recipe(ToGrey()), checkpoint=tmp_path / "c", resume=True)


def test_a_loss_that_is_no_number_stops_with_the_step_and_leaves_a_way_on(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint"
    with pytest.raises(Diverged, match="the loss is nan or a value of the set is not finite at step 5") as caught:
        run(recipe(ToGrey(fails_at=0.5)), checkpoint=path)
    assert (caught.value.step, caught.value.good_step) == (5, 4)
    state = read_checkpoint(path, {})
    assert (state.step, state.scale) == (4, 0.5)
    again = run(recipe(ToGrey()), checkpoint=path, resume=True)
    assert again.meta["chosen_step"] == 10
    assert grey(again) > grey(caught.value.good)


def test_pixels_that_are_not_finite_stop_it_too() -> None:
    with pytest.raises(Diverged, match="a value of the set is not finite at step 0") as caught:
        run(recipe(ToGrey(), lr=math.nan))
    assert bool(torch.as_tensor(caught.value.good.data).isfinite().all())


def test_how_many_checks_and_how_much_patience() -> None:
    often = run(recipe(ToGrey()), checks=10)
    assert [step for step, _ in often.meta["checks"]] == list(range(11))  # type: ignore[attr-defined]
    scores = iter([0.9, 0.1, 0.5])
    once = run(recipe(ToGrey()), lambda synthetic: next(scores), patience=2)
    assert [step for step, _ in once.meta["checks"]] == [0, 2, 4]  # type: ignore[attr-defined]
    for words in ({"checks": 0}, {"patience": 0}):
        with pytest.raises(ValueError, match=f"{next(iter(words))} must be 1 or more, got 0"):
            run(recipe(ToGrey()), **words)


@pytest.mark.parametrize("words", [{"checks": 4}, {"patience": 2}])
def test_a_run_with_other_checks_may_not_take_it_up(words: dict[str, int], tmp_path: Path) -> None:
    run(recipe(ToGrey()), checkpoint=tmp_path / "c")
    with pytest.raises(ValueError, match=f"was written with .*{next(iter(words))} ., but now it is"):
        run(recipe(ToGrey()), checkpoint=tmp_path / "c", resume=True, **words)


def test_checks_are_at_steps_with_fresh_networks() -> None:
    synthetic = run(recipe(ToGrey(), steps=11, schedule=Schedule(outer=4)))
    assert [step for step, _ in synthetic.meta["checks"]] == [0, 4, 8, 11]  # type: ignore[attr-defined]
