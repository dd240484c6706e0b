"""Small data and networks that the tests of distillation share."""

import functools

import torch
from torch import nn

from graphdistill.core.data.datasets import GraphDataset, ImageDataset, NodeDataset, TextDataset
from graphdistill.core.data.tagged import TaggedTextDataset, characters_of
from graphdistill.core.molecules.featurise import featurise
from graphdistill.core.randomness import generator
from graphdistill.kd.data.images import ImageView
from graphdistill.kd.data.nodes import NodeView
from graphdistill.kd.objective import Context


@functools.cache
def nodes():
    """Sixty nodes of ten classes in a ring, whose features show their class."""
    draws = generator(0, "nodes")
    y = torch.arange(60) % 10
    x = nn.functional.one_hot(y, 10).float() + 0.3 * torch.randn(60, 10, generator=draws)
    ring = torch.arange(60)
    edges = torch.stack([ring, ring.roll(-10)])
    split = ring[:20], ring[20:40], ring[40:]
    return NodeDataset("ring", x, torch.cat([edges, edges.flip(0)], dim=1), y, *split)


@functools.cache
def images():
    """Ninety images of three classes, each bright in a row of its own."""
    draws = generator(0, "images")
    y = torch.arange(90) % 3
    pixels = 0.2 * torch.rand(90, 1, 8, 8, generator=draws)
    pixels[torch.arange(90), 0, 2 * y + 1] += 0.7
    place = torch.arange(90)
    return ImageDataset("rows", pixels, y, place[:60], place[60:75], place[75:])


def mlp(seed=0, in_channels=10, out_channels=10):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(in_channels, 16), nn.ReLU(), nn.Linear(16, out_channels))


def nodes_context(**words):
    view = NodeView(nodes())
    settings = {"steps": 10, "batch_size": 60, "lr": 0.01, "weight_decay": 0.0}
    return Context(student=mlp(0), teacher=mlp(1).eval(), data=view, **{**settings, **words})


def images_context(**words):
    view = ImageView(images())
    settings = {"steps": 10, "batch_size": 20, "lr": 0.01, "weight_decay": 0.0}
    return Context(student=mlp(0, 64, 3), teacher=mlp(1, 64, 3).eval(), data=view, **{**settings, **words})


@functools.cache
def texts():
    """Ninety texts of three classes, each with a word of its own among others."""
    draws = generator(0, "texts")
    y = torch.arange(90) % 3
    tokens = torch.full((90, 6), 4)
    tokens[torch.arange(90), torch.randint(3, (90,), generator=draws)] = 1 + y
    tokens[::2, 3:] = 0
    place = torch.arange(90)
    words = ("<padding>", "<unknown>", "red", "blue", "and")
    return TextDataset("colours", tokens, y, place[:60], place[60:75], place[75:], words)


@functools.cache
def windows():
    """Forty windows of a cycle of four characters."""
    cycle = 1 + (torch.arange(40)[:, None] + torch.arange(7)) % 4
    place = torch.arange(40)
    return TextDataset("cycle", cycle[:, :6], cycle[:, 1:], place[:24], place[24:32], place[32:], tuple("-?abc"))


SMILES = tuple("C" * length + end for length in range(1, 13) for end in ("O", "N"))
"""Alcohols and amines."""


@functools.cache
def molecules():
    """Alcohols of class 1 and amines of class 0."""
    y, place = torch.tensor([int(text.endswith("O")) for text in SMILES]), torch.arange(len(SMILES))
    graphs = featurise(SMILES).graphs
    split = [torch.cat([part, part + 12]) for part in place[:12].split([8, 2, 2])]
    return GraphDataset("alcohols", graphs, y, *split, metric="accuracy", features="ogb", smiles=SMILES)


@functools.cache
def tagged():
    """Ninety sentences of up to four words, with a name, with a place of two words, or with neither."""
    sentences = [["we", "see", "Ann", "now"], ["go", "to", "Xan", "Xor"], ["it", "rains", "here"]] * 30
    tags = torch.tensor([[0, 0, 1, 0], [0, 0, 3, 4], [0, 0, 0, -1]]).repeat(30, 1)
    words = ("<padding>", "<unknown>", *sorted({word.lower() for sentence in sentences for word in sentence}))
    ids = [[words.index(word.lower()) for word in sentence] for sentence in sentences]
    tokens = torch.tensor([row + [0] * (4 - len(row)) for row in ids])
    place = torch.arange(90)
    split = place[:60], place[60:75], place[75:]
    characters = characters_of(sentences)
    return TaggedTextDataset("names", tokens, tags, *split, words, types=("name", "place"), characters=characters)
