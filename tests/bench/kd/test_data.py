import warnings
from dataclasses import replace

import pytest
import torch
from torch import nn

from graphdistill.bench.kd import data
from graphdistill.bench.options import KDBench
from tests.kd import samples


@pytest.fixture(autouse=True)
def untrained():
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="the teacher's validation accuracy")
        yield


def bench(**words):
    return KDBench(parts=("data",), seeds=1, steps=2, jobs=1, **words)


def test_a_teacher_is_wrong_on_the_share_and_always_on_the_same_inputs():
    x = torch.rand(2000, 5, generator=torch.Generator().manual_seed(0))
    network = nn.Linear(5, 4).requires_grad_(False)
    right = network(x).argmax(dim=1)
    wrong = data.Unreliable(network, 0.3)(x).argmax(dim=1) != right
    assert abs(float(wrong.float().mean()) - 0.3) < 0.04
    order = torch.randperm(2000)
    assert torch.equal(data.Unreliable(network, 0.3)(x[order]).argmax(dim=1) != right[order], wrong[order])
    sure = data.margin(network(x))
    unsure = data.Unreliable(network, 0.0, float(sure.quantile(0.3)))(x).argmax(dim=1) != right
    assert torch.equal(unsure, sure < sure.quantile(0.3))


def test_all_choices_of_questions_are_scored(monkeypatch):
    monkeypatch.setitem(data.UNRELIABLE, "digits", data.UNRELIABLE["digits/usps"])
    found = data._ask((bench(), "digits"), 0)
    assert list(found) == ["teacher", "random", "margin", "RS2", "RAD, all errors, harmful", "RAD", "all answers"]
    assert all(list(row) == ["wrong anywhere", "wrong where unsure"] for row in found.values())


def test_all_shares_of_domains_are_scored(monkeypatch):
    monkeypatch.setattr(data, "DOMAINS", ("digits", "digits"))
    found = data._domains(bench(), 0)
    assert list(found) == ["teacher", "KD, shares by size", "equal shares", "DDK"]
    assert all(row["worst"] <= row["mean"] for row in found.values())


def test_all_shares_of_domains_of_texts_are_scored(monkeypatch):
    texts = replace(samples.texts(), y=(torch.arange(90) % 2))
    monkeypatch.setattr(data, "OPINIONS", (texts, replace(texts, name="others")))
    found = data._opinions(bench(), 0)
    assert list(found) == ["teacher", "KD, shares by size", "equal shares", "DDK"]
    assert all(row["worst"] <= row["mean"] for row in found.values())


def test_sources_have_opposite_labels(monkeypatch):
    texts = replace(samples.texts(), y=(torch.arange(90) % 2))
    seen = {}

    def view_of(given, domain):
        seen["view"] = given, domain
        return original(given, domain=domain)

    original = data.view_of
    monkeypatch.setattr(data, "view_of", view_of)
    monkeypatch.setattr(data, "SOURCES", (texts, replace(texts, name="others")))
    found = data._sources(bench(), 0)
    assert list(found) == ["teacher", "no prefix", "prefix of the source", "prefix of the other source"]
    given, domain = seen["view"]
    shares = [float(given.y[given.train][domain[given.train] == d].float().mean()) for d in range(2)]
    assert shares[0] > 0.65
    assert shares[1] < 0.35


def test_the_part_prints_all_claims(monkeypatch, capsys):
    for name, row in (
        ("_ask", "random"),
        ("_domains", "equal shares"),
        ("_opinions", "equal shares"),
        ("_sources", "no prefix"),
    ):
        monkeypatch.setattr(data, name, lambda context, seed, row=row: {row: {"a": 1.0}})
    monkeypatch.setattr(
        data._ner, "_seed", lambda context, seed: {"labels": {"a": 1.0}, "KD, all questions": {"a": 1.0}}
    )
    data.measure(bench())
    out = " ".join(capsys.readouterr().out.split())
    titles = ("cora, a teacher wrong on 30%", "three domains of digits", "20 % on products", "a quarter of the labels")
    assert all(title in out for title in titles)
