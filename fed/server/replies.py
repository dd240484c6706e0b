"""What a valid reply of a client is, for every kind of message: all that the server believes is checked here."""

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
from fed.data.molecules import HOPS
from fed.methods._method import method_of

REGISTER, STATISTICS, SYNC, COUNTS = "query.register", "query.statistics", "query.sync", "query.mirage"
TRAIN, EVALUATE = "train", "evaluate"
MAX_UPDATE_RATIO = 10.0
"""An update longer than this many times the model (and 1) is refused: honest ones are below its length."""
MAX_BYTES = 2**28
"""All arrays of an answer about trees may have as many: more than the counts of a million tree sets."""
MAX_TEXT = 300
"""Characters of a client's words that are repeated."""


@dataclass(frozen=True)
class Registration:
    """What a client is known by from its first reply on.

    Attributes:
        client: its number.
        name: of its domain.
        examples: what its model counts for.
        facts: what networks are made from.
        nodes: nodes that the federation has, as far as this one knows.
        data: keyed digest of its data, which tells the same data from others and nothing more.
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
    """The values that a metric may have.

    Attributes:
        low, high: ends of the range, both allowed.
        whole: whether it is an integer.
        unknown: whether -1 may stand for a score that the client's split cannot give.

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
        """What is wrong with a value, or nothing."""
        # The order of comparison refuses NaN, and holds for integers that no float can.
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


def fault(asked: RecordDict, got: RecordDict, kind: str, config: FedConfig, known: Registration | None = None) -> str:
    """What is wrong with a reply, or nothing; whatever it holds, this raises no error.

    Args:
        asked: content of the message that it answers.
        got: its content.
        kind: type of the message.
        config: the federation.
        known: what the client is registered as. (default: not yet)

    Example:
        >>> fault(RecordDict(), RecordDict(), "evaluate", FedConfig())
        'records are none, wanted metrics'
    """
    try:
        return short(_fault(asked, got, kind, config, known))
    except Exception as error:  # Whatever a reply makes its reader raise is that client's fault alone.
        return short(f"it cannot be read: {error!r}")


def _fault(asked: RecordDict, got: RecordDict, kind: str, config: FedConfig, known: Registration | None) -> str:
    wanted = (
        {"metrics"} | ({"arrays"} if kind in (TRAIN, COUNTS) else set()) | ({"facts"} if kind == REGISTER else set())
    )
    if got.keys() != wanted:
        return f"records are {', '.join(sorted(got)) or 'none'}, wanted {', '.join(sorted(wanted))}"
    if got.metric_records.keys() != {"metrics"} or got.array_records.keys() != wanted & {"arrays"}:
        return "its records are not of the kinds that their names say"
    metrics = got.metric_records["metrics"]
    if problem := _metrics(metrics, kind, config, known):
        return problem
    if kind == REGISTER:
        return _facts(got, {"name", "data"} | ({"key"} if method_of(config).merges else set()))
    if kind == COUNTS:
        return _counts(got.array_records["arrays"])
    return _model(asked, got.array_records["arrays"]) if kind == TRAIN else ""


def _metrics(got: Mapping[str, object], kind: str, config: FedConfig, known: Registration | None) -> str:
    client = Number(0, config.clients - 1, whole=True)
    examples = Number(1, 1 if config.weights == "uniform" else 2**31, whole=True)
    facts: Mapping[str, int] = {}
    if known is not None:
        client, examples = (Number(n, n, whole=True) for n in (known.client, known.examples))
        facts = known.facts
    if kind == REGISTER:
        # A simulation may have more nodes than the config has clients, and says so here.
        own = {"client": Number(0, 2**31, whole=True), "nodes": Number(1, 2**31, whole=True), "num-examples": examples}
        wanted = next(({**own, **kinds} for kinds in FACTS if kinds.keys() <= got.keys()), {**own, **FACTS[0]})
    elif kind == STATISTICS:
        return _statistics(got, facts)
    else:
        wanted = {
            TRAIN: {"client": client, "num-examples": examples, "loss": LOSS, "valid": SCORE}
            | {"seconds": SECONDS, "virtual-seconds": SECONDS},
            EVALUATE: {"client": client, "score": SCORE, "trivial": SCORE},
            SYNC: {"kept": Number(1, 1, whole=True)},
            COUNTS: {"client": client, "raw-bytes": COUNT},
        }[kind]
    return _named(got, wanted)


def _named(got: Mapping[str, object], wanted: Mapping[str, Number]) -> str:
    """The metrics that are wanted, each once, no other, all in range."""
    if got.keys() != wanted.keys():
        missing, more = sorted(wanted.keys() - got.keys()), sorted(got.keys() - wanted.keys())
        parts = [f"{what} {', '.join(names)}" for what, names in (("lacks", missing), ("has also", more)) if names]
        return f"the metrics record {' and '.join(parts)}"
    return next((problem for name, number in wanted.items() if (problem := number.problem(name, got[name]))), "")


def _statistics(got: Mapping[str, object], facts: Mapping[str, int]) -> str:
    """Means and deviations of all channels of some of the classes; images are numbers from 0 to 1."""
    labels = {int(name.split("-")[1]) for name in got if re.fullmatch(r"(mean|deviation)-\d{1,6}-\d{1,6}", name)}
    channels = range(facts["channels"]) if labels and max(labels) < facts["classes"] else range(0)
    pairs = [(label, channel) for label in labels for channel in channels]
    return _named(got, {f"{kind}-{a}-{b}": Number(0, 1) for a, b in pairs for kind in ("mean", "deviation")})


def _facts(got: RecordDict, wanted: set[str]) -> str:
    facts = got.config_records["facts"]
    if facts.keys() != wanted:
        return f"the facts record holds {', '.join(sorted(facts)) or 'nothing'}, wanted {', '.join(sorted(wanted))}"
    name = facts["name"]
    if not isinstance(name, str) or not 0 < len(name) <= MAX_TEXT or not name.isprintable():
        return f"its name is {short(repr(name), 40)}, wanted printable text of 1 to {MAX_TEXT} characters"
    for what in sorted(wanted - {"name"}):
        if not isinstance(facts[what], str) or not re.fullmatch("[0-9a-f]{64}", str(facts[what])):
            return f"the digest of its {what} is {short(repr(facts[what]), 40)}, wanted 64 hexadecimal digits"
    return ""


def _model(asked: RecordDict, got: ArrayRecord) -> str:
    """The arrays that were sent, in their order, dtypes and shapes, finite and not too far away."""
    before = asked.array_records["arrays"]
    if list(got) != list(before):
        return f"arrays are {', '.join(got) or 'none'}, wanted {', '.join(before)}"
    length = size = 0.0
    for name, array in before.items():
        old = array.numpy()
        new, problem = _read(name, got[name], len(array.data))
        if new is None:
            return problem
        if new.dtype != old.dtype or new.shape != old.shape:
            return f"{name} is {new.dtype} of shape {new.shape}, wanted {old.dtype} of shape {old.shape}"
        if not np.isfinite(new).all():
            return f"{name} holds NaN or infinite values"
        length += float(np.square(new.astype(np.float64) - old).sum())
        size += float(np.square(old.astype(np.float64)).sum())
    length, limit = math.sqrt(length), MAX_UPDATE_RATIO * max(1.0, math.sqrt(size))
    clip = asked.config_records.get("config", ConfigRecord()).get(KEY_CLIPPING_NORM)
    if clip is not None:
        # Cut in float32, an update may be longer by a little.
        limit = float(str(clip)) * 1.001
    return f"the update's length {length:.3g} is above {limit:.3g}" if length > limit else ""


def _counts(got: ArrayRecord) -> str:
    """Integers, and not too many."""
    total = sum(len(array.data) for array in got.values())
    if total > MAX_BYTES:
        return f"its arrays have {total:,} bytes, more than {MAX_BYTES:,}"
    for name, array in got.items():
        values, problem = _read(name, array, MAX_BYTES)
        if values is None:
            return problem
        if values.dtype.kind not in "ui":
            return f"{name} is {values.dtype}, wanted integers"
    return ""


def _read(name: str, array: Array, most: int) -> tuple[NDArray[np.generic] | None, str]:
    """An array of a message, or what is wrong: its header is read before memory is taken."""
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
    r"""Text of a client as it may be repeated: in a line, printable, not too long.

    Example:
        >>> short("out of\n\x1b[31mmemory", 12)
        'out of [31m…'
    """
    plain = " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * most]).split())
    return plain if len(plain) <= most else plain[: most - 1] + "…"
