from __future__ import annotations

from pathlib import Path

import pytest
import torch

from graphdistill.core.evaluation import whole
from graphdistill.core.evaluation.whole import whole_bytes
from tests.core.sets.samples import coded_bytes

TENSORS = {"x": torch.arange(600).view(10, 60) % 7, "y": torch.arange(10) % 2, "none": torch.zeros(0, 3)}


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(whole, "user_cache_path", lambda *_, **__: tmp_path)
    return tmp_path / "coded-bytes"


def test_few_values_are_coded_whole_and_nothing_is_kept(kept: Path) -> None:
    assert whole_bytes(TENSORS) == coded_bytes(*TENSORS.values())
    assert not kept.exists()


def test_many_values_are_coded_in_blocks_of_entries_once(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    x, y, none = TENSORS.values()
    wanted = coded_bytes(x[:4], x[4:8], x[8:], y, none)
    assert whole_bytes(TENSORS, block=4 * 60 + 59) == wanted
    (path,) = kept.iterdir()
    monkeypatch.setattr(whole, "encode_array", lambda values: pytest.fail("coded again"))
    assert whole_bytes(TENSORS, block=299) == wanted
    path.write_text("damaged", encoding="utf-8")
    monkeypatch.undo()
    monkeypatch.setattr(whole, "user_cache_path", lambda *_, **__: kept.parent)
    assert whole_bytes(TENSORS, block=299) == wanted
    assert path.read_text(encoding="utf-8") == str(wanted)


def test_other_values_and_another_codec_are_counted_again(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole_bytes(TENSORS, block=60)
    whole_bytes(TENSORS | {"y": torch.ones(10)}, block=60)
    monkeypatch.setattr(whole, "sources_digest", lambda: "another")
    whole_bytes(TENSORS, block=60)
    assert len(list(kept.iterdir())) == 3


def test_a_cache_that_cannot_be_written_and_large_entries_do_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "coded-bytes").write_text("a file", encoding="utf-8")
    monkeypatch.setattr(whole, "user_cache_path", lambda *_, **__: tmp_path)
    assert whole_bytes(TENSORS, block=1) == coded_bytes(*(part for t in TENSORS.values() for part in t.split(1)))
