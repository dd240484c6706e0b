from graphdistill.bench import protect
from graphdistill.bench.options import ProtectBench
from tests.protect.samples import images


def test_every_row_of_every_size_over_keys(monkeypatch, capsys):
    monkeypatch.setattr(protect, "load", lambda name, root, seed: images())
    protect.main(ProtectBench(datasets=("digits",), filter_sizes=(5,), defences=("clean-validation",), keys=2, steps=2))
    printed = capsys.readouterr().out
    for row in ("original", "protected, clean-validation", "points lost, plain", "majority class:"):
        assert row in printed
    assert "reproduces to the bit 1.000" in " ".join(printed.split())
