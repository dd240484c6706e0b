from graphdistill.bench.kd import _further_pretraining as claim
from graphdistill.bench.options import KDBench
from graphdistill.datasets import load


def test_all_ways_of_pre_training_are_compared(capsys, monkeypatch):
    # Digits in place of MNIST, which takes a second to read.
    monkeypatch.setattr(claim, "load", lambda name, root=None, seed=0: load("digits"))
    claim.measure(KDBench(seeds=1, steps=1, jobs=1))
    out = capsys.readouterr().out
    for word in ("ViT from MNIST", "none", "autoencoder", "twice the steps", "self-distillation"):
        assert word in out
