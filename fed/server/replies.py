"""The valid replies of a client to every kind of message; the server uses nothing that is not checked here."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord, RecordDict
from flwr.supercore.differential_privacy import KEY_CLIPPING_NORM
from numpy.typing import NDArray

from fed.config import FedConfig
from fed.data.client_data import UNKNOWN, Facts
from fed.data.generators import blank_generator
from fed.data.molecules import HOPS
from fed.methods._method import method_of
from graphdistill.generate.storage import stored_tensors

REGISTER, STATISTICS, SYNC, COUNTS = "query.register", "query.statistics", "query.sync", "query.mirage"
GENERATOR, TRAIN, EVALUATE = "query.generator", "train", "evaluate"
TREES, GRADIENT = "query.trees", "query.gradient"
MAX_UPDATE_RATIO = 10.0
"""An update longer than this many times the model's length (at least 1) is refused; honest updates are below once."""
MAX_BYTES = 2**28
"""Most bytes of all arrays of a reply about trees, above those of the counts of a million tree sets."""
MAX_GRAPHS = 2**31
"""Most graphs of a class that a client may have."""
MAX_TEXT = 300
"""Most characters of a client's text that are repeated."""


@dataclass(frozen=True)
class Registration:
    """Facts about a client, from its first reply.

    Attributes:
        client: its number.
        name: of its domain.
        examples: weight of its model.
        facts: what networks are made from.
        nodes: number of nodes of the federation, as far as this one knows.
        data: keyed digest of its data, which only shows whether data are the same.
        key: digest of its key for federated Mirage, where there is one.
    """

    client: int
    name: str
    examples: int
    facts: Facts
    nodes: int
    data: str
    key: str = ""


@dataclass(frozen=True)
class Number:
    """The valid values of a metric.

    Attributes:
        low, high: ends of the range, both allowed.
        whole: whether it is an integer.
        unknown: whether -1 is valid, for a score that the client's split cannot have.

    Example:
        >>> Number(0, 1).problem("score", 1e300)
        'score is 1e+300, wanted a number from 0 to 1'
        >>> Number(3, 3, whole=True).problem("client", 3)
        ''
    """

    low: float
    high: float
    whole: bool = False
    unknown: bool = False

    def problem(self, name: str, value: object) -> str:
        """The problem of a value, or an empty string."""
        # This order of comparisons refuses NaN, and allows integers that no float can represent.
        if not isinstance(value, bool) and isinstance(value, int | float):
            if self.unknown and value == UNKNOWN:
                return ""
            if self.low <= value <= self.high and (not self.whole or value == int(value)):
                return ""
        kind = "whole number" if self.whole else "number"
        wanted = f"a {kind} from {self.low:g} to {self.high:g}{f', or {UNKNOWN:g}' if self.unknown else ''}"
        return f"{name} is {short(repr(value), 40)}, wanted {self.low if self.low == self.high else wanted}"


COUNT = Number(0, 2**53, whole=True)
SCORE = Number(0, 1, unknown=True)
SECONDS = Number(0, 1e9)
LOSS = Number(0, 1e9)
FACTS = (
    {name: Number(1, most, whole=True) for name, most in (("channels", 64), ("height", 4096), ("width", 4096))}
    | {"classes": Number(1, 100_000, whole=True)},
    {"layers": Number(HOPS, HOPS, whole=True), "classes": Number(2, 2, whole=True)},
)
"""Facts of images, and of molecules."""


def fault(
    request: RecordDict, reply: RecordDict, kind: str, config: FedConfig, known: Registration | None = None
) -> str:
    """The problem of a reply, or an empty string; whatever it contains, this raises no error.

    Args:
        request: content of the message.
        reply: content of the reply.
        kind: type of the message.
        config: the federation.
        known: the client's registration. (default: none yet)

    Example:
        >>> fault(RecordDict(), RecordDict(), "evaluate", FedConfig())
        'records are none, wanted metrics'
    """
    try:
        return short(_fault(request, reply, kind, config, known))
    except Exception as error:  # Any error in reading a reply is that client's fault alone.
        return short(f"it cannot be read: {error!r}")


def _fault(request: RecordDict, reply: RecordDict, kind: str, config: FedConfig, known: Registration | None) -> str:
    arrays, facts = kind in (TRAIN, COUNTS, GENERATOR, TREES, GRADIENT), kind == REGISTER
    wanted = {"metrics"} | ({"arrays"} if arrays else set()) | ({"facts"} if facts else set())
    if reply.keys() != wanted:
        return f"records are {', '.join(sorted(reply)) or 'none'}, wanted {', '.join(sorted(wanted))}"
    if reply.metric_records.keys() != {"metrics"} or reply.array_records.keys() != wanted & {"arrays"}:
        return "its records are not of the kinds of their names"
    metrics = reply.metric_records["metrics"]
    if problem := _metrics(metrics, kind, config, known):
        return problem
    if kind == REGISTER:
        return _facts(reply, {"name", "data"} | ({"key"} if method_of(config).keyed else set()))
    if kind == COUNTS:
        return _counts(reply.array_records["arrays"])
    if kind == GENERATOR:
        assert known is not None
        return _generator(config, known.facts, reply)
    if kind == TREES:
        return _trees(reply.array_records["arrays"])
    if kind == GRADIENT:
        wanted_gradient = np.zeros_like(request.array_records["arrays"]["weights"].numpy(), np.float32)
        return _alike(ArrayRecord({"gradient": Array(wanted_gradient)}), reply.array_records["arrays"])
    return _model(request, reply.array_records["arrays"]) if kind == TRAIN else ""


def _metrics(reply: Mapping[str, object], kind: str, config: FedConfig, known: Registration | None) -> str:
    client = Number(0, config.clients - 1, whole=True)
    examples = Number(1, 1 if config.weights == "uniform" else 2**31, whole=True)
    facts: Mapping[str, int] = {}
    if known is not None:
        client, examples = (Number(n, n, whole=True) for n in (known.client, known.examples))
        facts = known.facts
    if kind == REGISTER:
        # A simulation may have more nodes than the config has clients.
        own = {"client": Number(0, 2**31, whole=True), "nodes": Number(1, 2**31, whole=True), "num-examples": examples}
        wanted = next(({**own, **kinds} for kinds in FACTS if kinds.keys() <= reply.keys()), {**own, **FACTS[0]})
    elif kind == STATISTICS:
        return _statistics(reply, facts)
    elif kind == GENERATOR:
        counts = {f"count-{label}": COUNT for label in range(facts["classes"])}
        return _named(reply, {"client": client, "seconds": SECONDS, **counts})
    else:
        wanted = {
            TRAIN: {"client": client, "num-examples": examples, "loss": LOSS, "valid": SCORE}
            | {"seconds": SECONDS, "virtual-seconds": SECONDS},
            EVALUATE: {"client": client, "score": SCORE, "trivial": SCORE},
            SYNC: {"kept": Number(1, 1, whole=True)},
            COUNTS: {"client": client, "training-bytes": COUNT},
            TREES: {"client": client},
            GRADIENT: {"client": client, "loss": LOSS, "score": SCORE, "trivial": SCORE},
        }[kind]
    return _named(reply, wanted)


def _named(reply: Mapping[str, object], wanted: Mapping[str, Number]) -> str:
    """The required metrics, each once, no others, all in range."""
    if reply.keys() != wanted.keys():
        missing, more = sorted(wanted.keys() - reply.keys()), sorted(reply.keys() - wanted.keys())
        parts = [f"{what} {', '.join(names)}" for what, names in (("lacks", missing), ("also has", more)) if names]
        return f"the metrics record {' and '.join(parts)}"
    return next((problem for name, number in wanted.items() if (problem := number.problem(name, reply[name]))), "")


def _statistics(reply: Mapping[str, object], facts: Mapping[str, int]) -> str:
    """Means and deviations of all channels for some of the classes; pixels are from 0 to 1."""
    labels = {int(name.split("-")[1]) for name in reply if re.fullmatch(r"(mean|deviation)-\d{1,6}-\d{1,6}", name)}
    channels = range(facts["channels"]) if labels and max(labels) < facts["classes"] else range(0)
    pairs = [(label, channel) for label in labels for channel in channels]
    return _named(reply, {f"{kind}-{a}-{b}": Number(0, 1) for a, b in pairs for kind in ("mean", "deviation")})


def _facts(reply: RecordDict, wanted: set[str]) -> str:
    facts = reply.config_records["facts"]
    if facts.keys() != wanted:
        return f"the facts record holds {', '.join(sorted(facts)) or 'nothing'}, wanted {', '.join(sorted(wanted))}"
    name = facts["name"]
    if not isinstance(name, str) or not 0 < len(name) <= MAX_TEXT or not name.isprintable():
        return f"its name is {short(repr(name), 40)}, wanted printable text of 1 to {MAX_TEXT} characters"
    for what in sorted(wanted - {"name"}):
        if not isinstance(facts[what], str) or not re.fullmatch("[0-9a-f]{64}", str(facts[what])):
            return f"the digest of its {what} is {short(repr(facts[what]), 40)}, wanted 64 hexadecimal digits"
    return ""


def _model(request: RecordDict, reply: ArrayRecord) -> str:
    """The arrays of the request, not too far from them."""
    before = request.array_records["arrays"]
    if problem := _alike(before, reply):
        return problem
    length = size = 0.0
    for name, array in before.items():
        old, new = array.numpy(), reply[name].numpy()
        length += float(np.square(new.astype(np.float64) - old).sum())
        size += float(np.square(old.astype(np.float64)).sum())
    length, limit = math.sqrt(length), MAX_UPDATE_RATIO * max(1.0, math.sqrt(size))
    clip = request.config_records.get("config", ConfigRecord()).get(KEY_CLIPPING_NORM)
    if clip is not None:
        # An update that is clipped in float32 may be slightly longer.
        limit = float(str(clip)) * 1.001
    return f"the update's length {length:.3g} is above {limit:.3g}" if length > limit else ""


def _generator(config: FedConfig, facts: Facts, reply: RecordDict) -> str:
    """A generator of the architecture of all clients, with the scale of images, and some training images."""
    arrays, tensors = reply.array_records["arrays"], stored_tensors(blank_generator(config, facts))
    if problem := _alike(ArrayRecord(dict(sorted(tensors.items()))), arrays):
        return problem
    scales = {name: float(arrays[name].numpy()) for name in ("space.mean", "space.deviation")}
    if problem := _named(scales, dict.fromkeys(scales, Number(0, 1))):
        return problem
    counts = [value for name, value in reply.metric_records["metrics"].items() if name.startswith("count-")]
    return "" if any(counts) else "its counts are all 0, wanted a training image"


def _alike(wanted: ArrayRecord, reply: ArrayRecord) -> str:
    """The same arrays in the same order, with their dtypes and shapes, all finite."""
    if list(reply) != list(wanted):
        return f"arrays are {', '.join(reply) or 'none'}, wanted {', '.join(wanted)}"
    for name, array in wanted.items():
        old = array.numpy()
        new, problem = _read(name, reply[name], len(array.data))
        if new is None:
            return problem
        if new.dtype != old.dtype or new.shape != old.shape:
            return f"{name} is {new.dtype} of shape {new.shape}, wanted {old.dtype} of shape {old.shape}"
        if not np.isfinite(new).all():
            return f"{name} holds NaN or infinite values"
    return ""


def _counts(reply: ArrayRecord) -> str:
    """Integers of limited size."""
    total = sum(len(array.data) for array in reply.values())
    if total > MAX_BYTES:
        return f"its arrays have {total:,} bytes, more than {MAX_BYTES:,}"
    for name, array in reply.items():
        values, problem = _read(name, array, MAX_BYTES)
        if values is None:
            return problem
        if values.dtype.kind not in "ui":
            return f"{name} is {values.dtype}, wanted integers"
    return ""


def _trees(reply: ArrayRecord) -> str:
    """Distinct ids in ascending order, and the number of graphs of both classes."""
    if list(reply) != ["ids", "sizes"]:
        return f"arrays are {', '.join(reply) or 'none'}, wanted ids, sizes"
    if problem := _counts(reply):
        return problem
    ids, sizes = reply["ids"].numpy(), reply["sizes"].numpy()
    if ids.dtype != np.uint64 or ids.ndim != 1 or (ids[1:] <= ids[:-1]).any():
        return f"ids are {ids.dtype} of shape {ids.shape}, wanted a row of distinct uint64 in ascending order"
    if sizes.dtype != np.int64 or sizes.shape != (2,) or not ((sizes >= 0) & (sizes <= MAX_GRAPHS)).all():
        return f"sizes are {short(str(sizes.tolist()), 40)}, wanted two int64 numbers from 0 to {MAX_GRAPHS}"
    return ""


def _read(name: str, array: Array, most: int) -> tuple[NDArray[np.generic] | None, str]:
    """An array of a message, or its problem; the header is read before memory is allocated."""
    if array.stype != "numpy.ndarray" or len(array.data) > most:
        return (
            None,
            f"{name} has {len(array.data):,} bytes of {short(array.stype, 40)}, wanted {most:,} or fewer of numpy",
        )
    stream = io.BytesIO(array.data)
    try:
        version = np.lib.format.read_magic(stream)
        header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}[version]
        shape, _, dtype = header(stream)
    except (ValueError, KeyError, EOFError, TypeError) as error:
        return None, f"{name} cannot be read: {error}"
    held = len(array.data) - stream.tell()
    if dtype.hasobject or dtype.itemsize * math.prod(shape) != held:
        return None, f"{name} cannot be read: {held:,} bytes are not {dtype} of shape {shape}"
    return array.numpy(), ""


def short(text: str, most: int = MAX_TEXT) -> str:
    r"""Text of a client in one line, printable, and not too long.

    Example:
        >>> short("out of\n\x1b[31mmemory", 12)
        'out of [31m…'
    """
    plain = " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * most]).split())
    return plain if len(plain) <= most else plain[: most - 1] + "…"
