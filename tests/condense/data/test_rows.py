import torch

from graphdistill.condense.data.rows import LearnableRows, TrainingRows
from graphdistill.core.evaluation.tables import TableProtocol, round_rows
from graphdistill.datasets import load


def test_training_rows_are_those_of_the_split():
    data = load("wine")
    real = TrainingRows(TableProtocol(data))
    assert torch.equal(real.flat(), data.x[data.train])
    assert torch.equal(real.inputs(torch.tensor([2, 0])), data.x[data.train[[2, 0]]])
    assert real.counts.tolist() == data.y[data.train].bincount().tolist()
    assert real.network().embed(real.flat()).shape == (len(real), 128)
    chosen = real.select(torch.tensor([0, 5]))
    assert torch.equal(chosen.data, round_rows(real.flat()[[0, 5]]))


def test_learnt_rows_are_stored_as_they_are_evaluated():
    rows = LearnableRows(torch.randn(4, 3) * 50, torch.tensor([0, 0, 1, 1]))
    with torch.no_grad():
        rows.x += 100
    rows.clip()
    assert rows.x.abs().max() > 60
    kept = rows.freeze({"method": "m"})
    assert torch.equal(kept.data, round_rows(rows.x.detach()))
    assert kept.meta == {"method": "m"}
    soft = LearnableRows(torch.zeros(2, 3), torch.tensor([0, 1]), torch.zeros(2, 2))
    assert soft.freeze().y.tolist() == [[0.5, 0.5], [0.5, 0.5]]
