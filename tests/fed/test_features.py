import re

import numpy as np
import pytest
import torch
from flwr.app import Array, ArrayRecord, Message, RecordDict
from flwr.clientapp import ClientApp

from fed.config import FedConfig
from fed.features import collect, upload
from fed.runtime.in_process import LocalGrid, identity
from graphdistill.compress.split import coded_stage, halves, split_network
from graphdistill.core.codec import encode_array
from graphdistill.core.networks.convnet import ConvNet

CLASSES = 3
X = [torch.rand(n, 1, 8, 8, generator=torch.Generator().manual_seed(n)) for n in (5, 1, 9)]
Y = [torch.arange(len(x)) % CLASSES for x in X]


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    split = split_network(ConvNet((1, 8, 8), CLASSES, width=4), X[0], channels=2, width=4)
    coded_stage(split).bottleneck.freeze()
    return split.eval()


def collected(network, spoil=lambda streams: streams, **options):
    """What a server gets of three clients, of which the second one spoils its upload."""
    app = ClientApp()

    @app.query("features")
    def features(message, context):
        number = context.node_config["partition-id"]
        reply = upload(message, X[number], Y[number])
        if number != 1:
            return reply
        streams = {name: array.numpy() for name, array in reply.content["streams"].items()}
        record = ArrayRecord({name: Array(value) for name, value in spoil(streams).items()})
        return Message(RecordDict({"streams": record}), reply_to=message)

    with identity():
        return collect(LocalGrid(app, FedConfig().run_config(), 3), network, [1, 2, 3], classes=CLASSES, **options)


def test_the_server_has_the_features_that_every_client_has_rounded(network):
    sender, _ = halves(network)
    found = collected(network)
    with torch.no_grad():
        assert torch.equal(found.features, torch.cat([sender(x) for x in X]))
    assert torch.equal(found.y, torch.cat(Y))
    assert not found.refused


def test_bytes_are_those_of_the_streams_and_of_the_wire(network):
    sender, _ = halves(network)
    found = collected(network)
    lengths = [len(sender.encode_batch(x)) + len(encode_array(y.int())) for x, y in zip(X, Y, strict=True)]
    assert found.stream_bytes == dict(zip((1, 2, 3), lengths, strict=True))
    assert sum(lengths) < found.up < sum(lengths) + 3 * 500
    assert found.down > 3 * sum(4 * weight.numel() for weight in sender.encoder.parameters())


def spoiled(**changes):
    return lambda streams: {**streams, **changes}


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda s: {**s, "features": s["features"][:-1]}, "node 2 was refused: "),
        (lambda s: {**s, "features": s["features"] ^ 1}, "node 2 was refused: "),
        (spoiled(features=np.zeros(3, np.uint8)), "the stream has 3 bytes"),
        (lambda s: {**s, "features": s["features"].astype(np.float32)}, "features are float32"),
        (lambda s: {"features": s["features"]}, "wanted streams with features and labels"),
        (
            spoiled(labels=np.frombuffer(encode_array(torch.tensor([7], dtype=torch.int32)), np.uint8)),
            "from 7 to 7, of 3",
        ),
        (
            spoiled(labels=np.frombuffer(encode_array(torch.tensor([0, 1], dtype=torch.int32)), np.uint8)),
            r"\[2\] for 1",
        ),
        (spoiled(labels=np.zeros(4, np.uint8)), "the coded array"),
    ],
)
def test_a_malformed_upload_is_refused_and_the_others_stay(spoil, message, network):
    found = collected(network, spoil)
    assert torch.equal(found.y, torch.cat([Y[0], Y[2]]))
    assert list(found.stream_bytes) == [1, 3]
    (line,) = found.refused
    assert re.search(message, line)


def test_an_upload_of_too_many_entries_is_refused(network):
    found = collected(network, limit=5)
    assert list(found.stream_bytes) == [1, 2]
    assert "names 9 entries, of which 5 may come" in found.refused[0]


def test_without_any_upload_the_reasons_are_named(network):
    with pytest.raises(RuntimeError, match="all 3 clients failed: node 1 was refused"):
        collected(network, limit=0)


def test_entries_of_other_shapes_are_refused_at_the_client(network):
    app = ClientApp()

    @app.query("features")
    def features(message, context):
        return upload(message, torch.rand(2, 1, 9, 9), torch.zeros(2, dtype=torch.long))

    with identity(), pytest.raises(RuntimeError, match=r"entries are \[2, 1, 9, 9\].* reads entries of \[1, 8, 8\]"):
        collect(LocalGrid(app, FedConfig().run_config(), 1), network, [1], classes=CLASSES)
