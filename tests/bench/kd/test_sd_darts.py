from graphdistill.bench.kd._sd_darts import measure
from graphdistill.bench.options import KDBench


def test_both_searches_are_compared(capsys):
    measure(KDBench(seeds=1, steps=1, jobs=1))
    out = capsys.readouterr().out
    for word in ("mixed-GNN", "mixed-ConvNet", "SD-DARTS", "sharpness", "gap"):
        assert word in out
