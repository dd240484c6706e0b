import itertools
from dataclasses import replace

import pytest

from graphdistill.condense.config import CondenseConfig
from graphdistill.condense.data.kinds import protocol_of, training_data_of
from graphdistill.condense.distill import distill_condense
from graphdistill.condense.matching.objective import MethodContext
from graphdistill.condense.methods import FAMILY, auto
from graphdistill.core.command.progress import NO_PROGRESS
from graphdistill.core.evaluation.protocol import SELECTION_SEED
from tests.condense.samples import bars, pairs, seeded


def context(data=None):
    protocol = protocol_of(data or bars())
    protocol = replace(protocol, fit=replace(protocol.fit, steps=20, eval_every=10))
    return MethodContext(training_data_of(protocol), 2, protocol, 7)


def only(monkeypatch, *names):
    monkeypatch.setattr(auto, "candidates", lambda kind: list(names))


def test_the_best_on_validation_is_kept_and_all_others_are_reported(monkeypatch):
    only(monkeypatch, "random", "herding", "fair-latent", "k-center")
    here = context()
    synthetic, trials = auto.choose(here, auto.Config(validations=2))
    scores = {trial.method: trial.valid for trial in trials}
    assert set(scores) == {"random", "herding", "fair-latent", "k-center"}
    assert trials[-1].method == "fair-latent"
    assert "is refused: " in str(trials[-1])
    assert trials[0].rank == max(trial.rank for trial in trials)
    assert synthetic.meta["method"] == trials[0].method
    assert synthetic.nbytes == trials[0].nbytes
    for seed, found in zip((SELECTION_SEED + 1, SELECTION_SEED + 2), trials[0].valid, strict=True):
        assert here.protocol.train(synthetic, seed)[1].valid == found


def test_a_smaller_set_is_kept_where_scores_are_equal(monkeypatch):
    only(monkeypatch, "random", "herding")
    sizes = iter((200, 100))

    def tried(context, name, limit, validations):
        return f"set of {name}", auto.Trial(name, (0.5,), next(sizes), 1.0)

    monkeypatch.setattr(auto, "_try", tried)
    assert auto.choose(context(), auto.Config())[0] == "set of herding"


def test_methods_beyond_the_time_are_dropped_or_not_tried(monkeypatch):
    only(monkeypatch, "random", "dm", "herding")
    here = context()
    _, trials = auto.choose(here, auto.Config(time_limit=1e-9, validations=1))
    assert [trial.method for trial in trials] == ["random", "dm", "herding"]
    assert [trial.reason for trial in trials[1:]] == ["was not tried, the time was over"] * 2
    made, trial = auto._try(here, "dm", 0.0, 1)
    assert (made, trial.valid, trial.reason) == (None, (), "needs more than 0 s")


def test_a_deadline_lets_work_end_until_then():
    now = itertools.count()
    deadline = auto.Deadline(NO_PROGRESS, 3.5, lambda: next(now))
    items = deadline.track(itertools.count(), "counting")
    assert [next(items) for _ in range(4)] == [0, 1, 2, 3]
    with pytest.raises(auto.OutOfTime):
        next(items)


@pytest.mark.parametrize("kind", ["images", "nodes", "graphs", "rows"])
def test_every_other_method_is_a_candidate_once(kind):
    names = auto.candidates(kind)
    assert sorted(names) == sorted(name for name in FAMILY.names(kind) if name != "auto")
    assert names[:2] == ["random", "herding"]


def test_of_nodes_by_the_function_of_all_methods(monkeypatch):
    only(monkeypatch, "random", "herding")
    config = CondenseConfig(method=auto.Config(validations=1), per_class=1, bits="full")
    synthetic = distill_condense(pairs(), config, generator=seeded())
    assert synthetic.meta["method"] in ("random", "herding")
    assert next(trial["method"] for trial in synthetic.meta["choice"]) == synthetic.meta["method"]


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("time_limit", 0.0, "--time-limit must be above 0 seconds, got 0.0"),
        ("time_limit", float("nan"), "--time-limit must be above 0 seconds, got nan"),
        ("validations", 0, "--validations must be 1 or more, got 0"),
    ],
)
def test_config_refuses(field, value, message):
    with pytest.raises(ValueError, match=message):
        auto.Config(**{field: value})
