import torch

from graphdistill.compress import QuantizedConfig
from graphdistill.compress.evaluate import FLOAT, configs_of, score_seed
from tests.compress.samples import SHORT, trained


def test_every_row_is_scored_on_one_network():
    view, network = trained()
    rows = score_seed(view, configs_of(QuantizedConfig(bits=2)), SHORT, model=network)
    assert list(rows) == [FLOAT, "rounding", "labels alone", "quantized"]
    assert rows[FLOAT].compressed.network is network
    assert rows[FLOAT].test == view.score(network, "test")
    assert rows[FLOAT].coded > 3 * rows["quantized"].coded
    assert {row.multiply_adds for row in rows.values()} == {64 * 16 + 16 * 3}
    assert all(row.coded < 1200 and row.latency > 0 for name, row in rows.items() if name != FLOAT)


def test_the_network_is_trained_on_all_labels_and_compressed_with_few():
    view, _ = trained()
    few = type(view)(view.data, labelled=view.data.train[:3])
    configs = configs_of(QuantizedConfig(bits=2, trained="nothing"))
    assert list(configs) == ["quantized"]
    a, b = (score_seed(few, configs, SHORT, network="MLP", whole=whole)[FLOAT] for whole in (view, None))
    assert not torch.equal(a.compressed.network.head.weight, b.compressed.network.head.weight)
