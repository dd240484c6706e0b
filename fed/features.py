"""Coded features of clients, each uploaded once: the federated form of Entropic Student.

A server sends the first stage of a split network, which it has trained on data of its own and which stays as it is.
Each client computes the features of its entries and uploads them as one stream, coded by the learnt prior, with coded
labels. The server decodes what fits table, shapes and classes, and trains the rest of the network on it. Features save
bytes; they are not private.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from flwr.app import Array, ArrayRecord, ConfigRecord, Message, RecordDict
from flwr.serverapp import Grid
from torch import Tensor, nn

from fed.server.replies import short
from graphdistill.compress.coded_stage import EntropicStage
from graphdistill.compress.split import Receiver, Sender, coded_stage, halves
from graphdistill.core.codec import decode_array, encode_array

LOG = logging.getLogger("fed")
FEATURES = "query.features"
"""Type of the message that asks for features."""


@dataclass(frozen=True)
class Uploads:
    """What clients uploaded.

    Attributes:
        features: rounded features of all entries, by client one after the other, float ``[n, channels, ...]``.
        y: their classes, long ``[n]``.
        stream_bytes: bytes of the streams of features and labels, by node.
        up, down: bytes of all records on the wire, both ways.
        refused: a line for each client whose upload cannot be used.
    """

    features: Tensor
    y: Tensor
    stream_bytes: dict[int, int]
    up: int
    down: int
    refused: list[str]


def upload(message: Message, x: Tensor, y: Tensor) -> Message:
    """A client's reply to :func:`collect`: the coded features of its entries, and their labels.

    Args:
        message: the message, which has the first stage.
        x: the input of the first stage, such as images ``[n, C, H, W]``.
        y: classes of the entries, long ``[n]``.

    Raises:
        ValueError: the entries have other shapes than the first stage reads, or as many labels are missing.
    """
    sizes: Any = message.content.config_records["stage"]
    stage = EntropicStage(sizes["inside"], sizes["outside"], sizes["channels"], sizes["width"])
    if x.shape[1:] != stage.inside or y.shape != x.shape[:1]:
        raise ValueError(
            f"entries are {list(x.shape)} with labels {list(y.shape)}, but the first stage reads entries of "
            f"{list(stage.inside)}, with a label each"
        )
    sender = Sender(stage).eval()
    sender.load_state_dict(message.content.array_records["encoder"].to_torch_state_dict())
    streams = {"features": sender.encode_batch(x), "labels": encode_array(y.to(torch.int32))}
    arrays = {name: Array(np.frombuffer(stream, np.uint8)) for name, stream in streams.items()}
    return Message(RecordDict({"streams": ArrayRecord(arrays)}), reply_to=message)


def collect(
    grid: Grid, network: nn.Module, nodes: Iterable[int], *, classes: int, limit: int = 100_000, timeout: float = 1800.0
) -> Uploads:
    """Send the first stage of a split network to clients, and decode their uploads.

    Args:
        grid: Flower's grid.
        network: a network of entropic-student.
        nodes: of the clients.
        classes: number of classes.
        limit: the most entries that a client may upload. (default: 100,000)
        timeout: seconds that the server waits for all replies. (default: 1800)

    Raises:
        RuntimeError: no client uploaded anything that can be used; the message has the reasons.
        ValueError: the network is not split.
    """
    sender, receiver = halves(network)
    stage = coded_stage(network)
    assert isinstance(stage, EntropicStage)
    sizes = {"inside": list(stage.inside), "outside": list(stage.outside)}
    content = RecordDict(
        {
            "encoder": ArrayRecord(sender.state_dict()),
            "stage": ConfigRecord({**sizes, "channels": stage.channels, "width": stage.width}),
        }
    )
    messages = [Message(content, node, FEATURES) for node in nodes]
    down = _bytes(content) * len(messages)
    found: dict[int, tuple[Tensor, Tensor, int]] = {}
    up, refused = 0, []
    missing = {message.metadata.dst_node_id for message in messages}
    for reply in grid.send_and_receive(messages, timeout=timeout):
        node = reply.metadata.src_node_id
        if node not in missing:
            continue
        missing.remove(node)
        try:
            found[node] = _decoded(reply, receiver, classes, limit)
        except Exception as error:  # Any error in reading a reply is that client's fault alone.
            refused.append(f"node {node} was refused: {short(str(error))}")
            continue
        up += _bytes(reply.content)
    refused += [f"node {node} did not reply within {timeout:g} s" for node in sorted(missing)]
    for line in refused:
        LOG.warning(line)
    if not found:
        raise RuntimeError(f"all {len(messages)} clients failed: {'; '.join(refused)}")
    order = sorted(found)
    features = torch.cat([found[node][0] for node in order])
    y = torch.cat([found[node][1] for node in order])
    return Uploads(features, y, {node: found[node][2] for node in order}, up, down, refused)


def _decoded(reply: Message, receiver: Receiver, classes: int, limit: int) -> tuple[Tensor, Tensor, int]:
    """Features and classes of an upload, and its bytes.

    Raises:
        ValueError: it does not have the records, or a stream is damaged or does not fit.
    """
    if not reply.has_content():
        reason = str(reply.error.reason).strip().splitlines()
        raise ValueError(reason[-1] if reason else "no reason given")
    names = set(reply.content)
    streams: Any = reply.content.array_records["streams"] if names == {"streams"} else {}
    if set(streams) != {"features", "labels"}:
        raise ValueError(f"it has {sorted(names)} with {sorted(streams)}, wanted streams with features and labels")
    data = {}
    for name, array in streams.items():
        value = array.numpy()
        if value.dtype != np.uint8 or value.ndim != 1:
            raise ValueError(f"{name} are {value.dtype} {list(value.shape)}, wanted bytes")
        data[name] = value.tobytes()
    features = receiver.decode_batch(data["features"], limit=limit)
    y = decode_array(data["labels"], limit=limit)
    if y.dtype != torch.int32 or y.shape != features.shape[:1]:
        raise ValueError(f"labels are {y.dtype} {list(y.shape)} for {len(features)} entries")
    if len(y) and not 0 <= int(y.min()) <= int(y.max()) < classes:
        raise ValueError(f"labels are from {int(y.min())} to {int(y.max())}, of {classes} classes")
    return features, y.long(), sum(map(len, data.values()))


def _bytes(content: RecordDict) -> int:
    return sum(record.count_bytes() for record in content.values())
