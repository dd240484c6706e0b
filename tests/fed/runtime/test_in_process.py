import time

import pytest
import torch
from flwr.app import ArrayRecord, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import ServerApp
from flwr.supercore.task_identity import TaskIdentity

from fed.config import FedConfig
from fed.runtime.in_process import LocalGrid, identity, run_in_process
from fed.server.guard import Guard
from fed.server.state import ServerState
from fed.server.strategy import Federation


def counting():
    app = ClientApp()

    @app.train()
    def train(message, context):
        times = context.state.metric_records.get("times", MetricRecord({"n": 0}))["n"] + 1
        context.state["times"] = MetricRecord({"n": times})
        client = context.node_config["partition-id"]
        if context.run_config.get("fails") == client:
            raise OSError("the disk is full")
        numbers = dict.fromkeys(("loss", "valid", "seconds", "virtual-seconds"), 0.0)
        metrics = MetricRecord({"num-examples": 1, "client": client, **numbers})
        return Message(RecordDict({"arrays": message.content["arrays"], "metrics": metrics}), reply_to=message)

    return app


def exchange(grid, nodes):
    content = RecordDict({"arrays": ArrayRecord({"w": torch.ones(2)})})
    return grid.send_and_receive([Message(content, node, "train") for node in nodes])


def test_a_client_keeps_its_state_and_fails_alone():
    grid = LocalGrid(counting(), {"fails": 1}, 3)
    with identity():
        first, second = exchange(grid, [1, 2, 3]), exchange(grid, [3, 1])
    assert [m.has_error() for m in first] == [False, True, False]
    assert "the disk is full" in first[1].error.reason
    assert [m.metadata.src_node_id for m in second] == [3, 1]
    assert [grid.contexts[node].state["times"]["n"] for node in (1, 2, 3)] == [2, 1, 2]
    assert second[0].metadata.reply_to_message_id == "4"


def test_the_guard_counts_names_and_stops():
    with identity():
        guard = Guard(LocalGrid(counting(), {"fails": 1}, 3), FedConfig())
        replies = exchange(guard, [3, 2, 1])
        assert [m.metadata.src_node_id for m in replies] == [1, 2, 3]
        assert guard.refused == ["node 2 failed: OSError: the disk is full"]
        assert guard.down > guard.up / 2 > 0
        with pytest.raises(RuntimeError, match="all 1 clients failed: node 2 failed: OSError: the disk is full"):
            exchange(guard, [2])


def test_identity_is_given_back():
    with identity():
        assert TaskIdentity.run_id == 1
    with pytest.raises(RuntimeError):
        _ = TaskIdentity.run_id


def test_a_round_of_ten_clients_costs_below_a_tenth_of_a_second():
    server, seconds = ServerApp(), []
    facts = {"channels": 1, "height": 8, "width": 8, "classes": 3}
    config = FedConfig(method="fedavg", clients=10)

    @server.main()
    def main(grid, context):
        start = time.process_time()
        state = ServerState.first(config, facts, "run")
        strategy = Federation(config, facts, grid.get_node_ids(), state)
        strategy.start(Guard(grid, config), ArrayRecord(state.arrays), num_rounds=5)
        seconds.append((time.process_time() - start) / 5)

    run_in_process(server, counting(), {}, 10)
    assert seconds[0] < 0.1
