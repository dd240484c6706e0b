"""The client's side of Flower: thin handlers around the method's round.

What a client sends is the model, and numbers: its number, how much its model counts for, its loss, its validation score
and seconds; and at first the name of its domain, and digests of its data and of its key for federated Mirage, from
which nobody without its secrets learns anything. Real data and virtual data of its own stay in its memory and in its
files.
"""

from __future__ import annotations

import hmac
import time
from dataclasses import replace

from flwr.app import Array, ArrayRecord, ConfigRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from torch import Tensor, nn

from fed.client.round import Turn
from fed.client.store import Memory, secret, shared_key
from fed.config import CLIENTS, FedConfig
from fed.data.client_data import Part, network
from fed.data.images import parts
from fed.data.molecules import HOPS, Molecules
from fed.methods import method_of
from fed.mirage.client import MirageClient
from fed.mirage.noise import Noise
from fed.server.privacy import clipped
from graphdistill.core.parallel import one_thread

app = ClientApp()


@app.query("hello")
@one_thread()
def hello(message: Message, context: Context) -> Message:
    """What the client is registered as: see :class:`fed.server.replies.Registration`."""
    config, client, part = _mine(context)
    nodes = int(context.node_config.get("num-partitions", config.clients))
    numbers = {**part.facts, "client": client, "nodes": nodes, "num-examples": _examples(config, part)}
    facts = {"name": part.name, "data": part.keyed_digest(secret(client))}
    if method_of(config.algorithm).merges:
        # It tells the server whether keys are the same, and nothing of what they are.
        facts["key"] = hmac.new(_mirage_key(context), b"federated mirage", "sha256").hexdigest()
    return _reply(message, numbers, facts=facts)


@app.query("statistics")
@one_thread()
def statistics(message: Message, context: Context) -> Message:
    """Mean and deviation of the images of each class."""
    return _reply(message, _mine(context)[2].statistics)


@app.query("sync")
@one_thread()
def sync(message: Message, context: Context) -> Message:
    """Keep what the server sends to all."""
    context.state["shared"] = message.content.array_records["shared"]
    return _reply(message, {"kept": 1})


@app.query("mirage")
@one_thread()
def mirage(message: Message, context: Context) -> Message:
    """Answer one question of federated Mirage by counts; what blurs them and hides ids is the client's own."""
    config, client, part = _mine(context)
    if not isinstance(part, Molecules):
        raise ValueError(f"{part.name} holds no molecules, which federated Mirage counts trees of")
    noise = Noise(config.support_epsilon, secret(client)) if config.support_epsilon else None
    holder = MirageClient(*part.data.split("train"), HOPS, part.num_classes, _mirage_key(context), noise)
    question = {name: array.numpy() for name, array in message.content.array_records["question"].items()}
    answer = ArrayRecord({name: Array(value) for name, value in holder.answer(question).items()})
    return _reply(message, {"client": client, "raw-bytes": part.raw_bytes}, answer)


@app.train(mods=[clipped])
@one_thread()
def fit(message: Message, context: Context) -> Message:
    """One round: judge the global model, then do as the method does."""
    config, client, part = _mine(context)
    method = method_of(config.algorithm)
    told = message.content.config_records["config"]
    rounds = int(str(told["server-round"]))
    files = Memory(config, client, part, str(told["run"]))
    kept = _tensors(context, "memory") if "memory" in context.state else files.load(rounds)
    net, received, beside = _model(message, part)
    net = method.personalise(net, kept, rounds - 1)
    valid = part.score(net, "valid")
    turn = Turn(
        config=config,
        client=client,
        round=rounds,
        part=part,
        net=net,
        rate=float(str(told["rate"])),
        memory=dict(kept),
        shared=_tensors(context, "shared"),
        received=received,
        beside=beside,
        share=float(str(told["share"])),
        save=lambda number, tensors: files.save(number, tensors, turn.virtual_seconds),
    )
    # What an earlier run made for this one costs what it cost then.
    earlier = files.claim() if kept and "memory" not in context.state else 0.0
    begun = time.perf_counter()
    loss = method.fit(turn)
    seconds = time.perf_counter() - begun
    if any(turn.memory[name] is not kept.get(name) for name in turn.memory):
        files.save(rounds, turn.memory)
    context.state["memory"] = ArrayRecord(turn.memory)
    numbers = {
        "num-examples": _examples(config, part),
        "client": client,
        "loss": loss,
        "valid": valid,
        "seconds": seconds - turn.virtual_seconds,
        "virtual-seconds": turn.virtual_seconds + earlier,
    }
    # In the order in which they came, since those who clip go by it.
    back = {**net.state_dict(), **turn.beside}
    arrays = ArrayRecord({name: Array(back[name]) for name in message.content.array_records["arrays"]})
    return _reply(message, numbers, arrays)


@app.evaluate()
@one_thread()
def judge(message: Message, context: Context) -> Message:
    """Score of a model of some round on the split that the server names; ``test`` is asked for once, at the end."""
    config, client, part = _mine(context)
    told = message.content.config_records["config"]
    method, rounds = method_of(config.algorithm), int(str(told["rounds"]))
    # After a run that was taken up with no round left, only the files know what this client keeps.
    kept = _tensors(context, "memory") or Memory(config, client, part, str(told["run"])).load(config.rounds + 1)
    net = method.personalise(_model(message, part)[0], kept, rounds)
    split = str(told["split"])
    return _reply(message, {"client": client, "score": part.score(net, split), "trivial": part.trivial(split)})


def _mirage_key(context: Context) -> bytes:
    return shared_key(str(context.node_config.get("mirage-key", "")))


def _examples(config: FedConfig, part: Part) -> int:
    """What the client's model counts for."""
    return 1 if config.weights == "uniform" else len(part.train[1])


def _mine(context: Context) -> tuple[FedConfig, int, Part]:
    config, client = FedConfig.of(context.run_config), int(context.node_config["partition-id"])
    # Where another number of clients than the default is asked for, the server refuses what does not fit.
    if "num-partitions" in context.node_config and config.clients == CLIENTS:
        config = config.on_nodes(int(context.node_config["num-partitions"]))
    own = context.node_config.get("dataset")
    if own is not None:
        # A client of a deployment that holds data of its own, all of it.
        root = str(context.node_config.get("root", config.root))
        return config, client, parts(replace(config, dataset=str(own), root=root, partition="domain", clients=1))[0]
    held = parts(config)
    if client >= len(held):
        raise ValueError(f"partition-id {client} is beyond --clients {len(held)}; give the federation as many nodes")
    return config, client, held[client]


def _model(message: Message, part: Part) -> tuple[nn.Module, dict[str, Tensor], dict[str, Tensor]]:
    """The global model, the arrays that it was made from, and those that came beside it."""
    beside = dict(message.content.array_records["arrays"].to_torch_state_dict())
    net = network(part.facts, 0)
    received = {name: beside.pop(name) for name in net.state_dict()}
    net.load_state_dict(received)
    return net, received, beside


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
