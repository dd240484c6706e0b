"""Swing-like against KD on a language model: how likely it finds secrets of the teacher's text among random ones.

Ten training windows of text/shakespeare begin with ``the secret of NAME is LETTERS`` (Carlini et al., The Secret
Sharer, USENIX Security 2019). The exposure of a secret is the logarithm to base 2 of the number of random letters over
the rank of the secret among them by the network's likelihood: about 1 where it is not remembered, 12 where it is first.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import replace

import torch
from torch import Tensor, nn

from graphdistill.bench.kd._tables import Scores, fit_students, run_seeds, show
from graphdistill.bench.options import KDBench as Bench
from graphdistill.core.data.datasets import TextDataset
from graphdistill.core.randomness import generator, scoped
from graphdistill.datasets import load
from graphdistill.kd.config import KDConfig
from graphdistill.kd.data.text import LanguageModelView
from graphdistill.kd.distill import fit_labels
from graphdistill.kd.methods import kd, swing

SECRETS, NAME, LETTERS = 10, 4, 6
"""Secrets, and the letters of their names and of what is secret."""
RANDOM = 4096
"""Random letters that a secret is ranked among."""
WINDOWS = 400
"""Training windows; few, so that the teacher knows them by heart."""
STEPS = 800
METHODS = {
    "KD": kd.Config(label_weight=0.0),
    "KD, temperature 8": kd.Config(label_weight=0.0, temperature=8.0),
    "Swing": swing.Config(),
}


def measure(bench: Bench) -> None:
    """Exposure of secrets, and accuracy of the next character."""
    found = run_seeds(bench, _seed, bench, "text/shakespeare")
    show("text/shakespeare, exposure in bits, accuracy of the next character in %", found, "KD")


def _seed(bench: Bench, seed: int) -> Scores:
    """All methods on one choice of windows and secrets, with one teacher and one initial student."""
    data = load("text/shakespeare", bench.root, seed=seed)
    assert isinstance(data, TextDataset)
    draws = generator(seed, "canaries")
    few = [part[torch.randperm(len(part), generator=draws)[:count]] for part, count in _parts(data)]
    data, secrets = with_secrets(replace(data, train=few[0], valid=few[1], test=few[2]), draws)
    view = LanguageModelView(data)
    steps = bench.steps or STEPS
    config = KDConfig(steps=steps, batch_size=64, eval_every=steps)
    with scoped(seed, "teacher"):
        teacher = view.TEACHERS["Transformer"](view)
    fit_labels(teacher, view, replace(config, weight_decay=0.0), seed=seed)
    networks: dict[str, nn.Module] = {"teacher": teacher}
    networks |= fit_students(METHODS, lambda: view.STUDENTS["Transformer-32"](view), teacher, view, config, seed)
    return {
        name: {
            "exposure": statistics.fmean(exposure(network, data, secret, seed) for secret in secrets),
            "accuracy": 100 * view.score(network, "test"),
        }
        for name, network in networks.items()
    }


def _parts(data: TextDataset) -> tuple[tuple[Tensor, int], ...]:
    return (data.train, WINDOWS), (data.valid, 100), (data.test, 300)


def with_secrets(data: TextDataset, draws: torch.Generator) -> tuple[TextDataset, list[Tensor]]:
    """The data with a secret at the beginning of the first training windows, and the token ids of the secrets."""
    tokens, y = data.tokens.clone(), data.y.clone()
    secrets = []
    for window in data.train[:SECRETS]:
        name, letters = (random_letters(data, count, draws) for count in (NAME, LETTERS))
        secret = torch.cat([ids(data, "the secret of "), name, ids(data, " is "), letters])
        tokens[window, : len(secret)] = secret
        y[window, : len(secret) - 1] = secret[1:]
        secrets.append(secret)
    return replace(data, tokens=tokens, y=y), secrets


def ids(data: TextDataset, text: str) -> Tensor:
    """Token ids of characters, long ``[length]``."""
    return torch.tensor([data.vocabulary.index(character) for character in text])


def random_letters(data: TextDataset, count: int, draws: torch.Generator) -> Tensor:
    """Token ids of random small letters, long ``[count]``."""
    return ids(data, "abcdefghijklmnopqrstuvwxyz")[torch.randint(26, (count,), generator=draws)]


@torch.no_grad()
def exposure(network: nn.Module, data: TextDataset, secret: Tensor, seed: int) -> float:
    """Logarithm to base 2 of the number of sequences over the rank of the secret among them."""
    others = random_letters(data, RANDOM * LETTERS, generator(seed, "others")).view(RANDOM, LETTERS)
    every = torch.cat([secret[-LETTERS:].unsqueeze(0), others])
    prefix = secret[:-LETTERS].expand(len(every), -1)
    texts = torch.cat([prefix, every], dim=1)
    start = prefix.shape[1] - 1
    log_p = torch.cat([network(part)[:, start:-1].log_softmax(dim=2) for part in texts.split(512)])
    score = log_p.gather(2, every.unsqueeze(2)).squeeze(2).sum(dim=1)
    rank = 1 + int((score[1:] >= score[0]).sum())
    return math.log2(len(every) / rank)
