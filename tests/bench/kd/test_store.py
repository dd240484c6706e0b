import pytest
import torch

from graphdistill.bench.kd import store
from graphdistill.bench.options import KDBench
from graphdistill.datasets._roots import roots


def test_logits_have_the_shape_of_a_language_models():
    p = torch.cat([logits.softmax(dim=1) for logits in store.zipf_logits(300, num_classes=5000)])
    top = p.sort(dim=1, descending=True).values
    assert p.shape == (300, 5000)
    assert 0.2 < float(top[:, 0].mean()) < 0.7
    assert float(top[:, :50].sum(dim=1).mean()) > 0.7


def test_bytes_and_memory_are_shown(capsys):
    store.measure_bytes(20, 500)
    store.measure_memory(200, 2000)
    out = capsys.readouterr().out
    assert "20 positions of 500 classes" in out
    assert "logits of all rows 1.6 MB" in out or "Linux alone" in out


def test_students_learn_from_dense_logits_and_from_stores(monkeypatch, capsys):
    if not any((folder / "text" / "shakespeare" / "input.txt").is_file() for folder in roots(None)):
        pytest.skip("text/shakespeare is absent")
    monkeypatch.setattr(store, "WINDOWS", 20)
    monkeypatch.setattr(store, "TOP", (2,))
    found = store._seed(KDBench(parts=("store",), seeds=1, steps=2, jobs=1), 0)
    assert list(found) == ["teacher", "dense logits", "k = 2"]
    assert found["k = 2"]["bytes"] < found["dense logits"]["bytes"]
