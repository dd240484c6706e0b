"""The client's side of Flower: thin handlers around :mod:`fed.task` and :mod:`fed.virtual`.

What a client sends is the model, and numbers: how many images it trained on, its loss, its validation accuracy and
seconds. Real images and its own virtual images stay in its memory and in ``context.state``.
"""

from __future__ import annotations

import time

import torch
from flwr.app import ArrayRecord, ConfigRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp

from fed import virtual
from fed.config import FedConfig
from fed.data import Pairs, Part, parts
from fed.task import CONTRAST, PROXIMAL, Terms, accuracy, network, train
from graphdistill.core.convnet import ConvNet
from graphdistill.core.randomness import generator

app = ClientApp()


@app.query("hello")
def hello(message: Message, context: Context) -> Message:
    """Shape of images, number of classes, number of the client."""
    _, _, part = _mine(context)
    channels, height, width = part.train[0].shape[1:]
    facts = {"channels": channels, "height": height, "width": width, "classes": part.num_classes}
    return _reply(message, {**facts, "client": int(context.node_config["partition-id"])})


@app.query("sync")
def sync(message: Message, context: Context) -> Message:
    """Keep the global virtual images."""
    context.state["global"] = message.content.array_records["global"]
    return _reply(message, {"kept": 1})


@app.train()
def fit(message: Message, context: Context) -> Message:
    """One round: judge the global model, refresh virtual images where told to, train."""
    config, client, part = _mine(context)
    told = message.content.config_records["config"]
    number = int(str(told["server-round"]))
    net = _model(message, part)
    valid = accuracy(net, part.valid)
    seed = _seed(config, client, number)
    begun = time.perf_counter()
    own = _virtual(context, config, client, part) if config.virtual else None
    if own is not None and told["refresh"] and number > 1 and config.method == "fedlgd":
        own = virtual.match_means(part.train, own, lambda step: net, virtual.REFRESH, seed)
        context.state["virtual"] = _record(own)
    refreshed = time.perf_counter() - begun
    budget = 2 * config.per_class * part.num_classes
    shared = _pairs(context, "global") if config.method == "fedlgd" else None
    data, count, terms = own or part.train, budget, Terms()
    match config.method:
        case "fedavg" | "fedprox":
            count = len(data[1])
            terms = Terms(proximal=PROXIMAL if config.method == "fedprox" else 0.0)
        case "fedavg-subset":
            rows = torch.randperm(len(data[1]), generator=generator(seed, "subset"))[:budget]
            data = data[0][rows], data[1][rows]
        case "fedlgd" if shared is not None and own is not None:
            data = torch.cat([own[0], shared[0]]), torch.cat([own[1], shared[1]])
            # Where the server will match gradients next, they are to be of cross-entropy alone.
            terms = Terms(contrast=0.0 if told["refresh"] else CONTRAST, anchors=shared)
    loss = train(net, data, count, seed, terms)
    seconds = {"seconds": time.perf_counter() - begun - refreshed, "refresh-seconds": refreshed}
    numbers = {"num-examples": count, "client": client, "loss": loss, "valid": valid, **seconds}
    return _reply(message, numbers, ArrayRecord(net.state_dict()))


@app.evaluate()
def judge(message: Message, context: Context) -> Message:
    """Accuracy of the model on the split that the server names; ``test`` is asked for once, at the end."""
    _, client, part = _mine(context)
    split: Pairs = getattr(part, str(message.content.config_records["config"]["split"]))
    net = _model(message, part)
    return _reply(message, {"client": client, "num-examples": len(split[1]), "accuracy": accuracy(net, split)})


def _mine(context: Context) -> tuple[FedConfig, int, Part]:
    config, client = FedConfig.of(context.run_config), int(context.node_config["partition-id"])
    held = parts(config)
    if client >= len(held):
        raise ValueError(f"partition-id {client} is beyond --clients {len(held)}; give the federation as many nodes")
    return config, client, held[client]


def _seed(config: FedConfig, *purpose: object) -> int:
    return int(torch.randint(2**62, (), generator=generator(config.seed, "client", *purpose)))


def _model(message: Message, part: Part) -> ConvNet:
    channels, height, width = part.train[0].shape[1:]
    net = network((channels, height, width), part.num_classes, 0)
    net.load_state_dict(message.content.array_records["arrays"].to_torch_state_dict())
    return net


def _virtual(context: Context, config: FedConfig, client: int, part: Part) -> Pairs:
    """The client's virtual images, made the first time that they are asked for."""
    kept = _pairs(context, "virtual")
    if kept is None:
        kept = virtual.warm_up(part.train, config.per_class, _seed(config, client, "warm-up"))
        context.state["virtual"] = _record(kept)
    return kept


def _record(pairs: Pairs) -> ArrayRecord:
    return ArrayRecord({"x": pairs[0], "y": pairs[1]})


def _pairs(context: Context, name: str) -> Pairs | None:
    if name not in context.state:
        return None
    kept = context.state.array_records[name].to_torch_state_dict()
    return kept["x"], kept["y"]


def _reply(message: Message, numbers: dict[str, int | float], arrays: ArrayRecord | None = None) -> Message:
    records: dict[str, ArrayRecord | MetricRecord | ConfigRecord] = {"metrics": MetricRecord(dict(numbers))}
    if arrays is not None:
        records["arrays"] = arrays
    return Message(RecordDict(records), reply_to=message)
