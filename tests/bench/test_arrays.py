import re
from types import SimpleNamespace

import pytest
import torch

from graphdistill.bench import arrays
from graphdistill.bench.options import ArraysBench


def test_the_codec_is_below_all_plain_formats(capsys, monkeypatch):
    learnt = torch.rand(5, 1, 8, 8, generator=torch.Generator().manual_seed(0)) ** 4
    monkeypatch.setattr(arrays, "distill_condense", lambda data, config: SimpleNamespace(data=learnt))
    arrays.main(ArraysBench(parts=("images", "distilled"), datasets=("digits",), sizes=(10, 100), steps=2))
    printed = capsys.readouterr().out
    rows = re.findall(r"│ (10|100|5) +│(.*)", printed)
    assert [size for size, _ in rows] == ["10", "100", "5", "5"]
    for _, row in rows:
        codec, raw, *others = (int(cell.replace(",", "")) for cell in row.split("│")[:7])
        assert codec < min(raw, *others)


def test_data_without_images_are_refused():
    with pytest.raises(ValueError, match="--datasets digits-knn does not hold images; choose digits, mnist5k or"):
        arrays.main(ArraysBench(parts=("images",), datasets=("digits-knn",)))
