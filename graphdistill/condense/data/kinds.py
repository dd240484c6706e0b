"""The evaluation protocol and the training data for each kind of data set: images, nodes, graphs and rows."""

from __future__ import annotations

from typing import Any

from graphdistill.condense.data.graphs import TrainingGraphs
from graphdistill.condense.data.images import TrainingImages
from graphdistill.condense.data.nodes import TrainingNodes
from graphdistill.condense.data.rows import TrainingRows
from graphdistill.condense.data.training_data import TrainingData
from graphdistill.condense.data.unlabelled import UnlabelledImages
from graphdistill.core.data.datasets import Dataset, GraphDataset, NodeDataset, TableDataset, TextDataset
from graphdistill.core.evaluation.graphs import GraphSetProtocol
from graphdistill.core.evaluation.images import ImageProtocol
from graphdistill.core.evaluation.nodes import NodeProtocol
from graphdistill.core.evaluation.probe import ProbeProtocol
from graphdistill.core.evaluation.protocol import SetProtocol
from graphdistill.core.evaluation.tables import TableProtocol
from graphdistill.core.training.augment import Augment


def protocol_of(data: Dataset, *, unlabelled: bool = False, **options: Any) -> SetProtocol[Any]:
    """Evaluation protocol for this kind of data: a ConvNet for images, a GCN for nodes and graphs, an MLP for rows.

    Training images are augmented.

    Args:
        data: the real data.
        unlabelled: whether images are condensed without labels, and judged by a linear probe. (default: no)
        options: attributes of :class:`~graphdistill.core.evaluation.protocol.BaseProtocol`, such as ``trainings``.

    Raises:
        ValueError: the data are texts, or have other labels than a class each.

    Example:
        >>> from graphdistill import datasets
        >>> protocol_of(datasets.load("digits")).networks
        ('ConvNet',)
    """
    if isinstance(data, NodeDataset):
        return NodeProtocol(data, **options)
    if isinstance(data, GraphDataset):
        return GraphSetProtocol(data, **options)
    if isinstance(data, TableDataset):
        return TableProtocol(data, **options)
    if isinstance(data, TextDataset):
        raise ValueError(
            f"{data.name} holds texts, which no method of condensation supports; choose images, nodes, graphs or "
            f"tables, such as digits, digits-knn or NCI1"
        )
    kind = ProbeProtocol if unlabelled else ImageProtocol
    return kind(data, **{"augment": Augment().each, **options})


def training_data_of(protocol: SetProtocol[Any]) -> TrainingData:
    """The training data of a protocol, on its device.

    Example:
        >>> from graphdistill import datasets
        >>> training_data_of(protocol_of(datasets.load("digits-knn"))).KIND
        'nodes'
    """
    match protocol:
        case NodeProtocol():
            return TrainingNodes(protocol).to(protocol.device)
        case GraphSetProtocol():
            return TrainingGraphs(protocol).to(protocol.device)
        case TableProtocol():
            return TrainingRows(protocol).to(protocol.device)
        case ProbeProtocol():
            return UnlabelledImages.of_probe(protocol).to(protocol.device)
    assert isinstance(protocol, ImageProtocol)
    return TrainingImages.of(protocol).to(protocol.device)
