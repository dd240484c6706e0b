"""The client's side of Flower: thin handlers around the method's round.

A client sends the model and numbers: its own number, the weight of its model, its loss, its validation score and
seconds; on registration also the name of its domain, and keyed digests of its data and of its key for federated Mirage,
which reveal nothing without its secrets. Real and virtual data stay in the memory and the files of the client. With
``--train-on generated`` it sends a generator in place of models, and the number of its training images of each class;
for fedtrees sums of gradients, keyed ids of its trees and the number of its training graphs of each class.
"""

from __future__ import annotations

import hmac
import time
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from flwr.app import Array, ArrayRecord, ConfigRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from torch import Tensor, nn

from fed.client.round import LocalRound
from fed.client.store import ClientStore, secret, shared_key
from fed.config import CLIENTS, FedConfig
from fed.data.client_data import UNKNOWN, ClientData, network
from fed.data.generators import train_generator
from fed.data.images import parts
from fed.data.molecules import HOPS, Molecules
from fed.methods._method import method_of
from fed.mirage.client import MirageClient
from fed.mirage.noise import Noise
from fed.server.privacy import clip_update
from fed.trees.client import TreesClient
from graphdistill.core.device import resolve_device
from graphdistill.core.parallel import one_thread
from graphdistill.core.randomness import generator as stream
from graphdistill.generate.storage import stored_tensors

app = ClientApp()


@app.query("register")
@one_thread()
def register(message: Message, context: Context) -> Message:
    """Facts about the client for the server's list of clients: see :class:`fed.server.replies.Registration`."""
    config, client, part = _mine(context)
    nodes = int(context.node_config.get("num-partitions", config.clients))
    numbers = {**part.facts, "client": client, "nodes": nodes, "num-examples": _examples(config, part)}
    facts = {"name": part.name, "data": part.keyed_digest(secret(client))}
    if method_of(config).keyed:
        # The server compares these digests; they do not reveal the key.
        facts["key"] = hmac.new(_shared_key(context), b"federated mirage", "sha256").hexdigest()
    return _reply(message, numbers, facts=facts)


@app.query("statistics")
@one_thread()
def statistics(message: Message, context: Context) -> Message:
    """Mean and deviation of the images of each class."""
    return _reply(message, _mine(context)[2].statistics)


@app.query("sync")
@one_thread()
def sync(message: Message, context: Context) -> Message:
    """Store the tensors that the server sends to all clients."""
    context.state["broadcast"] = message.content.array_records["broadcast"]
    return _reply(message, {"kept": 1})


@app.query("generator")
@one_thread()
def generator(message: Message, context: Context) -> Message:
    """The client's generator, trained on first use, the number of its training images of each class, and seconds."""
    config, client, part = _mine(context)
    files = ClientStore(config, client, part, str(message.content.config_records["config"]["run"]))
    tensors, seconds = files.load(1), files.claim_seconds()
    if not tensors:
        begun, draws = time.perf_counter(), stream(config.seed, "client", client, "generator")
        seed = int(torch.randint(2**62, (), generator=draws))
        tensors = stored_tensors(train_generator(config, part, seed, _device(config, context)))
        seconds = time.perf_counter() - begun
        files.save(0, tensors, seconds)
    counts = torch.bincount(part.train[1], minlength=part.num_classes)
    numbers = {f"count-{label}": int(count) for label, count in enumerate(counts)}
    return _reply(
        message, {"client": client, "seconds": seconds, **numbers}, ArrayRecord(dict(sorted(tensors.items())))
    )


@app.query("mirage")
@one_thread()
def mirage(message: Message, context: Context) -> Message:
    """Counts for one request of federated Mirage; the secrets for noise and ids are the client's own."""
    config, client, part = _mine(context)
    if not isinstance(part, Molecules):
        raise ValueError(f"{part.name} holds no molecules, which federated Mirage counts trees of")
    noise = Noise(config.support_epsilon, secret(client)) if config.support_epsilon else None
    holder = MirageClient(*part.data.split("train"), HOPS, part.num_classes, _shared_key(context), noise)
    request = {name: array.numpy() for name, array in message.content.array_records["request"].items()}
    counts = ArrayRecord({name: Array(value) for name, value in holder.reply(request).items()})
    return _reply(message, {"client": client, "training-bytes": part.training_bytes}, counts)


@app.query("trees")
@one_thread()
def trees(message: Message, context: Context) -> Message:
    """Keyed ids of the trees of the client's training graphs, and the numbers of graphs of both classes."""
    _, client, holder = _trees_client(context)
    arrays = {"ids": Array(holder.ids), "sizes": Array(holder.sizes)}
    return _reply(message, {"client": client}, ArrayRecord(arrays))


@app.query("gradient")
@one_thread()
def gradient(message: Message, context: Context) -> Message:
    """Loss and gradient of the training graphs at the server's weights, and the score of these on a split."""
    part, client, holder = _trees_client(context)
    vocabulary = context.state.array_records["broadcast"]["vocabulary"].numpy()
    weights = message.content.array_records["arrays"]["weights"].numpy()
    settings: Any = message.content.config_records["config"]
    split = str(settings["split"])
    loss, slope = holder.loss_and_gradient(vocabulary, weights, np.array(settings["class-weights"]))
    trivial = part.trivial(split) if split == "test" else UNKNOWN
    scores = {"score": holder.score(split, vocabulary, weights), "trivial": trivial}
    return _reply(message, {"client": client, "loss": loss, **scores}, ArrayRecord({"gradient": Array(slope)}))


@app.train(mods=[clip_update])
@one_thread()
def fit(message: Message, context: Context) -> Message:
    """One round: evaluate the global model, then train as the method does."""
    config, client, part = _mine(context)
    method = method_of(config)
    settings = message.content.config_records["config"]
    rounds = int(str(settings["server-round"]))
    files = ClientStore(config, client, part, str(settings["run"]))
    kept = _tensors(context, "memory") if "memory" in context.state else files.load(rounds)
    net, received, extra_arrays = _model(message, part)
    net, device = method.personalise(net, kept, rounds - 1), _device(config, context)
    valid = part.score(net.to(device), "valid")
    local = LocalRound(
        config=config,
        client=client,
        round=rounds,
        part=part,
        net=net.cpu(),
        lr=float(str(settings["lr"])),
        memory=dict(kept),
        broadcast=_tensors(context, "broadcast"),
        received=received,
        extra_arrays=extra_arrays,
        share=float(str(settings["share"])),
        device=device,
        save=lambda number, tensors: files.save(number, tensors, local.virtual_seconds),
    )
    # The time of what an earlier run made is counted as if this one had made it.
    earlier = files.claim_seconds() if kept and "memory" not in context.state else 0.0
    begun = time.perf_counter()
    loss = method.fit(local)
    seconds = time.perf_counter() - begun
    if any(local.memory[name] is not kept.get(name) for name in local.memory):
        files.save(rounds, local.memory)
    context.state["memory"] = ArrayRecord(local.memory)
    numbers = {
        "num-examples": _examples(config, part),
        "client": client,
        "loss": loss,
        "valid": valid,
        "seconds": seconds - local.virtual_seconds,
        "virtual-seconds": local.virtual_seconds + earlier,
    }
    # In the order of the message, which clipping relies on.
    back = {**net.state_dict(), **local.extra_arrays}
    arrays = ArrayRecord({name: Array(back[name]) for name in message.content.array_records["arrays"]})
    return _reply(message, numbers, arrays)


@app.evaluate()
@one_thread()
def evaluate(message: Message, context: Context) -> Message:
    """Score of a model on the split that the server names; ``test`` is named once, at the end."""
    config, client, part = _mine(context)
    settings = message.content.config_records["config"]
    method, rounds = method_of(config), int(str(settings["rounds"]))
    # In a resumed run with no round left, the client's tensors are in its files only.
    files = ClientStore(config, client, part, str(settings["run"]))
    kept = _tensors(context, "memory") or files.load(config.rounds + 1)
    net = method.personalise(_model(message, part)[0], kept, rounds).to(_device(config, context))
    split = str(settings["split"])
    return _reply(message, {"client": client, "score": part.score(net, split), "trivial": part.trivial(split)})


def _trees_client(context: Context) -> tuple[ClientData, int, TreesClient]:
    _, client, part = _mine(context)
    if not isinstance(part, Molecules):
        raise ValueError(f"{part.name} holds no molecules, which fedtrees counts trees of")
    return part, client, TreesClient(part, _shared_key(context))


def _shared_key(context: Context) -> bytes:
    return shared_key(str(context.node_config.get("mirage-key", "")))


def _device(config: FedConfig, context: Context) -> torch.device:
    """The device that this client trains on: its own, else that of the federation."""
    return resolve_device(str(context.node_config.get("device", config.device)))


def _examples(config: FedConfig, part: ClientData) -> int:
    """Weight of the client's model in the mean."""
    return 1 if config.weights == "uniform" else len(part.train[1])


def _mine(context: Context) -> tuple[FedConfig, int, ClientData]:
    config, client = FedConfig.of(context.run_config), int(context.node_config["partition-id"])
    # A number of clients other than the default is checked by the server.
    if "num-partitions" in context.node_config and config.clients == CLIENTS:
        config = config.on_nodes(int(context.node_config["num-partitions"]))
    own = context.node_config.get("dataset")
    if own is not None:
        # A client of a deployment, with a data set of its own that is not divided.
        root = str(context.node_config.get("root", config.root))
        return config, client, parts(replace(config, dataset=str(own), root=root, partition="domain", clients=1))[0]
    held = parts(config)
    if client >= len(held):
        raise ValueError(f"partition-id {client} is beyond --clients {len(held)}; give the federation as many nodes")
    return config, client, held[client]


def _model(message: Message, part: ClientData) -> tuple[nn.Module, dict[str, Tensor], dict[str, Tensor]]:
    """The global model, its arrays as received, and the extra arrays that travel with it."""
    extra_arrays = dict(message.content.array_records["arrays"].to_torch_state_dict())
    net = network(part.facts, 0)
    received = {name: extra_arrays.pop(name) for name in net.state_dict()}
    net.load_state_dict(received)
    return net, received, extra_arrays


def _tensors(context: Context, name: str) -> dict[str, Tensor]:
    return dict(context.state.array_records[name].to_torch_state_dict()) if name in context.state else {}


def _reply(
    message: Message,
    numbers: dict[str, int] | dict[str, float],
    arrays: ArrayRecord | None = None,
    facts: dict[str, str] | None = None,
) -> Message:
    content = RecordDict({"metrics": MetricRecord(dict(numbers))})
    if arrays is not None:
        content["arrays"] = arrays
    if facts is not None:
        content["facts"] = ConfigRecord(dict(facts))
    return Message(content, reply_to=message)
