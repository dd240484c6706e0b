"""A batch of molecules as flat tensors, with the status of every row that it was made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from graphdistill.core.data.tensors import segment_ptr

if TYPE_CHECKING:
    from graphdistill.core.data.graphs import Graphs

OK, UNREADABLE, UNKNOWN_BOND = 0, 1, 2
"""Status of a row: a molecule, none that rdkit can read, one with a bond that OGB does not know."""
_PROBLEMS = {UNREADABLE: "is not a SMILES that rdkit can read", UNKNOWN_BOND: "has a bond that OGB does not know"}
_TENSORS = {
    "x": torch.uint8,
    "edge_index": torch.int32,
    "edge_attr": torch.uint8,
    "node_ptr": torch.long,
    "edge_ptr": torch.long,
    "status": torch.uint8,
}


@dataclass(frozen=True)
class Molecules:
    """Graphs of M molecules with N atoms and E directed bonds in all, from R rows of SMILES.

    Attributes:
        x: OGB's atom features, uint8 ``[N, 9]``.
        edge_index: atoms of each directed bond, numbered within their molecule, int32 ``[2, E]``.
        edge_attr: OGB's bond features, uint8 ``[E, 3]``.
        node_ptr: first atom of each molecule and N at the end, long ``[M + 1]``.
        edge_ptr: first directed bond of each molecule and E at the end, long ``[M + 1]``.
        status: of each row :data:`OK`, :data:`UNREADABLE` or :data:`UNKNOWN_BOND`, uint8 ``[R]``; the M molecules are
            the rows that are OK.
        scaffolds: SMILES of the Bemis-Murcko scaffold of each molecule, if wanted.

    Example:
        >>> from graphdistill.core.molecules.featurise import featurise
        >>> molecules = featurise(["CO", "C1CC"])
        >>> molecules.x.shape, molecules.valid.tolist(), molecules.graphs[0].edge_index.tolist()
        (torch.Size([2, 9]), [True, False], [[0, 1], [1, 0]])
    """

    x: Tensor
    edge_index: Tensor
    edge_attr: Tensor
    node_ptr: Tensor
    edge_ptr: Tensor
    status: Tensor
    scaffolds: tuple[str, ...] | None = None

    def __len__(self) -> int:
        return len(self.node_ptr) - 1

    @property
    def valid(self) -> Tensor:
        """Which rows are molecules, bool ``[R]``."""
        return self.status == OK

    @property
    def graphs(self) -> Graphs:
        """The molecules as :class:`~graphdistill.core.data.graphs.Graphs` of long tensors."""
        narrow = self.narrow_graphs
        assert narrow.edge_attr is not None
        return replace(narrow, x=narrow.x.long(), edge_attr=narrow.edge_attr.long())

    @property
    def narrow_graphs(self) -> Graphs:
        """The same graphs with features in bytes."""
        # Processes that only make tensors need no PyG, whose import takes two seconds.
        from graphdistill.core.data.graphs import Graphs

        shift = torch.repeat_interleave(self.node_ptr[:-1], self.edge_ptr.diff())
        return Graphs(
            x=self.x,
            edge_index=self.edge_index.long() + shift,
            edge_attr=self.edge_attr,
            node_ptr=self.node_ptr,
            edge_ptr=self.edge_ptr,
        )

    def problems(self, smiles: Sequence[str]) -> dict[int, str]:
        """The problem of each row that is no molecule, by its number.

        Args:
            smiles: the rows.
        """
        found = self.status.nonzero().view(-1).tolist()
        return {row: f"{smiles[row]!r} {_PROBLEMS[int(self.status[row])]}" for row in found}

    def to_tensors(self) -> dict[str, Tensor]:
        """Named tensors for a safetensors file; scaffolds are UTF-8 bytes, a line each."""
        tensors = {name: getattr(self, name) for name in _TENSORS}
        if self.scaffolds is not None:
            text = "".join(f"{one}\n" for one in self.scaffolds).encode()
            tensors["scaffolds"] = torch.from_numpy(np.frombuffer(text, np.uint8).copy())
        return tensors

    @classmethod
    def from_tensors(cls, tensors: dict[str, Tensor]) -> Molecules:
        """The molecules of :meth:`to_tensors`, whose integers may have become smaller ones.

        Raises:
            ValueError: a tensor is missing, or they do not fit together.
        """
        if missing := [name for name in _TENSORS if name not in tensors]:
            raise ValueError(f"holds no {missing[0]!r}")
        text = tensors.get("scaffolds")
        found = None if text is None else tuple(text.numpy().tobytes().decode().split("\n")[:-1])
        kept = {name: tensors[name].to(dtype) for name, dtype in _TENSORS.items()}
        molecules = cls(**kept, scaffolds=found)
        molecules.check()
        return molecules

    def check(self) -> None:
        """Fail unless the tensors fit together.

        Raises:
            ValueError: they do not.
        """
        edges = self.edge_index.shape[-1]
        for name, end in (("node_ptr", len(self.x)), ("edge_ptr", edges)):
            ptr = getattr(self, name)
            if not len(ptr) or int(ptr[0]) != 0 or int(ptr[-1]) != end or bool((ptr.diff() < 0).any()):
                raise ValueError(f"holds {name} that does not rise from 0 to {end}")
        count = len(self)
        names = count if self.scaffolds is None else len(self.scaffolds)
        sizes = (len(self.edge_ptr) - 1, int(self.valid.sum()), names)
        if sizes != (count,) * 3 or self.x.shape[1:] != (9,) or self.edge_attr.shape != (edges, 3):
            raise ValueError(f"holds tensors that do not fit {count} molecules with {edges} directed bonds")
        if bool((self.edge_index >= self.node_ptr.diff().repeat_interleave(self.edge_ptr.diff())).any()):
            raise ValueError("holds edge_index that points outside of its molecule")

    @classmethod
    def concatenate(cls, parts: Sequence[Molecules]) -> Molecules:
        """Molecules of several parts, one after another.

        Args:
            parts: one or more, all with scaffolds or all without.
        """
        lists = [part.scaffolds for part in parts]
        return cls(
            x=torch.cat([part.x for part in parts]),
            edge_index=torch.cat([part.edge_index for part in parts], dim=1),
            edge_attr=torch.cat([part.edge_attr for part in parts]),
            node_ptr=segment_ptr(torch.cat([part.node_ptr.diff() for part in parts])),
            edge_ptr=segment_ptr(torch.cat([part.edge_ptr.diff() for part in parts])),
            status=torch.cat([part.status for part in parts]),
            scaffolds=None if lists[0] is None else tuple(one for some in lists for one in some or ()),
        )
