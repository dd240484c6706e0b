import pytest
import torch

from graphdistill.bench import memory
from graphdistill.bench.options import SearchBench
from graphdistill.condense.data import kinds
from graphdistill.core.evaluation.images import ImageProtocol
from graphdistill.core.training.fit import FitConfig
from tests.condense.samples import bars, shortened

FEW = SearchBench(seeds=1, jobs=1, memory=1)


def test_every_memory_is_scored(monkeypatch):
    monkeypatch.setattr(memory, "TASKS", 2)
    monkeypatch.setattr(memory, "load", lambda name, root: bars(classes=4))
    monkeypatch.setattr(kinds, "ImageProtocol", shortened(ImageProtocol, FitConfig(steps=20, eval_every=10)))
    table = memory.memory_table(FEW, "bars")
    names, last, alone, nbytes = (list(column.cells) for column in table.columns)
    assert names[:2] == ["none", "dm in 4 bits, 1 of each class"]
    assert names[-2:] == ["random images in 2 bits, bytes of dm", "all images"]
    assert (alone[0], nbytes[0]) == ("", "0")
    assert float(last[0]) < float(last[-1])
    assert int(nbytes[3]) < int(nbytes[-1].replace(",", ""))


def test_classes_are_numbered_in_the_order_that_is_given():
    data = bars(classes=4)
    part = memory.of_classes(data, torch.tensor([3, 1]))
    assert part.y[part.train].unique().tolist() == [0, 1]
    for mine, other in ((0, 3), (1, 1)):
        assert torch.equal(
            part.images[part.test][part.y[part.test] == mine], data.images[data.test][data.y[data.test] == other]
        )


def test_too_few_classes_are_refused(monkeypatch):
    monkeypatch.setattr(memory, "load", lambda name, root: bars())
    with pytest.raises(ValueError, match="--tasks bars must name images of 10 classes or more, such as digits"):
        memory.memory_table(FEW, "bars")
