"""A grid within this process: the same apps, no SuperLink, no Ray, one client after the other."""

from __future__ import annotations

import contextlib
import itertools
import signal
import threading
import time
import traceback
from collections.abc import Iterable, Iterator
from typing import Any

from flwr.app import Context, Error, Message, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import Grid, ServerApp

from fed.config import FedConfig
from fed.data import images as data
from fed.data.partitioner import Partitioner, use_partitioner

try:
    from flwr.supercore.task_identity import TaskIdentity
except ImportError as error:  # It is private to Flower, and a Message takes its sender from it.
    raise ImportError(
        "--in-process needs flwr 1.41, whose private parts it borrows; pip install flwr==1.41.0"
    ) from error

FAILED = 0
"""Error code of an exception in a client."""


@contextlib.contextmanager
def within(seconds: float) -> Iterator[None]:
    """Raise ``TimeoutError`` in the block if it runs too long; only the main thread of a Unix process is interrupted.

    Args:
        seconds: time limit.

    Example:
        >>> import time
        >>> with within(0.01):
        ...     time.sleep(60)
        Traceback (most recent call last):
        TimeoutError: no reply within 0.01 s; --timeout sets how long it may take
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield
        return

    def stop(number: int, frame: object) -> None:
        raise TimeoutError(f"no reply within {seconds:g} s; --timeout sets how long it may take")

    handler = signal.signal(signal.SIGALRM, stop)
    outer = signal.setitimer(signal.ITIMER_REAL, seconds)
    started = time.monotonic()
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        if outer[0]:
            # An outer alarm goes off when it would have, or at once if that time has passed.
            signal.setitimer(signal.ITIMER_REAL, max(1e-3, outer[0] - (time.monotonic() - started)), outer[1])


class LocalGrid(Grid):
    """Clients in this process, each with a context of its own that lasts from message to message.

    Args:
        app: the client's app.
        run_config: config of the run.
        clients: number of clients.

    Attributes:
        contexts: by node number.
        in_process: true, since all apps run in this process.
    """

    in_process = True

    def __init__(self, app: ClientApp, run_config: dict[str, Any], clients: int):
        self.app = app
        self.timeout = FedConfig.of(run_config).timeout
        self.contexts = {
            node: Context(
                run_id=1,
                node_id=node,
                node_config={"partition-id": node - 1, "num-partitions": clients},
                state=RecordDict(),
                run_config=dict(run_config),
            )
            for node in range(1, clients + 1)
        }
        self._replies: dict[str, Message] = {}
        self._numbers = itertools.count(1)
        self._run: Any = None

    def set_run(self, run: Any) -> None:
        """Remember the run."""
        self._run = run

    @property
    def run(self) -> Any:
        """The run that was set."""
        return self._run

    def create_message(
        self, content: RecordDict, message_type: str, dst_node_id: int, group_id: str, ttl: float | None = None
    ) -> Message:
        """A message to a node."""
        return Message(content, dst_node_id, message_type, ttl=ttl, group_id=group_id)

    def get_node_ids(self) -> list[int]:
        """Numbers of all nodes, from 1."""
        return list(self.contexts)

    def push_messages(self, messages: Iterable[Message]) -> list[str]:
        """Deliver every message and keep its reply."""
        names = []
        for message in messages:
            name = str(next(self._numbers))
            message.metadata.__dict__["_message_id"] = name
            self._replies[name] = self._deliver(message)
            names.append(name)
        return names

    def pull_messages(self, message_ids: Iterable[str]) -> list[Message]:
        """Replies to the messages of these numbers."""
        return [self._replies.pop(name) for name in message_ids]

    def send_and_receive(self, messages: Iterable[Message], *, timeout: float | None = None) -> list[Message]:
        """Replies to messages, in their order."""
        return self.pull_messages(self.push_messages(messages))

    def _deliver(self, message: Message) -> Message:
        """The client's reply; an exception, an invalid reply or a timeout is that client's failure alone."""
        node = message.metadata.dst_node_id
        try:
            with within(self.timeout):
                reply = self.app(message, self.contexts[node])
        except (Exception, SystemExit):
            return Message(Error(FAILED, traceback.format_exc()), reply_to=message)
        if not isinstance(reply, Message) or reply.metadata.reply_to_message_id != message.metadata.message_id:
            return Message(Error(FAILED, f"the client returned no reply but {type(reply).__name__}"), reply_to=message)
        return reply


@contextlib.contextmanager
def identity() -> Iterator[None]:
    """Set Flower's identity of a process while messages are made."""
    names = ("_run_id", "_node_id", "_task_id")
    before = {name: getattr(TaskIdentity, name) for name in names}
    TaskIdentity.run_id, TaskIdentity.node_id, TaskIdentity.task_id = 1, 0, 1
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(TaskIdentity, name, value)


def run_in_process(
    server: ServerApp,
    client: ClientApp,
    run_config: dict[str, Any],
    clients: int,
    *,
    partitioner: Partitioner | None = None,
) -> RecordDict:
    """Run the two apps and return the state of the server's context.

    Args:
        server: the server's app.
        client: the clients' app.
        run_config: config of the run, from :meth:`fed.config.FedConfig.run_config`.
        clients: number of clients.
        partitioner: divides the data of a config with ``partition="custom"``; any of flwr-datasets. (default: none)
    """
    context = Context(run_id=1, node_id=0, node_config={}, state=RecordDict(), run_config=dict(run_config))
    if partitioner is not None:
        # An earlier call in this process may have divided the same data in another way.
        data.parts.cache_clear()
    try:
        with identity(), use_partitioner(partitioner):
            server(LocalGrid(client, run_config, clients), context)
    finally:
        # Files may have changed by the next run.
        data.parts.cache_clear()
    return context.state
