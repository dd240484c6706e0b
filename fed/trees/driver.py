"""The regression on counts of trees over Flower: a vocabulary, then one message to each client for every evaluation."""

from __future__ import annotations

import logging
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord, RecordDict
from numpy.typing import NDArray

from fed.config import FedConfig
from fed.data.client_data import UNKNOWN
from fed.server.guard import Guard, numbers_of
from fed.server.replies import GRADIENT, SYNC, TREES
from fed.trees.client import Ids, Vector, as_network
from fed.trees.lbfgs import Lbfgs, Point

LOG = logging.getLogger("fed")
STRENGTHS = (0.003, 0.01, 0.03, 0.1, 0.3)
"""Inverse regularizations C that validation chooses from, strongest regularization first."""
ROUGH, TOLERANCE = 1e-2, 1e-6
"""Length of the objective's gradient at which the validation score no longer moves, and at the optimum."""
HALF_ULP = 2.0**-24
"""Relative error of a number of 32 bits, as of the gradients that clients send."""
MAX_FEATURE = 16.0
"""Largest log count of a tree: no graph has eight million nodes."""


class _LostError(Exception):
    """Clients that did not reply as required."""

    def __init__(self, nodes: set[int]):
        self.nodes = nodes


@dataclass(frozen=True, kw_only=True)
class _Sum(Point):
    """Sums over clients at a point, and the validation scores of the model there, by client."""

    valid: dict[int, float]
    round: int

    @property
    def mean(self) -> float:
        return statistics.fmean(self.valid.values()) if self.valid else UNKNOWN


@dataclass
class _Session:
    """A vocabulary and the clients that agree on it.

    Attributes:
        guard: the grid.
        nodes: of the clients.
        vocabulary: ascending keyed ids, ``[K]``.
        sizes: training graphs of both classes at each client, ``[clients, 2]``.
        history: a dictionary for each round.
        last: each client's last loss and gradient.
    """

    guard: Guard
    nodes: list[int]
    vocabulary: Ids
    sizes: NDArray[np.int64]
    history: list[dict[str, Any]]
    last: dict[int, Point] = field(default_factory=dict)

    @property
    def class_weights(self) -> Vector:
        """Weights that balance the classes, 1 on average."""
        totals = self.sizes.sum(axis=0)
        return np.asarray(totals.sum() / (2 * totals))

    def evaluate(self, w: Vector) -> _Sum:
        """The loss of all clients' training graphs and its gradient.

        Raises:
            _LostError: a client did not reply, or what it sent cannot be true.
        """
        begun = time.perf_counter()
        replies = _ask(self.guard, GRADIENT, self.request(w, "valid"), self.nodes)
        points = {node: _point(w, reply) for node, reply in replies.items()}
        graphs = self.sizes @ self.class_weights
        wrong = {
            node: problem
            for (node, point), weight in zip(points.items(), graphs, strict=True)
            if (problem := implausible(point, self.last.get(node), float(weight)))
        }
        for node, problem in wrong.items():
            self.guard.leave_out(node, problem)
        if wrong:
            raise _LostError(set(wrong))
        self.last = points
        gradients = np.stack([point.gradient for point in points.values()])
        found = _Sum(
            w,
            loss := sum(point.loss for point in points.values()),
            gradients.sum(axis=0),
            HALF_ULP * float(np.linalg.norm(gradients, axis=1).sum()),
            valid=_scores(replies, "score"),
            round=len(self.history) + 1,
        )
        line = {"round": found.round, "loss": loss / float(graphs.sum()), "valid before": found.valid}
        self.history.append({**line, "seconds": time.perf_counter() - begun})
        return found

    def request(self, w: Vector, split: str) -> RecordDict:
        """The message that asks for sums at a point, and for the score of the model there on a split."""
        settings = ConfigRecord({"split": split, "class-weights": self.class_weights.tolist()})
        return RecordDict({"arrays": ArrayRecord({"weights": Array(w)}), "config": settings})


def fit_trees(guard: Guard, config: FedConfig, nodes: Sequence[int]) -> dict[str, Any]:
    """Fit to the optimum, choose the regularization on validation, test once; restarted without clients that fail.

    Args:
        guard: the grid.
        config: the federation.
        nodes: of all clients.

    Returns:
        What the outcome of a federation has beyond the facts of its clients; ``trees`` has the number of trees, the
        chosen strength, the number of rounds, and the length of the objective's gradient at the end.

    Raises:
        RuntimeError: all clients failed.
        ValueError: no tree is at enough clients, or no client has graphs of a class.
    """
    active, history = list(nodes), list[dict[str, Any]]()
    begun = time.perf_counter()
    while True:
        try:
            session = _agree(guard, config, active, history)
            best, strength, length = _optimum(session, **config.options)
            break
        except _LostError as lost:
            active = [node for node in active if node not in lost.nodes]
            if not active:
                raise RuntimeError(f"all clients failed: {'; '.join(guard.refused)}") from lost
            LOG.warning("fedtrees restarts without nodes %s", ", ".join(map(str, sorted(lost.nodes))))
    missing = []
    if length > 100 * TOLERANCE:
        missing.append(f"the optimum: the gradient has length {length:.2g} after {len(history)} rounds")
    tests: dict[int, RecordDict] = {}
    try:
        replies = guard.query(GRADIENT, session.request(best.w, "test"), session.nodes)
        tests = {reply.metadata.src_node_id: reply.content for reply in replies if reply.has_content()}
    except RuntimeError as error:
        missing.append(f"test: {error}")
    if absent := [str(one.client) for node, one in guard.registered.items() if node not in tests]:
        missing.append(f"test: no reply of client{'s' if len(absent) > 1 else ''} {', '.join(absent)}")
    net = as_network(session.vocabulary, best.w)
    return {
        "test": _scores(tests, "score"),
        "baselines": {"number of nodes": _scores(tests, "trivial")},
        "valid": best.mean,
        "chosen round": best.round,
        "history": history,
        "final valid": best.valid,
        "trees": {
            "vocabulary": len(session.vocabulary),
            "strength": strength,
            "rounds": len(history),
            "gradient": length,
        },
        "missing": missing,
        "model": net.state_dict(),
        "seconds by phase": {"sums over clients": time.perf_counter() - begun},
    }


def implausible(point: Point, before: Point | None, graphs: float) -> str:
    """Why a loss and a gradient cannot be those of a client's graphs, or an empty string.

    The logistic loss is convex, so it lies above each of its tangents, and features are bounded.

    Args:
        point: what the client sent.
        before: what it sent before, if anything.
        graphs: total weight of its graphs.

    Example:
        >>> one = np.ones(1)
        >>> implausible(Point(one, 0.2, one), Point(0 * one, 0.7, one), 9.0)
        'its loss 0.2 lies below the tangent of its loss before'
        >>> implausible(Point(one, 0.2, one), None, 0.01)
        'its gradient has a value of 1, more than 0.16'
    """
    largest, most = float(np.abs(point.gradient).max()), MAX_FEATURE * graphs
    if largest > most * (1 + 1e-6):
        return f"its gradient has a value of {largest:.3g}, more than {most:.3g}"
    if before is None:
        return ""
    for a, b, which in ((before, point, "before"), (point, before, "now")):
        products = a.gradient * (b.w - a.w)
        slack = 1e-6 * (1 + abs(a.loss) + abs(b.loss) + float(np.abs(products).sum()))
        if b.loss < a.loss + float(products.sum()) - slack:
            return f"its loss {b.loss:.6g} lies below the tangent of its loss {which}"
    return ""


def _agree(guard: Guard, config: FedConfig, nodes: list[int], history: list[dict[str, Any]]) -> _Session:
    """Send all clients the ids of the trees that enough of them have."""
    replies = _ask(guard, TREES, RecordDict(), nodes)
    arrays = [reply.array_records["arrays"] for reply in replies.values()]
    ids, clients = np.unique(np.concatenate([array["ids"].numpy() for array in arrays]), return_counts=True)
    vocabulary = ids[clients >= config.least_clients]
    if not len(vocabulary):
        raise ValueError(f"no tree is at {config.least_clients} of {len(nodes)} clients; give a smaller --min-clients")
    sizes = np.stack([array["sizes"].numpy() for array in arrays])
    for label in (sizes.sum(axis=0) == 0).nonzero()[0]:
        raise ValueError(f"no client has a training graph of class {label}, and a classifier needs both")
    _ask(guard, SYNC, RecordDict({"broadcast": ArrayRecord({"vocabulary": Array(vocabulary)})}), nodes)
    LOG.info("%s of %s trees are at %d clients or more", f"{len(vocabulary):,}", f"{len(ids):,}", config.least_clients)
    return _Session(guard, nodes, vocabulary, sizes, history)


def _optimum(session: _Session, strength: float, max_rounds: int) -> tuple[_Sum, float, float]:
    """The model that is best on validation, its strength, and the length of its gradient."""
    penalty = np.append(np.ones(len(session.vocabulary)), 0.0)
    solver = Lbfgs(session.evaluate, penalty, limit=max_rounds - len(session.history) - 1)
    here = session.evaluate(0 * penalty)
    best, chosen = here, -1.0
    for tried in (strength,) if strength else STRENGTHS:
        here = solver.minimise(here, tried, ROUGH)
        LOG.info("C %g, %d rounds: mean validation score %.3f", tried, len(session.history), here.mean)
        if chosen < 0 or here.mean > best.mean:
            best, chosen = here, tried
    # The intercept has no penalty, and where C is small little curvature: C n / 4 at the most.
    best = solver.minimise(best, chosen, TOLERANCE * min(1.0, chosen * float(session.sizes.sum()) / 10))
    return best, chosen, float(np.linalg.norm(solver.gradient(best, chosen)))


def _ask(guard: Guard, kind: str, content: RecordDict, nodes: list[int]) -> dict[int, RecordDict]:
    """Replies of all nodes, in their order.

    Raises:
        _LostError: a node did not reply as required.
    """
    try:
        messages = guard.query(kind, content, nodes)
    except RuntimeError as error:
        raise _LostError(set(nodes)) from error
    replies = {m.metadata.src_node_id: m.content for m in messages if m.has_content()}
    if lost := set(nodes) - set(replies):
        raise _LostError(lost)
    return {node: replies[node] for node in nodes}


def _point(w: Vector, reply: RecordDict) -> Point:
    gradient = reply.array_records["arrays"]["gradient"].numpy().astype(np.float64)
    return Point(w, numbers_of(reply)["loss"], gradient)


def _scores(replies: dict[int, RecordDict], name: str) -> dict[int, float]:
    """A number of the replies by client, without those whose split has no score."""
    found = [numbers_of(reply) for reply in replies.values()]
    return {int(numbers["client"]): numbers[name] for numbers in found if numbers["score"] != UNKNOWN}
