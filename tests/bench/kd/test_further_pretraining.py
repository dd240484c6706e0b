from graphdistill.bench.kd._further_pretraining import measure
from graphdistill.bench.options import KDBench


def test_all_ways_of_pre_training_are_compared(capsys):
    measure(KDBench(seeds=1, steps=1, jobs=1))
    out = " ".join(capsys.readouterr().out.split())
    for word in ("ViT from MNIST", "none", "masked autoencoder, twice the steps", "self-distillation"):
        assert word in out
