"""The one door: a name, a file or your own graphs in, a data set with its splits out."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path

from torch_geometric.data import Batch, Data, InMemoryDataset

from graphdistill.core.command.paths import expanded
from graphdistill.core.data.checks import check_splits
from graphdistill.core.data.datasets import Dataset, GraphDataset, TableDataset, TaskName
from graphdistill.datasets import (
    _blocks,
    _csv,
    _folder,
    _images,
    _molecules,
    _nodes,
    _ogb,
    _own,
    _rows,
    _table_sets,
    _tables,
    _tagged,
    _text,
    _tu,
)
from graphdistill.datasets._splits import Split


def load(
    name: str | Path | Data | Sequence[Data] | InMemoryDataset | Dataset,
    root: str | Path | None = None,
    *,
    seed: int = 0,
    smiles_column: str = "smiles",
    label_column: str = "y",
    label: str | None = None,
    group: str | None = None,
    task: TaskName | None = None,
    splits: Split | None = None,
    split: int | None = None,
    skip_invalid: bool = False,
    jobs: int = 1,
) -> Dataset:
    """Load a data set with its splits by name, from a file, or from PyG graphs.

    Args:
        name: one of

            - ``pains``, ``digits``, ``digits-knn``, ``mnist5k``, ``iris``, ``wine``, ``breast-cancer``, ``diabetes``
              (targets): included in packages, no download;
            - ``biased-table``: rows of two groups, made with a parity gap of 0.30 between them;
            - ``sbm-million``: a million nodes of a stochastic block model with 64 features, made in seconds;
            - ``ogbg-molhiv``, ``ogbg-molesol`` and OGB's other sets of graph classification and regression,
              ``ogbn-arxiv``, ``ogbn-products``;
            - ``NCI1``, ``DD``, ``IMDB-BINARY`` and the other TU sets;
            - ``planetoid-cora``, ``planetoid-citeseer``, ``planetoid-pubmed`` with the public split;
            - ``cora``, ``citeseer`` and other files in ``node/cpf/`` of the root;
            - an image file in ``images/`` of the root, such as ``digits/usps``, or the path of an ``.npz``;
            - the path of a folder of images, ``CLASS/name.png``, or ``train/CLASS/name.png`` with ``val`` and ``test``;
            - ``text/trec``, ``text/shakespeare`` and other folders in ``text/`` of the root, or the path of such a
              folder: ``train.tsv`` and ``test.tsv`` (a label, a tab and a text in each line), or ``input.txt`` for a
              language model of characters; or the path of one ``.tsv`` or ``.txt`` file;
            - ``text/wnut17`` and other folders of sentences with tagged words, or the path of such a folder:
              ``train.conll`` and, if there is one, ``test.conll``; or the path of one ``.conll`` file. Each line holds
              a word, a tab and its tag, ``O``, ``B-type`` or ``I-type``, and an empty line ends a sentence;
            - the path of a table of molecules: ``.csv``, ``.parquet``, ``.smi`` (a SMILES and a label in each line, or
              a SMILES, a name and a label), ``.sdf`` (labels are properties), ``.csv.gz``, ``.smi.gz``, ``.sdf.gz``;
            - the path of a table of other rows, ``.csv``, ``.csv.gz`` or ``.parquet``, with ``label``;
            - a list of PyG ``Data`` objects or an ``InMemoryDataset``, labelled by ``y``; self-loops are removed,
              as by PyG's ``TUDataset``;
            - one ``Data`` object, whose nodes are labelled by ``y`` (-1 or NaN for no label) and split by
              ``train_mask``, ``val_mask`` and ``test_mask`` (labelled nodes of the rest if absent), each a mask,
              node indices, or masks ``[N, k]``;
            - a data set of this library, which is checked and returned.
        root: folder with ``ogb/``, ``tu/``, ``node/``, ``images/`` and ``text/`` in the layout of the official
            loaders (default: ``$GRAPHDISTILL_DATA``, then the user's cache). Missing data is downloaded to ``root``
            if given, otherwise to the cache. Existing files are never changed.
        seed: seed of random splits, for data without given splits (default: 0).
        smiles_column: column of a table that holds the SMILES (default: ``smiles``).
        label_column: column of class numbers or targets, or several columns separated by commas with 0, 1 or empty
            cells, or targets or empty cells (default: ``y``).
        label: column of classes (any text) or targets of a table without a column of SMILES, whose other columns are
            features; where there are SMILES, the same as ``label_column`` (default: the table is one of molecules).
        group: column of groups of a table without SMILES, such as ``sex``; it is no feature (default: none).
        task: ``classification`` or ``regression``, for a table or your own graphs (default: regression if most of the
            labels have a fraction).
        splits: train, valid and test indices or masks, for PyG graphs or the nodes of one graph
            (default: 80/10/10 by class, or the masks of the graph).
        split: column of masks ``[N, k]`` to use (default: masks have one column).
        skip_invalid: skip rows of a table with invalid SMILES or labels, or without a group, and give their number
            in ``notes`` (default: they raise an error that lists the first ten).
        jobs: parallel processes for many molecules (default: 1).

    Returns:
        A ``GraphDataset``, ``NodeDataset``, ``ImageDataset``, ``TextDataset``, ``TaggedTextDataset`` or
        ``TableDataset``.

    Raises:
        ValueError: the name is unknown, or the data is invalid: features that are not finite, labels that are not
            classes or finite targets, labels of nodes or edges, splits that are empty or overlap, a training split that
            lacks a class, or the data is not of ``task``.
        FileNotFoundError: the files are missing and cannot be downloaded.
        OSError: a file is damaged.

    Example:
        >>> data = load("digits")
        >>> tuple(data.images.shape), len(data.train), len(data.valid), len(data.test)
        ((1797, 1, 8, 8), 1439, 179, 179)
    """
    if group is not None and label is None:
        raise ValueError(f"group={group!r} needs label=, the column of labels of the same table")
    if label is not None and not isinstance(name, str | Path):
        raise ValueError(
            f"label={label!r} names a column of a table, but name is a {type(name).__name__}; leave it out"
        )
    published = isinstance(name, str) and name.startswith(("ogbg-", "ogbn-", "planetoid-"))
    if isinstance(name, Dataset):
        data: Dataset = name
    elif isinstance(name, str | Path):
        data = _named(
            name, root, seed, smiles_column, label_column, label, group, task, splits, split, skip_invalid, jobs
        )
    elif isinstance(name, Data) and not isinstance(name, Batch):
        data = _own.load_own_nodes(name, split, splits)
    else:
        data = _own.load_own(name, seed, splits, split, task)
    _check_task(data, task)
    check_splits(data.y, data.splits, data.ENTRIES, absent="warn" if published else "error")
    return data


def _check_task(data: Dataset, task: TaskName | None) -> None:
    """Reject data of another task."""
    found = (
        "regression"
        if isinstance(data, GraphDataset | TableDataset) and data.task == "regression"
        else "classification"
    )
    if task not in (None, found):
        raise ValueError(
            f"task={task!r}, but {data.name} is of {found}; leave task out (on the command line --task), or choose "
            f"data of {task}, such as {'ogbg-molesol' if task == 'regression' else 'ogbg-molhiv'}"
        )


def as_dataset(data: Dataset | Data | Sequence[Data]) -> Dataset:
    """A data set unchanged, or PyG graphs loaded by :func:`load`.

    Args:
        data: a data set of this library, or an argument of :func:`load`.

    Raises:
        ValueError: as of :func:`load`; a data set's test split is not checked, and its training split may lack a
            class.

    Example:
        >>> as_dataset(load("digits")).name
        'digits'
    """
    if not isinstance(data, Dataset):
        return load(data)
    check_splits(data.y, {"train": data.train, "valid": data.valid}, data.ENTRIES, absent="ignore")
    return data


def _named(
    name: str | Path,
    root: str | Path | None,
    seed: int,
    smiles_column: str,
    label_column: str,
    label: str | None,
    group: str | None,
    task: TaskName | None,
    splits: Split | None,
    split: int | None,
    skip_invalid: bool,
    jobs: int,
) -> Dataset:
    for argument, value in (("splits", splits), ("split", split)):
        if value is not None:
            raise ValueError(
                f"{argument} are for your own graphs only, but name={str(name)!r} brings its split; leave them out"
            )
    name = str(expanded(name)) if str(name).startswith("~") else str(name)
    if label is not None:
        return _labelled(name, smiles_column, label_column, label, group, task, skip_invalid, seed, jobs)
    match name:
        case "pains":
            return _molecules.load_pains(jobs)
        case "digits":
            return _images.load_sklearn_digits(seed)
        case "digits-knn":
            return _nodes.load_digits_knn(seed)
        case "mnist5k":
            return _images.load_mnist5k(seed)
        case _blocks.NAME:
            return _blocks.load_blocks(seed)
        case _table_sets.BIASED:
            return _table_sets.load_biased(seed)
    if name in _table_sets.SKLEARN:
        return _table_sets.load_sklearn_table(name, seed)
    if name.endswith(".npz") or name in _images.npz_names(root):
        return _images.load_npz(name, root, seed)
    if (source := _text.source_of(name, root)) is not None:
        return (_tagged.load_tagged if _tagged.is_tagged(source) else _text.load_text)(name, source, seed)
    if name.endswith(_tables.TABLES) or Path(name).is_file():
        return _csv.load_csv(Path(name), smiles_column, label_column, task, skip_invalid, jobs=jobs)
    if name in _ogb.master("graphproppred"):
        return _ogb.load_ogbg(name, root)
    if name in _ogb.master("nodeproppred"):
        return _ogb.load_ogbn(name, root)
    if name in _nodes.PLANETOID:
        return _nodes.load_planetoid(name, root)
    if name in _nodes.cpf_names(root):
        return _nodes.load_cpf(name, root, seed)
    if name in _tu.names(root) or _tu.source_of(name, root) is not None:
        return _tu.load_tu(name, root, seed)
    if Path(name).is_dir():
        return _folder.load_image_folder(Path(name), seed)
    raise _unknown(name, root)


def _labelled(
    name: str,
    smiles_column: str,
    label_column: str,
    label: str,
    group: str | None,
    task: TaskName | None,
    skip_invalid: bool,
    seed: int,
    jobs: int,
) -> Dataset:
    """A file with a named column of labels: molecules if it has a column of SMILES, else a table of rows."""
    if not name.endswith(_tables.TABLES):
        raise ValueError(
            f"label={label!r} names a column of a table (.csv, .csv.gz, .parquet), but name={name!r} is none; leave "
            f"label and group out"
        )
    if label_column not in ("y", label):
        raise ValueError(f"label={label!r} and label_column={label_column!r} are two names for one thing; give one")
    path, molecules = Path(name), not name.endswith((".csv", ".csv.gz", ".parquet"))
    table = None if molecules else _tables.read_table(path, smiles_column, ragged=False)
    if table is not None and smiles_column not in table[0]:
        return _rows.load_rows(path, table, label, group, task, skip_invalid, seed)
    if group is not None:
        raise ValueError(
            f"group={group!r} is for tables of rows, but {name} has molecules ({smiles_column}); leave group out, or "
            f"remove that column"
        )
    return _csv.load_csv(path, smiles_column, label, task, skip_invalid, jobs=jobs)


def load_graphs(
    name: str | Path | Sequence[Data] | InMemoryDataset | Dataset,
    root: str | Path | None = None,
    *,
    seed: int = 0,
    smiles_column: str = "smiles",
    label_column: str = "y",
    task: TaskName | None = None,
    splits: Split | None = None,
    skip_invalid: bool = False,
    jobs: int = 1,
) -> GraphDataset:
    """Load a data set of labelled graphs; the arguments are those of :func:`load`.

    Raises:
        ValueError: also if ``name`` is a set of nodes, images or texts.

    Example:
        >>> import torch
        >>> ring = torch.tensor([[0, 1, 2], [1, 2, 0]])
        >>> graphs = [Data(num_nodes=3, edge_index=ring, y=torch.tensor([i % 2])) for i in range(20)]
        >>> data = load_graphs(graphs)
        >>> len(data.train), len(data.valid), len(data.test), data.metric
        (16, 2, 2, 'rocauc')
    """
    data = load(
        name,
        root,
        seed=seed,
        smiles_column=smiles_column,
        label_column=label_column,
        task=task,
        splits=splits,
        skip_invalid=skip_invalid,
        jobs=jobs,
    )
    if not isinstance(data, GraphDataset):
        kind = {"nodes": "nodes of one graph"}.get(data.ENTRIES, data.ENTRIES)
        what = f"name={str(name)!r}" if isinstance(name, str | Path) else f"name, a {type(name).__name__},"
        raise ValueError(
            f"{what} is a set of labelled {kind}, but labelled graphs are needed; choose "
            f"for example pains, ogbg-molhiv, NCI1, a .csv of molecules or your own list of PyG graphs"
        )
    return data


class UnknownDatasetError(ValueError):
    """Error for a name that is neither a data set nor a file.

    Args:
        name: the name.
        message: what is printed.
    """

    def __init__(self, name: str, message: str):
        super().__init__(message)
        self.name = name


def _unknown(name: str, root: str | Path | None) -> UnknownDatasetError:
    inside = ["pains", "digits", "digits-knn", "mnist5k", *_table_sets.SKLEARN, _blocks.NAME, _table_sets.BIASED]
    names = [*inside, *_ogb.graph_names(), *_ogb.NODE_NAMES, *_nodes.PLANETOID, *_nodes.cpf_names(root)]
    names += [*_images.npz_names(root), *_text.names(root), *_tu.names(root)]
    # Compared without case, because that is the most common error: mutag for MUTAG.
    lower = {known.lower(): known for known in names}
    near = [lower[match] for match in difflib.get_close_matches(name.lower(), lower, n=3)]
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    return UnknownDatasetError(
        name,
        f"name={name!r} is not a known data set.{hint} Choices: {', '.join(inside)} (no download); "
        f"ogbg-* and ogbn-* of OGB; TU names such as NCI1; {', '.join(_nodes.PLANETOID)}; "
        f"{', '.join(_nodes.CPF)} (node/cpf/*.npz under root); images/*.npz under root; "
        f"{', '.join(_text.names(root))} (text/ under root); "
        f"the path of a .csv, .npz, .tsv, .conll or .txt file; a list of PyG Data objects",
    )
