import warnings

import torch

from graphdistill.bench.kd import _sources
from graphdistill.bench.options import KDBench
from graphdistill.datasets import load


def test_students_of_the_sources_stand_next_to_uniform_weights(capsys, monkeypatch):
    # Without data on disk the sources are changed digits.
    monkeypatch.setattr(_sources, "SOURCES", dict.fromkeys(("USPS", "shuffled pixels", "random labels"), "digits"))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="the teacher's validation accuracy")
        _sources.measure(KDBench(seeds=1, steps=2, jobs=1))
    out = capsys.readouterr().out
    assert all(word in out for word in ("source USPS", "uniform", "nearest", "weighted", "PARC ranks USPS first on"))


def test_sources_are_changed_as_named(monkeypatch):
    monkeypatch.setattr(_sources, "SOURCES", dict.fromkeys(("USPS", "shuffled pixels", "random labels"), "digits"))
    digits = load("digits")
    same, pixels, labels = (_sources.source_data(name, digits, KDBench(), 0) for name in _sources.SOURCES)
    assert torch.equal(same.images, digits.images)
    assert torch.equal(pixels.images.flatten(1).sort(1).values, digits.images.flatten(1).sort(1).values)
    assert not torch.equal(pixels.images, digits.images)
    assert torch.equal(labels.y.bincount(), digits.y.bincount())
    assert not torch.equal(labels.y, digits.y)
