from graphdistill.bench.kd import main, sparse_2_4
from graphdistill.bench.options import KDBench


def test_every_share_of_zeros_is_compared_with_pruning_and_labels_alone(monkeypatch, capsys):
    monkeypatch.setattr(sparse_2_4, "NETWORKS", {"digits": ("MLP", 8)})
    main(KDBench(parts=("sparse-2-4",), seeds=1, steps=1, jobs=1))
    out = capsys.readouterr().out
    for word in ("MLP, 75", "accuracy - one-shot pruning", "labels alone, first masks", "with SLoRB", "bytes"):
        assert word in out
