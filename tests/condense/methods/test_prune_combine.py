from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from graphdistill.condense.methods import el2n, prune_combine
from graphdistill.condense.methods.prune_combine import Config
from graphdistill.core.sets.synthetic import SyntheticSet, to_uint8
from graphdistill.core.sets.tiles import Tiles
from tests.condense.samples import context_of


def score_of(here: object) -> torch.Tensor:
    return torch.rand(36, generator=torch.Generator().manual_seed(3))


def test_tiles_hold_the_easiest_of_each_class() -> None:
    """Half of the twelve images of a class are kept, of which a tile takes four."""
    here = context_of(per_class=1)
    score = score_of(here)
    synthetic = prune_combine.tiled(here, Config(), score)
    assert isinstance(synthetic.expansion, Tiles)
    assert synthetic.y.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert synthetic.expansion.tiles.shape == (3, 1, 8, 8)
    used = set()
    for place, image in enumerate(synthetic.expansion.tiles):
        members = here.real.members[place]
        kept = members[score[members].argsort()[:6]].tolist()
        for part in range(4):
            row, column = 4 * (part // 2), 4 * (part % 2)
            small = image[:, row : row + 4, column : column + 4]
            reduced = {
                k: Tiles.of(to_uint8(here.real.x[[k] * 4]), here.real.y[[k]], 2).tiles[0, :, :4, :4] for k in kept
            }  # type: ignore[attr-defined]
            found = [k for k, other in reduced.items() if torch.equal(other, small)]
            assert len(found) == 1
            used.add(found[0])
    assert len(used) == 12


def test_without_scores_all_images_are_candidates() -> None:
    here = context_of(per_class=3)
    synthetic = prune_combine.tiled(here, Config(kept_share=0.1), torch.zeros(36))
    assert len(synthetic) == 36


@pytest.mark.parametrize(
    ("best", "name", "sharpness"), [(0, "easiest", 8), (1, "hardest", 8), (2, "all", 8), (3, "easiest", 0)]
)
def test_validation_chooses_the_side_and_the_sharpness(
    monkeypatch: pytest.MonkeyPatch, best: int, name: str, sharpness: int
) -> None:
    here, shown = context_of(per_class=1), list[SyntheticSet]()
    monkeypatch.setattr(el2n, "scores", lambda context, config: score_of(context))

    def validate(protocol: object, synthetic: SyntheticSet) -> float:
        shown.append(synthetic)
        return 0.9 if len(shown) - 1 == best else 0.4

    monkeypatch.setattr(prune_combine, "valid_score", validate)
    synthetic = prune_combine.select(here, Config())
    assert dict(synthetic.meta) == {"kept": name, "sharpness": sharpness, "valid": 0.9}
    assert len(shown) == 4
    assert isinstance(synthetic.expansion, Tiles)
    assert synthetic.expansion.tiling.tolist() == [2, sharpness]
    assert torch.equal(synthetic.data, shown[best].data)  # type: ignore[arg-type]


def test_classes_that_are_too_small_are_refused() -> None:
    here = replace(context_of(), per_class=4)
    with pytest.raises(ValueError, match="12"):
        prune_combine.select(here, Config())
