import copy
import dataclasses
import io
import json
import logging

import pytest
import rich.console
import torch
from flwr.app import ArrayRecord, Context, Message, RecordDict

from fed import client_app, report, server_app
from fed.methods import FAMILY, fedlgd, train_on
from fed.runtime import in_process as grid
from fed.runtime.in_process import run_in_process
from fed.server_app import app as server
from graphdistill.core.command.deliver import show
from tests.fed.samples import federation, part

VARIANTS = [(name, data) for name in FAMILY.names("images") for data in train_on(name)]


def run(config, client=client_app.app):
    return run_in_process(server, client, config.run_config(), config.clients)


def outcome(state):
    return json.loads(state.config_records["outcome"]["json"])


def settled(found):
    """Without seconds, and bytes, which count the digits of seconds."""
    history = [{k: v for k, v in line.items() if k != "seconds"} for line in found["history"]]
    return {k: v for k, v in found.items() if "seconds" not in k and "bytes" not in k} | {"history": history}


@pytest.mark.parametrize(("method", "data"), VARIANTS)
def test_the_same_seed_gives_the_same(method, data, monkeypatch):
    config = federation(monkeypatch, [part(0), part(1)], method=method, train_on=data)
    first, second = run(config), run(config)
    assert settled(outcome(first)) == settled(outcome(second))
    assert outcome(first)["test"].keys() == {"0", "1"}
    assert len(outcome(first)["history"]) == 3
    if method == "fedlgd":
        assert torch.equal(*[s.array_records["broadcast"].to_torch_state_dict()["x"] for s in (first, second)])


@pytest.mark.parametrize(("method", "data"), VARIANTS)
@pytest.mark.parametrize(
    "parts",
    [[part(0)], [part(0, classes=(0, 2)), part(1, classes=(1,), count=5), part(2, count=40)]],
    ids=["one client", "missing classes and unequal sizes"],
)
def test_odd_federations_work(method, data, parts, monkeypatch):
    found = outcome(run(federation(monkeypatch, parts, method=method, train_on=data)))
    assert len(found["test"]) == len(parts)
    assert found["refused"] == []


def failing(when, how):
    """The app, but training does what it should not at client 1 when ``when(round)``."""
    app = copy.copy(client_app.app)

    def call(message, context):
        config = message.content.config_records.get("config", {})
        if context.node_config["partition-id"] in how and when(config.get("server-round", 0)):
            return how[context.node_config["partition-id"]](app(message, context))
        return app(message, context)

    return call


def broken(reply):
    raise OSError("out of memory")


def nan(reply):
    reply.content["arrays"] = type(reply.content["arrays"])(
        {k: v * torch.nan for k, v in reply.content["arrays"].to_torch_state_dict().items()}
    )
    return reply


def test_a_round_goes_on_without_those_that_fail(monkeypatch):
    config = federation(monkeypatch, [part(0), part(1), part(2)], method="fedlgd")
    found = outcome(run(config, failing(lambda number: number == 2, {1: broken, 2: nan})))
    assert found["refused"][0] == "node 2 failed: OSError: out of memory"
    assert found["refused"][1].startswith("node 3 was refused: blocks.0.0.weight holds NaN")
    assert [len(line["valid before"]) for line in found["history"]] == [3, 1, 3]


@pytest.mark.parametrize("method", ["fedavg", "fedlgd"])
def test_some_clients_are_drawn_and_all_evaluate(method, monkeypatch):
    parts = [part(seed) for seed in range(4)]
    config = federation(monkeypatch, parts, method=method, participation=0.5, rounds=8)
    found = outcome(run(config))
    assert {len(line["valid before"]) for line in found["history"]} == {2}
    assert {client for line in found["history"] for client in line["valid before"]} == {"0", "1", "2", "3"}
    assert found["test"].keys() == found["final valid"].keys() == {"0", "1", "2", "3"}
    # Rounds that not all clients evaluated are no candidates.
    assert found["chosen round"] == 8


def test_global_images_may_start_from_the_clients_statistics(monkeypatch):
    seen = []
    begin = fedlgd.Method.first_broadcast
    monkeypatch.setattr(
        fedlgd.Method, "first_broadcast", lambda self, *args: seen.append(args[2]) or begin(self, *args)
    )
    parts = [part(0, classes=(0, 1)), part(1, classes=(0,))]
    run(federation(monkeypatch, parts, method="fedlgd", statistics=True))
    mean, deviation = seen[0]
    x = [[p.train[0][p.train[1] == c] for p in parts] for c in (0, 1)]
    wanted = [(x[0][0].mean() + x[0][1].mean()) / 2, x[1][0].mean(), torch.tensor(0.5)]
    torch.testing.assert_close(mean[:, 0], torch.stack(wanted))
    assert deviation[2].item() == 0.25


def test_shapes_that_differ_stop_the_run(monkeypatch):
    config = federation(monkeypatch, [part(0), part(1, num_classes=4)], method="fedavg")
    with pytest.raises(RuntimeError, match=r"different shapes and classes: .*\('classes', 3\).*\('classes', 4\)"):
        run(config)


def test_if_all_fail_the_run_stops(monkeypatch):
    config = federation(monkeypatch, [part(0), part(1)], method="fedavg")
    with pytest.raises(RuntimeError, match="all 2 clients failed: node 1 failed: OSError: out of memory; node 2"):
        run(config, failing(lambda number: number == 2, {0: broken, 1: broken}))


@pytest.mark.parametrize("clients", [(1,), (0, 1)])
def test_what_fails_after_training_costs_only_itself(clients, monkeypatch, tmp_path):
    config = federation(monkeypatch, [part(0), part(1)], method="fedavg", output=str(tmp_path / "out"))

    def app(message, context):
        settings = message.content.config_records.get("config", {})
        if settings.get("split") == "test" and context.node_config["partition-id"] in clients:
            raise OSError("the disk is gone")
        return client_app.app(message, context)

    left = {"0", "1"} - set(map(str, clients))
    found = outcome(run(config, app))
    assert found["test"].keys() == left
    assert found["final valid"].keys() == {"0", "1"}
    assert len(found["history"]) == 3
    written = json.loads((tmp_path / "out" / "results.json").read_text())
    assert {row["group"][0] for row in written["rows"]} == left
    wanted = "no reply of client 1" if left else "all 2 clients failed: node 1 failed: OSError: the disk is gone; node"
    assert written["notes"][0].startswith(f"Missing: test: {wanted}")
    assert written["notes"][1].startswith(f"Missing: test of the untrained network: {wanted}")
    assert (tmp_path / "out" / "model.safetensors").is_file()
    shown = io.StringIO()
    out, console = tmp_path / "out", rich.console.Console(file=shown, width=200)
    show(report.table(report.read(out)), out, report.files(out), console)
    assert ("no client was tested" in shown.getvalue()) == (not left)


def test_a_figure_that_fails_is_named(monkeypatch, tmp_path):
    def no_font(*args):
        raise RuntimeError("no font")

    monkeypatch.setattr(report, "draw_clients", no_font)
    config = federation(monkeypatch, [part(0)], method="fedavg", rounds=1, output=str(tmp_path / "out"))
    assert outcome(run(config))["missing"] == ["clients.png: RuntimeError: no font"]
    assert "Missing: clients.png: RuntimeError: no font" in (tmp_path / "out" / "results.json").read_text()
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "checkpoint.safetensors",
        "model.safetensors",
        "report.html",
        "results.csv",
        "results.json",
        "rounds.png",
    }


def test_a_client_that_is_gone_after_a_break_has_no_name_and_no_score(monkeypatch, tmp_path):
    whole = federation(monkeypatch, [part(0), part(1)], method="fedavg", rounds=1, output=str(tmp_path / "out"))
    run(whole)

    def app(message, context):
        if context.node_config["partition-id"] == 1:
            raise OSError("gone")
        return client_app.app(message, context)

    found = outcome(run(dataclasses.replace(whole, rounds=2, resume=True), app))
    assert found["missing"] == []
    assert found["test"].keys() == {"0"}
    assert [line["valid before"].keys() for line in found["history"]] == [{"0", "1"}, {"0"}]


def test_a_run_is_resumed_with_the_same_data_only(monkeypatch, tmp_path):
    config = federation(monkeypatch, [part(0), part(1)], method="fedavg", rounds=1, output=str(tmp_path / "out"))
    run(config)
    more = dataclasses.replace(config, rounds=2, resume=True)
    for parts, clients in (([part(0), part(2)], " 1 had"), ([part(3), part(0)], "s 0, 1 had")):
        federation(monkeypatch, parts)
        with pytest.raises(ValueError, match=f"--resume: client{clients} other data .* in the run in .*/out; give"):
            run(more)
    federation(monkeypatch, [part(0), part(1)])
    assert len(outcome(run(more))["history"]) == 2


@pytest.mark.parametrize(("method", "data"), [one for one in VARIANTS if one[1] != "generated"])
def test_no_message_holds_data_of_a_client(method, data, monkeypatch):
    parts, seen, grids = [part(0), part(1)], [], []
    config = federation(monkeypatch, parts, method=method, train_on=data)

    class Channel(grid.LocalGrid):
        def __init__(self, *args):
            super().__init__(*args)
            grids.append(self)

        def _deliver(self, message: Message):
            reply = super()._deliver(message)
            seen.extend([message, reply])
            return reply

    monkeypatch.setattr(grid, "LocalGrid", Channel)
    run(config)
    images = torch.cat([getattr(p, s)[0] for p in parts for s in ("train", "valid", "test")])
    kept = [c.state.array_records["memory"].to_torch_state_dict() for c in grids[0].contexts.values()]
    private = torch.cat([images, *[k["virtual.x"] for k in kept if "virtual.x" in k]]).flatten(1)
    assert (len(private) > len(images)) == (data == "virtual")
    for message in seen:
        assert not message.has_error()
        for name, record in message.content.array_records.items():
            for value in record.to_torch_state_dict().values():
                if value.numel() >= private.shape[1] and value.dim() > 1 and value[0].numel() == private.shape[1]:
                    assert torch.cdist(value.flatten(1), private).min() > 1e-3, name
        for name, record in message.content.metric_records.items():
            assert name == "metrics"
            assert all(isinstance(value, int | float) for value in record.values())
    uploads = [m for m in seen if m.metadata.dst_node_id == 0]
    assert {k for m in uploads for k in m.content.array_records} == {"arrays"}
    shapes = {
        tuple(v.shape)
        for m in uploads
        for r in m.content.array_records.values()
        for v in r.to_torch_state_dict().values()
    }
    assert shapes == {tuple(v.shape) for v in client_app.network(parts[0].facts, 0).state_dict().values()}
    allowed = {"num-examples", "client", "loss", "valid", "score", "trivial", "seconds", "virtual-seconds", "kept"}
    allowed |= {"channels", "height", "width", "classes", "nodes"}
    assert {k for m in uploads for r in m.content.metric_records.values() for k in r} <= allowed


def test_the_log_goes_to_stderr_where_it_has_no_handler(monkeypatch, tmp_path, capsys):
    config = federation(monkeypatch, [part(0)], method="fedavg", rounds=1)
    log = logging.getLogger("fed")
    monkeypatch.setattr(log, "handlers", [])
    settings = {**config.run_config(), "output": str(tmp_path / "out")}
    run_in_process(server, client_app.app, settings, 1)
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("fed: ")]
    assert [line.split(":")[1] for line in lines] == [" round 1/1"]
    assert log.handlers == []
    assert (tmp_path / "out" / "results.json").is_file()


def test_what_flower_runs_is_written_even_if_nobody_says_where(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    config = federation(monkeypatch, [part(0)], method="fedavg", rounds=1)
    run(config)
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(grid.LocalGrid, "in_process", False)
    run(config)
    assert (
        json.loads((tmp_path / "runs" / "fed" / "results.json").read_text())["title"]
        == "fedavg on digits-domains, 1 client"
    )


@pytest.mark.parametrize("kind", ["client", "server"])
def test_all_is_computed_with_one_thread(kind, monkeypatch):
    threads, before = [], torch.get_num_threads()
    if kind == "client":
        monkeypatch.setattr(client_app, "_reply", lambda *args: threads.append(torch.get_num_threads()))
    else:
        monkeypatch.setattr(server_app, "federate", lambda *args: threads.append(torch.get_num_threads()) or 1 / 0)
    try:
        torch.set_num_threads(2)
        context = Context(1, 1, {"partition-id": 0}, RecordDict(), {})
        with grid.identity():
            if kind == "client":
                client_app.sync(Message(RecordDict({"broadcast": ArrayRecord()}), 1, "query.sync"), context)
            else:
                with pytest.raises(ZeroDivisionError):
                    server(grid.LocalGrid(client_app.app, {}, 1), context)
        assert (threads, torch.get_num_threads()) == ([1], 2)
    finally:
        torch.set_num_threads(before)


def test_any_number_of_threads_gives_the_same_model(monkeypatch):
    models, before = [], torch.get_num_threads()
    try:
        for number in (1, 2):
            torch.set_num_threads(number)
            config = federation(monkeypatch, [part(0), part(1)], method="fedlgd", rounds=2)
            models.append(run(config)["model"].to_torch_state_dict())
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(models[0][name], models[1][name]) for name in models[0])
