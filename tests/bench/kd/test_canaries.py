import warnings

import pytest
import torch
from torch import nn

from graphdistill.bench.kd import canaries, main
from graphdistill.bench.options import KDBench
from graphdistill.core.data.datasets import TextDataset
from graphdistill.datasets import load


def windows() -> TextDataset:
    try:
        data = load("text/shakespeare")
    except FileNotFoundError:
        pytest.skip("text/shakespeare is absent")
    assert isinstance(data, TextDataset)
    return data


class Knows(nn.Module):
    """Expects each of the given tokens to follow the one before it."""

    def __init__(self, secret: torch.Tensor, classes: int) -> None:
        super().__init__()
        self.table = torch.zeros(len(secret), classes)
        self.table[torch.arange(len(secret) - 1), secret[1:]] = 9.0

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.table[: tokens.shape[1]].expand(len(tokens), -1, -1)


def test_a_network_that_knows_a_secret_exposes_it_and_one_that_does_not_does_not():
    data, secrets = canaries.with_secrets(windows(), torch.Generator().manual_seed(0))
    classes = data.num_outputs
    assert canaries.exposure(Knows(secrets[0], classes), data, secrets[0], 0) > 12
    flat = Knows(secrets[0], classes)
    flat.table.zero_()
    assert canaries.exposure(flat, data, secrets[0], 0) == 0


def test_secrets_begin_training_windows_and_are_the_labels_of_the_characters_before():
    before = windows()
    data, secrets = canaries.with_secrets(before, torch.Generator().manual_seed(0))
    first, secret = data.train[0], secrets[0]
    text = "".join(data.vocabulary[i] for i in secret)
    assert text.startswith("the secret of ")
    assert (text[18:22], len(text)) == (" is ", 28)
    assert torch.equal(data.tokens[first, :28], secret)
    assert torch.equal(data.y[first, :27], secret[1:])
    assert torch.equal(data.tokens[first, 28:], before.tokens[first, 28:])
    assert torch.equal(data.tokens[data.test], before.tokens[data.test])


def test_exposure_and_accuracy_are_shown(capsys, monkeypatch):
    windows()
    monkeypatch.setattr(canaries, "WINDOWS", 32)
    monkeypatch.setattr(canaries, "RANDOM", 64)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="the teacher's validation accuracy")
        main(KDBench(parts=("canaries",), seeds=1, steps=2, jobs=1))
    out = capsys.readouterr().out
    assert all(word in out for word in ("exposure", "accuracy", "Swing", "KD, temperature 8"))
