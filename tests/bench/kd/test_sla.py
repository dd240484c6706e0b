from graphdistill.bench.kd._sla import measure
from graphdistill.bench.options import KDBench


def test_labels_augmentation_and_both_answers_are_compared(capsys):
    measure(KDBench(seeds=1, steps=2, jobs=1))
    out = capsys.readouterr().out
    for word in ("20 labels a class, MLP", "rotations as augmentation", "SLA, aggregated"):
        assert word in " ".join(out.split())
