from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from graphdistill.condense.matching.loop import distill
from graphdistill.condense.matching.symmetry import OrbitSet
from graphdistill.condense.methods import dc, dm, fyi
from graphdistill.core.sets.symmetry import KEY
from graphdistill.core.sets.synthetic import SyntheticSet
from tests.condense.matching.test_symmetry import arrows, context_on
from tests.condense.samples import bars, seeded
from tests.core.sets.samples import as_bytes, coded_bytes


def test_all_but_the_start_is_dms() -> None:
    here = context_on(bars())
    ours, base = fyi.recipe(here, fyi.Config()), dm.recipe(here, dm.Config())
    assert replace(ours, start=None) == base
    synthetic = ours.initial_set(here.real.init_from(torch.arange(6)))
    assert isinstance(synthetic, OrbitSet)
    assert synthetic.group == "flip"


@pytest.mark.parametrize("base", [dm, dc])
def test_the_group_of_one_element_is_the_base_bit_for_bit(base: object) -> None:
    here = context_on(bars())
    plain = replace(base.recipe(here, base.Config()), steps=2)  # type: ignore[attr-defined]
    one, other = (
        distill(here.real, 2, recipe, validate=lambda synthetic: float(synthetic.data.sum()), generator=seeded())  # type: ignore[union-attr, arg-type]
        for recipe in (plain, fyi.over(plain, here, "identity"))
    )
    assert one.meta["checks"] == other.meta["checks"]
    assert all(torch.equal(a, b) for a, b in zip(one.payload().values(), other.payload().values(), strict=True))


def test_it_starts_where_its_base_starts() -> None:
    here = context_on(bars())
    base = replace(dm.recipe(here, dm.Config()), steps=1)
    starts = []
    for recipe in (base, fyi.over(base, here)):
        seen = []
        distill(here.real, 2, recipe, validate=lambda s, seen=seen: seen.append(s) or 0.0, generator=seeded())  # type: ignore[misc]
        starts.append(seen[0].data)
    assert torch.equal(*starts)


def test_a_set_of_shapes_that_point_anywhere_holds_both_ways_in_the_bytes_of_one() -> None:
    here = context_on(arrows(closed=True))
    synthetic = distill(
        here.real, 1, replace(fyi.recipe(here, fyi.Config()), steps=2), validate=lambda s: 0.0, generator=seeded()
    )
    assert synthetic.meta[KEY] == "flip"
    assert len(synthetic) == 2
    assert synthetic.nbytes == coded_bytes(as_bytes(synthetic.data), torch.tensor([0, 1], dtype=torch.uint8))  # type: ignore[arg-type]
    assert len(here.protocol.training_input(synthetic).y) == 4


def test_shapes_whose_way_is_their_class_are_refused() -> None:
    with pytest.raises(ValueError, match="group 'flip' does not keep the classes of arrows"):
        fyi.recipe(context_on(arrows(closed=False)), fyi.Config())


@pytest.mark.bits
def test_a_cut_run_ends_in_the_same_set(tmp_path: Path) -> None:
    here, path = context_on(bars()), tmp_path / "state"
    recipe = replace(fyi.recipe(here, fyi.Config()), steps=6)
    seen: list[float] = []

    def cut(synthetic: SyntheticSet) -> float:
        seen.append(synthetic.data.sum().item())  # type: ignore[union-attr]
        if len(seen) == 3:
            raise KeyboardInterrupt
        return seen[-1]

    whole = distill(here.real, 2, recipe, validate=lambda s: s.data.sum().item(), generator=seeded())  # type: ignore[union-attr]
    with pytest.raises(KeyboardInterrupt):
        distill(here.real, 2, recipe, validate=cut, generator=seeded(), checkpoint=path)
    again = distill(here.real, 2, recipe, validate=cut, generator=seeded(), checkpoint=path, resume=True)
    assert torch.equal(whole.data, again.data)  # type: ignore[arg-type]
    assert again.meta[KEY] == "flip"
    assert again.meta["checks"] == whole.meta["checks"]
