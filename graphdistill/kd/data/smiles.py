"""Molecules as texts: SMILES, one a row, for language models of characters."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from graphdistill.core.data.datasets import GraphDataset, TextDataset
from graphdistill.kd.data.text import LanguageModelView

LENGTH = 64
"""Longest row by default: it holds 99 % of screening compounds, and 9 of 10 molecules of ogbg-molhiv."""
END = 2
"""Token that ends a molecule, and fills the row after it."""
FIRST_CLASS = 3
"""Token of class 0, with which its molecules begin."""


class SmilesDataset(TextDataset):
    """Molecules as rows of a language model: the token of the class, the characters of the SMILES, and ends.

    Example:
        >>> vocabulary = ("<padding>", "<unknown>", "<end>", "<0>", "<1>", "C", "O")
        >>> index = torch.tensor([0]), torch.tensor([1]), torch.tensor([2])
        >>> data = SmilesDataset("own", *[torch.tensor([[4, 5, 6], [3, 5, 2], [3, 6, 2]])] * 2, *index, vocabulary)
        >>> data.smiles_of(torch.tensor([[4, 5, 5, 6, 2], [4, 5, 2, 6, 2], [3, 5, 5, 5, 5]]))
        ['CCO', None, None]
        >>> data.classes_of(torch.tensor([[4, 5], [3, 5]])).tolist()
        [1, 0]
    """

    def smiles_of(self, rows: Tensor) -> list[str | None]:
        """SMILES of rows of tokens, long ``[n, L]``; ``None`` of one without an end, or with more after it."""
        found = list[str | None]()
        classes = FIRST_CLASS + sum(token.startswith("<") for token in self.vocabulary[FIRST_CLASS:])
        for row in rows[:, 1:].tolist():
            length = row.index(END) if END in row else len(row)
            text, rest = row[:length], row[length:]
            whole = bool(rest) and set(rest) == {END} and min(text, default=0) >= classes
            found.append("".join(self.vocabulary[token] for token in text) if whole else None)
        return found

    def classes_of(self, rows: Tensor) -> Tensor:
        """Class with whose token each row begins, long ``[n]``."""
        return rows[:, 0] - FIRST_CLASS


class SmilesView(LanguageModelView):
    """Rows of a molecule each."""

    data: SmilesDataset


def smiles_texts(data: GraphDataset, length: int = LENGTH) -> SmilesDataset:
    """The SMILES of labelled molecules as texts, with the same splits; the vocabulary is that of the training texts.

    Args:
        data: molecules that were loaded with their SMILES, with classes of one task.
        length: the most characters of a row; molecules with more, their end included, are left out. (default: 64)

    Raises:
        ValueError: there are no SMILES, other labels, or a split without a molecule that is short enough.

    Example:
        >>> from graphdistill.datasets import load
        >>> texts = smiles_texts(load("pains"))
        >>> texts.smiles_of(torch.cat([texts.tokens, texts.y[:, -1:]], dim=1))[0]
        'N(NC(=O)C1CCC1)c2ccc(cc2)C(C)(C)C'
    """
    if data.smiles is None:
        raise ValueError(f"{data.name} has no SMILES; give molecules that are loaded with them, such as pains")
    if data.task != "multiclass":
        raise ValueError(
            f"{data.name} has {'targets' if data.task == 'regression' else 'many tasks'}, but texts of molecules begin "
            "with their class; give classes of one task, such as those of ogbg-molhiv"
        )
    short = torch.tensor([len(text) < length for text in data.smiles])
    for name, index in data.splits.items():
        if not bool(short[index].any()):
            raise ValueError(f"length {length}: no SMILES of the {name} split of {data.name} is shorter; raise it")
    rows = short.nonzero()[:, 0]
    place = torch.cumsum(short, 0) - 1
    splits = {name: place[index[short[index]]] for name, index in data.splits.items()}
    kept = [data.smiles[i] for i in rows.tolist()]
    characters = sorted({character for i in splits["train"].tolist() for character in kept[i]})
    classes = [f"<{label}>" for label in range(data.num_outputs)]
    vocabulary = ("<padding>", "<unknown>", "<end>", *classes, *characters)
    whole = _ids(kept, data.y[rows], vocabulary)
    return SmilesDataset(
        data.name,
        whole[:, :-1],
        whole[:, 1:],
        **splits,
        vocabulary=vocabulary,
        notes=f"SMILES of {data.notes or data.name}; {len(data.smiles) - len(rows)} molecules of {length} characters "
        f"or more are left out; {len(characters)} characters; accuracy counts the ends that fill a row",
    )


def _ids(smiles: Sequence[str], label: Tensor, vocabulary: Sequence[str]) -> Tensor:
    """Class, characters and ends of each molecule, long ``[n, L]``."""
    number = {token: i for i, token in enumerate(vocabulary)}
    ids = torch.full((len(smiles), 2 + max(map(len, smiles))), END)
    for row, text in zip(ids, smiles, strict=True):
        row[1 : 1 + len(text)] = torch.tensor([number.get(character, 1) for character in text])
    ids[:, 0] = FIRST_CLASS + label
    return ids
