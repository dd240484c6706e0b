"""A grid that checks every reply: it counts bytes, limits how long it waits, and refuses invalid replies."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from typing import Any

from flwr.app import Error, Message, RecordDict
from flwr.serverapp import Grid

from fed.config import FedConfig
from fed.server.replies import Registration, fault, short

LOG = logging.getLogger("fed")
REFUSED = 1000
"""Error code of a refused or missing reply."""
FIRST_PAUSE, LONGEST_PAUSE = 0.02, 1.0
"""Seconds between two polls for replies."""


class Guard(Grid):
    """Passes messages to another grid and checks the replies.

    Args:
        grid: the grid that transports messages.
        config: the federation, which determines valid replies and how long the server waits.
            (default: all defaults)

    Attributes:
        up, down: bytes of all records that clients sent and received.
        refused: one line for each problem.
        registered: clients by node, after registration; replies are in the order of the clients' numbers, so that sums
            are the same in every run, and are checked against the registration.
        silent: nodes without a reply in time, with the id of the open message; they are sent nothing else until they
            reply to it.
    """

    def __init__(self, grid: Grid, config: FedConfig | None = None):
        self.grid, self.config = grid, config or FedConfig()
        self.up = self.down = 0
        self.refused: list[str] = []
        self.registered: dict[int, Registration] = {}
        self.silent: dict[int, str] = {}

    def set_run(self, run: Any) -> None:
        """Passed to the other grid."""
        self.grid.set_run(run)

    @property
    def run(self) -> Any:
        """The run of the other grid."""
        return self.grid.run

    def create_message(self, *args: Any, **kwargs: Any) -> Message:
        """Passed to the other grid."""
        return self.grid.create_message(*args, **kwargs)

    def get_node_ids(self) -> Iterable[int]:
        """Nodes in the order of their clients."""
        return sorted(self.grid.get_node_ids(), key=self._place)

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        """Passed to the other grid."""
        return self.grid.push_messages(messages)

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        """Passed to the other grid."""
        return self.grid.pull_messages(message_ids)

    def send_and_receive(self, messages: Iterable[Message], *, timeout: float | None = None) -> list[Message]:
        """Send messages, and receive and check replies; refused and missing replies are returned as errors.

        Args:
            messages: at most one for a node.
            timeout: seconds to wait for the next reply. (default: the config's)

        Raises:
            RuntimeError: no client sent a valid reply; the message has the reasons.
        """
        sent = sorted(messages, key=lambda message: self._place(message.metadata.dst_node_id))
        if not sent:
            return []
        limit = self.config.timeout if timeout is None else timeout
        self._readmit()
        ready = [message for message in sent if message.metadata.dst_node_id not in self.silent]
        self.down += sum(_bytes(message.content) for message in ready)
        replies = self._exchange(ready, limit) if ready else {}
        out, wrong = [], []
        for message in sent:
            node = message.metadata.dst_node_id
            reply, why = replies.get(node), ""
            if reply is None:
                open_message = "" if message in ready else "to an earlier message "
                why = f"node {node} did not reply {open_message}within {limit:g} s; --timeout sets how long it may take"
            elif not reply.has_content():
                why = f"node {node} failed: {_last_line(reply)}"
            else:
                problem = self._problem(message, reply)
                why = f"node {node} was refused: {problem}" if problem else ""
            if why:
                wrong.append(why)
            out.append(Message(Error(REFUSED, why), reply_to=message) if why or reply is None else reply)
        for line in wrong:
            LOG.warning(line)
        self.refused += wrong
        if not any(reply.has_content() for reply in out):
            raise RuntimeError(f"all {len(sent)} clients failed: {'; '.join(wrong)}")
        return out

    def leave_out(self, node: int, why: str) -> None:
        """Log that a client is refused, with the reason."""
        self.refused.append(f"node {node} was refused: {short(why)}")
        LOG.warning(self.refused[-1])

    def query(self, kind: str, content: RecordDict, nodes: Iterable[int]) -> list[Message]:
        """Send the same message to some nodes; replies as of :meth:`send_and_receive`."""
        return self.send_and_receive([Message(content, node, kind) for node in nodes])

    def numbers(self, kind: str, content: RecordDict, nodes: Iterable[int]) -> list[dict[str, float]]:
        """Metrics of the nodes that replied."""
        return [numbers_of(reply.content) for reply in self.query(kind, content, nodes) if reply.has_content()]

    def _exchange(self, messages: list[Message], limit: float) -> dict[int, Message]:
        """Replies by node, until none has come for ``limit`` seconds."""
        accepted = {name for name in self.grid.push_messages(messages) if name}
        waiting = {m.metadata.message_id: m.metadata.dst_node_id for m in messages if m.metadata.message_id in accepted}
        replies: dict[int, Message] = {}
        until, pause = time.monotonic() + limit, FIRST_PAUSE
        while waiting:
            came = list(self.grid.pull_messages(list(waiting)))
            for reply in came:
                node = waiting.pop(reply.metadata.reply_to_message_id, None)
                if node is not None:
                    replies[node] = reply
            if came:
                until, pause = time.monotonic() + limit, FIRST_PAUSE
            elif time.monotonic() >= until:
                break
            elif waiting:
                time.sleep(pause)
                pause = min(LONGEST_PAUSE, 1.5 * pause)
        self.silent |= {node: name for name, node in waiting.items()}
        return replies

    def _readmit(self) -> None:
        """Send messages again to nodes that have replied late; their late replies are out of date."""
        if self.silent:
            late = {reply.metadata.reply_to_message_id for reply in self.grid.pull_messages(list(self.silent.values()))}
            for node in [node for node, name in self.silent.items() if name in late]:
                del self.silent[node]
                LOG.info("node %d has replied late; it takes part again", node)

    def _problem(self, message: Message, reply: Message) -> str:
        """The problem of a reply that has content, or an empty string."""
        node = message.metadata.dst_node_id
        if reply.metadata.src_node_id != node:
            return f"it replies as node {reply.metadata.src_node_id}"
        problem = fault(
            message.content, reply.content, message.metadata.message_type, self.config, self.registered.get(node)
        )
        if not problem:
            self.up += _bytes(reply.content)
        return problem

    def _place(self, node: int) -> tuple[int, int]:
        return self.registered[node].client if node in self.registered else -1, node


def numbers_of(content: RecordDict) -> dict[str, float]:
    """The metrics of a checked reply, by name."""
    return {name: float(str(value)) for name, value in content.metric_records["metrics"].items()}


def _bytes(content: RecordDict) -> int:
    return sum(record.count_bytes() for record in content.values())


def _last_line(reply: Message) -> str:
    reason = reply.error.reason if reply.has_error() else None
    return short((str(reason or "").strip() or "no reason given").splitlines()[-1])
