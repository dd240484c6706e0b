"""Partitions of entries over clients: at random, by class, by scaffold, or by origin."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence

import numpy as np
import torch
from rdkit import Chem, rdBase
from rdkit.Chem.Scaffolds import MurckoScaffold
from torch import Tensor

from fed.config import FedConfig
from graphdistill.core.data.datasets import GraphDataset
from graphdistill.core.randomness import generator as seeded

_scaffold: Callable[..., str] = MurckoScaffold.MurckoScaffoldSmiles

BONDS = (Chem.BondType.SINGLE, Chem.BondType.DOUBLE, Chem.BondType.TRIPLE, Chem.BondType.AROMATIC)
"""Bond types in the order of OGB's first bond feature."""


def iid(entries: int, clients: int, generator: torch.Generator) -> list[Tensor]:
    """Entries at random, in sizes that differ by at most one.

    Args:
        entries: number of entries.
        clients: number of clients.
        generator: for the order.

    Returns:
        Index of each client's entries, long, ascending; every entry once.

    Raises:
        ValueError: there are more clients than entries, or none.

    Example:
        >>> [len(part) for part in iid(5, 2, torch.Generator().manual_seed(0))]
        [3, 2]
    """
    _check(clients, entries, "entries")
    order = torch.randperm(entries, generator=generator)
    return [part.sort().values for part in order.tensor_split(clients)]


def dirichlet_shares(classes: int, clients: int, alpha: float, generator: torch.Generator) -> Tensor:
    r"""Shares of every class for every client (`Hsu et al., 2019 <https://arxiv.org/abs/1909.06335>`_, as most use it).

    .. math:: p_c \sim \mathrm{Dirichlet}(\alpha, \dots, \alpha)

    Args:
        classes: number of classes.
        clients: number of clients.
        alpha: above 0; with a small one clients have few classes each, with a large one all are alike.
        generator: for the shares.

    Returns:
        Double ``[classes, clients]`` for :func:`by_shares`; each row sums to 1.

    Raises:
        ValueError: ``alpha`` is not above 0, or there are no clients.

    Example:
        >>> dirichlet_shares(10, 3, 0.5, torch.Generator().manual_seed(0)).shape
        torch.Size([10, 3])
    """
    if not 0 < alpha < float("inf"):
        raise ValueError(f"--dirichlet-alpha must be above 0 and finite, got {alpha}; 0.1 is very uneven")
    if clients < 1:
        raise ValueError(f"--clients must be 1 or more, got {clients}")
    # Torch's own sampler underflows where alpha is small.
    draw = np.random.default_rng(int(torch.randint(2**62, (), generator=generator)))
    return torch.from_numpy(draw.dirichlet(np.full(clients, alpha), classes))


def by_shares(label: Tensor, shares: Tensor, generator: torch.Generator) -> list[Tensor]:
    """The given share of every class for each client, as nearly as whole entries allow.

    Splits that are divided by the same shares give a client the same mixture of classes in each. A client that would
    have no entries gets one of the class of its largest share, from the largest client with more than one.

    Args:
        label: class of each entry, long ``[n]``.
        shares: floating ``[classes, clients]``, rows that sum to 1, such as those of :func:`dirichlet_shares`.
        generator: for the order.

    Returns:
        Index of each client's entries, long, ascending; every entry once, every client at least one.

    Raises:
        ValueError: there are more clients than entries, or none.

    Example:
        >>> shares = torch.tensor([[1.0, 0.0], [0.5, 0.5]])
        >>> parts = by_shares(torch.tensor([0, 0, 1, 1]), shares, torch.Generator().manual_seed(0))
        >>> [len(part) for part in parts]
        [3, 1]
    """
    clients = shares.shape[1]
    _check(clients, len(label), "entries")
    owner = torch.empty_like(label)
    for value in label.unique():
        mine = (label == value).nonzero().view(-1)
        mine = mine[torch.randperm(len(mine), generator=generator)]
        ends = (shares[value].cumsum(0) * len(mine)).round().long()
        for client, part in enumerate(mine.tensor_split(ends[:-1].tolist())):
            owner[part] = client
    sizes = torch.bincount(owner, minlength=clients)
    for client in (sizes == 0).nonzero().view(-1).tolist():
        wish = shares[label, client].masked_fill(sizes[owner] == 1, -1)
        near = (wish == wish.max()).nonzero().view(-1)
        owner[near[sizes[owner[near]].argmax()]] = client
        sizes = torch.bincount(owner, minlength=clients)
    return domain(owner)


def iid_or_dirichlet(
    config: FedConfig, label: Tensor, classes: int, clients: int, generator: torch.Generator
) -> list[Tensor]:
    """Partition of a split by :func:`by_shares` if the config has Dirichlet, else by :func:`iid`.

    Args:
        config: the federation; its shares are the same in all splits.
        label: class of each entry, long ``[n]``.
        classes: number of classes.
        clients: number of clients.
        generator: for the order.

    Returns:
        Index of each client's entries, long, ascending; every entry once.
    """
    if config.partition != "dirichlet":
        return iid(len(label), clients, generator)
    return by_shares(
        label, dirichlet_shares(classes, clients, config.dirichlet_alpha, seeded(config.seed, "shares")), generator
    )


def scaffold(scaffolds: Sequence[Hashable], clients: int) -> list[Tensor]:
    """Whole scaffolds, the largest first, each to the client with the fewest entries so far.

    Args:
        scaffolds: of each entry, such as those of :func:`scaffolds_of`.
        clients: number of clients.

    Returns:
        Index of each client's entries, long, ascending; no scaffold at two clients.

    Raises:
        ValueError: there are more clients than scaffolds, or none.

    Example:
        >>> [part.tolist() for part in scaffold(["a", "b", "a", "c"], 2)]
        [[0, 2], [1, 3]]
    """
    members: dict[Hashable, list[int]] = defaultdict(list)
    for number, name in enumerate(scaffolds):
        members[name].append(number)
    _check(clients, len(members), "scaffolds")
    parts: list[list[int]] = [[] for _ in range(clients)]
    emptiest = [(0, client) for client in range(clients)]
    for group in sorted(members.values(), key=lambda g: (-len(g), g[0])):
        size, client = heapq.heappop(emptiest)
        parts[client] += group
        heapq.heappush(emptiest, (size + len(group), client))
    return [torch.tensor(sorted(part)) for part in parts]


def domain(origin: Tensor) -> list[Tensor]:
    """Entries of one origin to one client, in ascending order of the origins.

    Args:
        origin: of each entry, long ``[n]``.

    Example:
        >>> [part.tolist() for part in domain(torch.tensor([7, 3, 7]))]
        [[1], [0, 2]]
    """
    return [(origin == place).nonzero().view(-1) for place in origin.unique()]


def scaffolds_of(data: GraphDataset, index: Tensor) -> list[str]:
    """Bemis-Murcko scaffold of molecules that carry OGB's features, mirror images counted as one.

    The molecule is rebuilt from its atoms and bonds, so no SMILES are needed; molecules without a ring share the empty
    scaffold. A molecule with valences that rdkit refuses, as seven of ogbg-molhiv have, is a scaffold of its own.

    Args:
        data: molecules.
        index: which of its graphs, long ``[n]``.

    Raises:
        ValueError: the graphs are no molecules with OGB's nine atom features, or rdkit cannot read one of them.
    """
    attributes = data.graphs.edge_attr
    if data.features != "ogb" or data.graphs.x.shape[1] != 9 or attributes is None:
        raise ValueError(
            f"--partition scaffold needs molecules with OGB's atom and bond features, which {data.name} lacks; "
            f"give --partition dirichlet or iid"
        )
    out = []
    for number in index.tolist():
        graph = data.graphs[number]
        try:
            with rdBase.BlockLogs():
                molecule = _molecule(graph.x, graph.edge_index, graph.edge_attr)
        except Chem.AtomValenceException:
            out.append(f"graph {number}")
            continue
        except (ValueError, RuntimeError, IndexError) as error:
            raise ValueError(f"graph {number} of {data.name} is no molecule that rdkit can read ({error})") from error
        out.append(_scaffold(mol=molecule, includeChirality=False))
    return out


def _molecule(x: Tensor, edge_index: Tensor, edge_attr: Tensor) -> Chem.Mol:
    """A molecule from OGB's features."""
    out = Chem.RWMol()
    for number, _, _, charge, hydrogens, radicals, _, aromatic, _ in x.tolist():
        atom = Chem.Atom(number + 1)
        atom.SetFormalCharge(charge - 5)
        atom.SetNumExplicitHs(hydrogens)
        atom.SetNoImplicit(True)
        atom.SetNumRadicalElectrons(radicals)
        atom.SetIsAromatic(bool(aromatic))
        out.AddAtom(atom)
    for source, target, kind in zip(*edge_index.tolist(), edge_attr[:, 0].tolist(), strict=True):
        if source < target:
            out.AddBond(source, target, BONDS[kind])
    Chem.SanitizeMol(out)
    return out.GetMol()


def _check(clients: int, most: int, what: str) -> None:
    """Refuse numbers of clients that would leave some without entries."""
    if not 1 <= clients <= most:
        raise ValueError(f"--clients must be from 1 to the number of {what}, {most}, got {clients}")
