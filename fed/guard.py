"""A grid that looks at what comes back: counts bytes, refuses bad replies by name, stops where every client failed."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable
from typing import Any

import torch
from flwr.app import Error, Message, MessageType, RecordDict
from flwr.serverapp import Grid

LOG = logging.getLogger("fed")
HUGE = 10.0
"""An update longer than this many times the model (and 1) is refused: honest ones are below its length."""
COUNTS = "query.mirage"
"""Type of the messages whose answers are arrays of counts."""
MOST_BYTES = 2**28
"""An array of an answer may have as many: more than the counts of a million tree sets."""
REFUSED = 1000
"""Code of the error that stands for a refused reply."""


class Guard(Grid):
    """Passes messages on to another grid.

    Args:
        grid: the grid that carries messages.

    Attributes:
        up, down: bytes of all records that clients sent and got.
        refused: what was wrong, a line each.
        order: place of each node; replies come in this order, for sums to be the same in every run.
    """

    def __init__(self, grid: Grid):
        self.grid = grid
        self.up = self.down = 0
        self.refused: list[str] = []
        self.order: dict[int, int] = {}

    def set_run(self, run: Any) -> None:
        """Pass on."""
        self.grid.set_run(run)

    @property
    def run(self) -> Any:
        """Of the other grid."""
        return self.grid.run

    def create_message(self, *args: Any, **kwargs: Any) -> Message:
        """Pass on."""
        return self.grid.create_message(*args, **kwargs)

    def get_node_ids(self) -> Iterable[int]:
        """In order."""
        return sorted(self.grid.get_node_ids(), key=self._place)

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        """Pass on."""
        return self.grid.push_messages(messages)

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        """Pass on."""
        return self.grid.pull_messages(message_ids)

    def send_and_receive(self, messages: Iterable[Message], *, timeout: float | None = None) -> list[Message]:
        """Send, receive, check; refused replies come as errors.

        Raises:
            RuntimeError: no client answered as it should; the message has the reasons.
        """
        sent = list(messages)
        if not sent:
            return []
        self.down += sum(_bytes(message.content) for message in sent)
        asked = {message.metadata.dst_node_id: message for message in sent}
        got = self.grid.send_and_receive(sent, timeout=timeout)
        replies = sorted(got, key=lambda reply: self._place(reply.metadata.src_node_id))
        out, wrong = [], []
        for reply in replies:
            node = reply.metadata.src_node_id
            if reply.has_error():
                why = f"node {node} failed: {_last_line(reply.error.reason)}"
            else:
                self.up += _bytes(reply.content)
                problem = fault(asked[node].content, reply.content, reply.metadata.message_type)
                why = f"node {node} was refused: {problem}" if problem else ""
            if why:
                wrong.append(why)
            refused = why and reply.has_content()
            out.append(Message(Error(REFUSED, why), reply_to=asked[node]) if refused else reply)
        for line in wrong:
            LOG.warning(line)
        self.refused += wrong
        if not any(reply.has_content() for reply in out):
            raise RuntimeError(f"all {len(sent)} clients failed: {'; '.join(wrong) or 'no reply came in time'}")
        return out

    def _place(self, node: int) -> tuple[int, int]:
        return self.order.get(node, 0), node

    def ask(self, kind: str, content: RecordDict, nodes: list[int]) -> list[Message]:
        """Send the same to each of some nodes; replies as of :meth:`send_and_receive`."""
        return self.send_and_receive([Message(content, node, kind) for node in nodes])

    def numbers(self, kind: str, content: RecordDict, nodes: list[int]) -> list[dict[str, float]]:
        """Numbers that nodes reply with; of those that fail none."""
        return [numbers_of(reply.content) for reply in self.ask(kind, content, nodes) if reply.has_content()]


def numbers_of(content: RecordDict) -> dict[str, float]:
    """The numbers of a reply, by name."""
    return {name: float(str(value)) for name, value in next(iter(content.metric_records.values())).items()}


def fault(sent: RecordDict, got: RecordDict, kind: str) -> str:
    """What is wrong with a reply, or nothing.

    Args:
        sent: content of the message that it answers.
        got: its content.
        kind: type of the message.
    """
    numbers = [value for record in got.metric_records.values() for value in record.values()]
    if any(isinstance(value, list) or not math.isfinite(value) for value in numbers):
        return "a metric is NaN or infinite"
    if len(got.metric_records) != 1:
        return f"{len(got.metric_records)} metric records, wanted 1"
    if kind == COUNTS:
        return _no_counts(got)
    if kind != MessageType.TRAIN:
        return f"{len(got.array_records)} array records, wanted none" if got.array_records else ""
    if len(got.array_records) != 1:
        return f"{len(got.array_records)} array records, wanted 1"
    metrics = next(iter(got.metric_records.values()))
    if not float(str(metrics.get("num-examples", 0))) > 0:
        return "num-examples is absent or not above 0"
    before = sent.array_records["arrays"].to_torch_state_dict()
    after = next(iter(got.array_records.values())).to_torch_state_dict()
    if before.keys() != after.keys():
        return f"arrays are {', '.join(after)}, wanted {', '.join(before)}"
    for name, value in after.items():
        if value.shape != before[name].shape:
            return f"{name} has shape {tuple(value.shape)}, wanted {tuple(before[name].shape)}"
        if not bool(torch.isfinite(value).all()):
            return f"{name} holds NaN or infinite values"
    length = math.hypot(*[float((after[name] - before[name]).norm()) for name in before])
    limit = HUGE * max(1.0, math.hypot(*[float(value.norm()) for value in before.values()]))
    return f"the update's length {length:.3g} is above {limit:.3g}" if length > limit else ""


def _no_counts(got: RecordDict) -> str:
    """What is wrong with an answer of federated Mirage, or nothing: it holds integers, and not too many."""
    if len(got.array_records) != 1:
        return f"{len(got.array_records)} array records, wanted 1"
    for name, array in next(iter(got.array_records.values())).items():
        try:
            values = array.numpy()
        except (ValueError, EOFError, TypeError) as error:
            return f"{name} cannot be read: {error}"
        if values.dtype.kind not in "ui":
            return f"{name} is {values.dtype}, wanted integers"
        if values.nbytes > MOST_BYTES:
            return f"{name} has {values.nbytes:,} bytes, more than {MOST_BYTES:,}"
    return ""


def _bytes(content: RecordDict) -> int:
    return sum(record.count_bytes() for record in content.values())


def _last_line(reason: str | None) -> str:
    return (reason or "no reason given").strip().splitlines()[-1]
