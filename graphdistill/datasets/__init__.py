"""Data sets by name or from your own data: molecules, graphs, citation networks, images, texts, tables.

:func:`load` returns a ``GraphDataset``, ``NodeDataset``, ``ImageDataset``, ``TextDataset``, ``TaggedTextDataset`` or
``TableDataset``; :func:`load_graphs` returns a ``GraphDataset`` or raises an error.
"""

from typing import TYPE_CHECKING

from graphdistill.core.exports import on_first_use

if TYPE_CHECKING:
    from graphdistill.datasets._domains import load_domains as load_domains
    from graphdistill.datasets._load import UnknownDatasetError as UnknownDatasetError
    from graphdistill.datasets._load import as_dataset as as_dataset
    from graphdistill.datasets._load import load as load
    from graphdistill.datasets._load import load_graphs as load_graphs
    from graphdistill.datasets._roots import cache_folder as cache_folder
else:
    __getattr__ = on_first_use(
        __name__,
        {
            "cache_folder": "graphdistill.datasets._roots",
            "UnknownDatasetError": "graphdistill.datasets._load",
            "as_dataset": "graphdistill.datasets._load",
            "load": "graphdistill.datasets._load",
            "load_domains": "graphdistill.datasets._domains",
            "load_graphs": "graphdistill.datasets._load",
        },
    )

__all__ = ["UnknownDatasetError", "as_dataset", "cache_folder", "load", "load_domains", "load_graphs"]
