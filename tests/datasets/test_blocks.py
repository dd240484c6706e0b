import pytest
import torch

from graphdistill.datasets import _blocks, load


def test_the_blocks_have_the_numbers_that_they_should():
    data = _blocks.load_blocks(3, nodes=20_000)
    assert data.x.shape == (20_000, 64)
    assert data.edge_index.shape == (2, 200_000)
    assert data.y.bincount().tolist() == pytest.approx([2000] * 10, rel=0.1)
    source, target = data.edge_index
    assert torch.equal(data.edge_index[:, :100_000], data.edge_index[:, 100_000:].flip(0))
    # Half of the edges are drawn within a class, and a tenth of the others ends there by chance.
    assert float((data.y[source] == data.y[target]).float().mean()) == pytest.approx(0.55, abs=0.01)
    degree = target.bincount(minlength=20_000).double()
    assert (float(degree.mean()), float(degree.var())) == (10, pytest.approx(10, rel=0.1))
    means = torch.stack([data.x[data.y == label].mean(dim=0) for label in range(10)])
    assert means.norm(dim=1).tolist() == pytest.approx([1] * 10, abs=0.1)
    assert float((data.x - means[data.y]).std()) == pytest.approx(1, abs=0.01)
    assert torch.equal(data.x, data.x.half().float())
    whole = torch.cat([data.train, data.valid, data.test])
    assert [len(data.train), len(data.valid)] == [2000, 200]
    assert torch.equal(whole.sort().values, torch.arange(20_000))


def test_the_seed_decides():
    first, again, other = (_blocks.load_blocks(seed, nodes=500) for seed in (0, 0, 1))
    assert first.digest == again.digest != other.digest


def test_it_is_loaded_by_name(monkeypatch):
    monkeypatch.setattr(_blocks.load_blocks, "__defaults__", (500,))
    assert load("sbm-million", seed=4).digest == _blocks.load_blocks(4, nodes=500).digest
