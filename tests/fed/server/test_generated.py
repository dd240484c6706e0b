import json

import pytest
import torch
from flwr.app import ArrayRecord, Message
from hypothesis import given
from hypothesis import strategies as st

from fed import client_app
from fed.runtime import in_process as grid
from fed.runtime.in_process import run_in_process
from fed.server.generated import apportion
from fed.server.replies import GENERATOR
from fed.server.state import ServerState
from fed.server_app import app as server
from graphdistill.generate.storage import stored_tensors
from tests.fed.samples import federation, hostile, molecular, part


def run(config, client=client_app.app):
    state = run_in_process(server, client, config.run_config(), config.clients)
    return json.loads(state.config_records["outcome"]["json"]), state


def drawn(state):
    return state.array_records["broadcast"].to_torch_state_dict()


def generated(monkeypatch, parts, **options):
    return federation(monkeypatch, parts, method="fedavg", train_on="generated", **options)


def test_each_client_sends_a_generator_once_and_after_it_scores_alone(monkeypatch):
    parts, uploads = [part(0), part(1)], []

    class Channel(grid.LocalGrid):
        def _deliver(self, message: Message):
            reply = super()._deliver(message)
            uploads.append((message.metadata.message_type, reply.content))
            return reply

    monkeypatch.setattr(grid, "LocalGrid", Channel)
    config = generated(monkeypatch, parts)
    found, state = run(config)
    with_arrays = [(kind, content) for kind, content in uploads if content.array_records]
    assert [kind for kind, _ in with_arrays] == [GENERATOR] * 2
    sizes = [content.array_records["arrays"].count_bytes() for _, content in with_arrays]
    assert found["generators"] == {"clients": [0, 1], "bytes_up": sizes, "drawn": [6, 6]}
    tensors = stored_tensors(client_app.train_generator(config, parts[0], 0))
    # All weights have 16 bits, and each array has a header.
    assert sum(v.numel() for v in tensors.values()) * 2 <= sizes[0] < found["bytes up"] / 2
    allowed = {"client", "seconds", "count-0", "count-1", "count-2", "score", "trivial"}
    numbers = {k for kind, c in uploads if kind != "query.register" for k in c.metric_records["metrics"]}
    assert numbers <= allowed
    assert len(found["history"]) == 3
    assert found["seconds by phase"]["virtual data of clients"] > 0
    assert drawn(state)["x"].shape == (12, 1, 8, 8)


@pytest.mark.parametrize(("weights", "shares"), [("uniform", (6, 6)), ("size", (10, 2))])
def test_the_server_draws_by_weights_and_class_counts(weights, shares, monkeypatch):
    parts = [part(0, classes=(0,), count=20), part(1, classes=(1, 1, 1, 2), count=4)]
    config = generated(monkeypatch, parts, weights=weights, drawn_per_class=4)
    found, state = run(config)
    assert found["generators"]["drawn"] == list(shares)
    y = drawn(state)["y"]
    assert torch.bincount(y[: shares[0]], minlength=3).tolist() == [shares[0], 0, 0]
    rest = torch.bincount(y[shares[0] :], minlength=3).tolist()
    assert rest == [0, *apportion(torch.tensor([0.75, 0.25], dtype=torch.float64), shares[1]).tolist()]


def change(name, new):
    def spoil(reply):
        arrays = dict(reply.content["arrays"].to_torch_state_dict())
        arrays[name] = new(arrays[name])
        reply.content["arrays"] = ArrayRecord(arrays)

    return spoil


def without(reply, name):
    del reply.content["arrays"][name]


def huge(reply):
    for name in [name for name in reply.content["arrays"] if name.startswith("models.")]:
        change(name, lambda v: v * 0 + 65504)(reply)


LAST = "models.0.network.last.weight"


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (change(LAST, lambda v: v.float()), f"{LAST} has "),
        (change(LAST, lambda v: v.T.contiguous()), f"{LAST} is float16 of shape (8, 64), wanted float16 of shape"),
        (change(LAST, lambda v: v * torch.nan), f"{LAST} holds NaN or infinite values"),
        (lambda r: without(r, "space.mean"), "arrays are models.0"),
        (change("space.deviation", lambda v: v + 5), "space.deviation is 5."),
        (change("space.mean", lambda v: v - 5), "space.mean is -4."),
        (lambda r: r.content["metrics"].update({f"count-{i}": 0 for i in range(3)}), "its counts are all 0"),
        (lambda r: r.content["metrics"].update({"count-1": 0.5}), "count-1 is 0.5, wanted a whole number"),
        (lambda r: r.content["metrics"].update({"count-7": 1}), "the metrics record also has count-7"),
        # In 32 bits all is finite, and the product is not.
        (lambda r: huge(r), "its generator draws values that are not finite"),
    ],
)
def test_a_generator_that_is_malformed_costs_its_client_alone(spoil, problem, monkeypatch):
    config = generated(monkeypatch, [part(0), part(1), part(2)], rounds=1)
    found, state = run(config, hostile(GENERATOR, 1, spoil))
    assert [line.startswith(f"node 2 was refused: {problem}") for line in found["refused"]] == [True], found["refused"]
    assert found["generators"]["clients"] == [0, 2]
    assert found["test"].keys() == {"0", "1", "2"}
    assert len(drawn(state)["y"]) == 12
    assert bool(torch.isfinite(drawn(state)["x"]).all())


def test_without_any_generator_the_run_stops(monkeypatch):
    config = generated(monkeypatch, [part(0)])
    with pytest.raises(RuntimeError, match="no client sent a generator that can be used: node 1 was refused: its gen"):
        run(config, hostile(GENERATOR, 0, huge))


def test_a_generator_is_trained_once_and_a_run_goes_on_to_the_same_bytes(monkeypatch, tmp_path):
    config = generated(monkeypatch, [part(0), part(1)], rounds=3, output=str(tmp_path / "whole"))
    found, state = run(config)
    trained = []
    monkeypatch.setattr(client_app, "train_generator", lambda *a: trained.append(a))
    short = generated(monkeypatch, [part(0), part(1)], rounds=1, output=str(tmp_path / "short"))
    run(short)
    more = generated(monkeypatch, [part(0), part(1)], rounds=3, output=str(tmp_path / "short"), resume=True)
    again, second = run(more)
    assert trained == []
    assert again["test"] == found["test"]
    assert again["generators"] == found["generators"]
    for name in ("model", "broadcast"):
        before, after = (s.array_records[name].to_torch_state_dict() for s in (state, second))
        assert all(torch.equal(before[n], after[n]) for n in before)
    assert ServerState.read(tmp_path / "short", more).generators == found["generators"]
    notes = json.loads((tmp_path / "whole" / "results.json").read_text())["notes"]
    assert any("Each client sent a generator once" in note for note in notes)
    assert any("No privacy is claimed" in note for note in notes)
    assert (tmp_path / "whole" / "global.png").is_file()


def test_molecules_have_no_generators(monkeypatch):
    config, _ = molecular(monkeypatch, method="fedavg", train_on="generated")
    with pytest.raises(ValueError, match="--train-on generated draws images, and molecules have no generators; give"):
        run(config)


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=12).filter(any), st.integers(0, 500))
def test_numbers_are_near_their_shares_and_add_up(counts, total):
    shares = torch.tensor(counts, dtype=torch.float64) / sum(counts)
    found = apportion(shares, total)
    assert int(found.sum()) == total
    assert bool(((found - shares * total).abs() < 1 + 1e-9).all())
    # Nothing is drawn of a class that nobody has.
    assert not bool(found[shares == 0].any())
