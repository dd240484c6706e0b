"""Condensation on another device than the CPU: a second one that is simulated, and the GPU where there is one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from graphdistill.condense.config import CondenseConfig
from graphdistill.condense.data.kinds import protocol_of
from graphdistill.condense.data.training_data import Kind
from graphdistill.condense.distill import distill_condense
from graphdistill.condense.extend import Recipe, distill_by
from graphdistill.condense.matching.checkpoint import read_checkpoint
from graphdistill.condense.matching.loop import distill
from graphdistill.condense.matching.objective import MethodContext
from graphdistill.condense.methods import FAMILY, dm, frepo, fyi
from graphdistill.core.methods import MethodConfig
from graphdistill.core.sets.synthetic import SyntheticSet
from tests.condense.graph_samples import chains, graph_context
from tests.condense.quick import quick, quick_config
from tests.condense.samples import bars, context_of, pairs, seeded
from tests.second_device import second_device


def context(kind: Kind, device: torch.device | str) -> MethodContext:
    here = graph_context() if kind == "graphs" else quick(kind)
    return replace(here, real=here.real.to(device))


def config_of(name: str) -> MethodConfig:
    return fyi.Config(group="identity") if name == "fyi" else quick_config(name)


def rising() -> Callable[[SyntheticSet], float]:
    """Prefers the last set."""
    seen: list[SyntheticSet] = []
    return lambda synthetic: seen.append(synthetic) or float(len(seen))  # type: ignore[func-returns-value]


def made(name: str, kind: Kind, device: torch.device | str) -> dict[str, Tensor]:
    """The payload of a set after two steps, or of a selection."""
    here, module = context(kind, device), FAMILY.module(name)
    if hasattr(module, "select"):
        synthetic: SyntheticSet = module.select(here, config_of(name))
        return synthetic.payload()
    recipe: Recipe = replace(module.recipe(here, config_of(name)), steps=2)
    end = distill(here.real, 2, recipe, validate=rising(), generator=seeded())
    assert end.meta["chosen_step"] == 2
    return end.payload()


@pytest.mark.parametrize(("name", "kind"), [(name, kind) for name in FAMILY.names() for kind in FAMILY.kinds(name)])
def test_every_method_makes_the_same_set_on_a_second_device(name: str, kind: Kind) -> None:
    here = made(name, kind, "cpu")
    with second_device() as device:
        there = made(name, kind, device)
    assert there.keys() == here.keys()
    for part, value in here.items():
        assert there[part].device.type == "cpu"
        assert torch.equal(there[part], value)


class Cut(Exception):
    """The run ends here."""


@pytest.mark.parametrize(
    ("name", "kind", "steps"),
    [("dm", "images", 4), ("frepo", "images", 20), ("gcond", "nodes", 20), ("ftd", "images", 4)],
)
def test_a_run_that_was_cut_on_one_device_goes_on_on_another(name: str, kind: Kind, steps: int, tmp_path: Path) -> None:
    def run(device: torch.device | str, path: Path, last: int = 99, resume: bool = False) -> SyntheticSet:
        here, score = context(kind, device), rising()
        recipe = replace(FAMILY.module(name).recipe(here, config_of(name)), steps=steps)

        def validate(synthetic: SyntheticSet) -> float:
            value = score(synthetic)
            if value > last:
                raise Cut
            return 10 * resume + value

        return distill(
            here.real, 2, recipe, validate=validate, generator=seeded(), checkpoint=path, resume=resume, checks=2
        )

    whole = run("cpu", tmp_path / "whole")
    with pytest.raises(Cut):
        run("cpu", tmp_path / "here", last=2)
    with second_device() as device:
        with pytest.raises(Cut):
            run(device, tmp_path / "there", last=2)
        here, there = (read_checkpoint(tmp_path / name, {}) for name in ("here", "there"))
        assert there.step == here.step == steps // 2
        assert there.facts == here.facts
        for part in ("now", "memory", "best"):
            assert getattr(there, part).keys() == getattr(here, part).keys()
            assert all(torch.equal(getattr(there, part)[key], value) for key, value in getattr(here, part).items())
        onto_second = run(device, tmp_path / "here", resume=True)
    back = run("cpu", tmp_path / "there", resume=True)
    for end in (onto_second, back):
        assert end.meta["chosen_step"] == steps
        assert all(map(torch.equal, end.payload().values(), whole.payload().values()))


def test_a_tensor_that_is_left_on_the_cpu_is_noticed() -> None:
    with second_device() as device:
        x = torch.rand(3, generator=seeded()).to(device)
        with pytest.raises(RuntimeError, match="Expected all tensors to be on the same device"):
            x + torch.ones(3)
        with pytest.raises(RuntimeError, match="Expected all tensors to be on the same device"):
            torch.arange(3)[torch.arange(2).to(device)]
        assert float((x + 1)[torch.arange(2)].sum()) > 2


def test_the_device_is_that_of_the_protocol() -> None:
    protocol = protocol_of(bars(), device="meta")
    assert protocol.device == "meta"
    with pytest.raises(ValueError, match="device is that of the protocol; give it to protocol_of"):
        distill_condense(bars(), CondenseConfig(method="random", per_class=1), protocol=protocol, device="cpu")
    chosen = CondenseConfig(method="random", per_class=1, bits="full")
    with second_device() as device:
        assert torch.as_tensor(distill_condense(bars(), chosen, device=device).data).device.type == "cpu"


DATA = {"images": bars, "nodes": pairs, "graphs": chains}


@pytest.mark.gpu
@pytest.mark.parametrize(("kind", "method"), [("images", "dsa"), ("nodes", "gcond"), ("graphs", "doscond")])
def test_a_run_on_the_gpu_for_each_kind_of_data(kind: Kind, method: str) -> None:
    config = CondenseConfig(method=method, per_class=2, steps=6, bits="full")
    data = DATA[kind]()
    here, there = (distill_condense(data, config, generator=seeded(), device=device) for device in ("cpu", "cuda"))
    assert there.nbytes > 0
    assert all(value.device.type == "cpu" for value in there.payload().values())
    checks: list[list[tuple[int, float]]] = [s.meta["checks"] for s in (here, there)]  # type: ignore[misc]
    assert [step for step, _ in checks[0]] == [step for step, _ in checks[1]]


@pytest.mark.gpu
@pytest.mark.parametrize("name", ["mtt", "sre2l", "frepo", "el2n", "datm"])
def test_experts_and_teachers_on_the_gpu(name: str) -> None:
    learns = hasattr(FAMILY.module(name), "recipe")
    options = {"method": config_of(name), "per_class": 2, "steps": 2 if learns else None, "bits": "full"}
    config = CondenseConfig(**options)  # type: ignore[arg-type]
    synthetic = distill_condense(bars(), config, generator=seeded(), device="cuda")
    assert all(value.device.type == "cpu" for value in synthetic.payload().values())


@pytest.mark.gpu
def test_a_recipe_of_ones_own_on_the_gpu() -> None:
    recipe = replace(dm.recipe(context_of(), dm.Config()), steps=2)
    assert len(distill_by(recipe, bars(), 2, device="cuda")) == 6
    recipe = replace(frepo.recipe(context_of(kind="nodes"), frepo.Config()), steps=2)
    assert len(distill_by(recipe, pairs(), 2, device="cuda")) == 6
