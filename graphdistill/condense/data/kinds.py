"""The evaluation protocol and the training data for each kind of data set: images, nodes and graphs."""

from __future__ import annotations

from typing import Any

from graphdistill.condense.data.graphs import TrainingGraphs
from graphdistill.condense.data.images import TrainingImages
from graphdistill.condense.data.nodes import TrainingNodes
from graphdistill.condense.data.training_data import TrainingData
from graphdistill.core.command.progress import NO_PROGRESS, Progress
from graphdistill.core.data.datasets import Dataset, GraphDataset, NodeDataset
from graphdistill.core.evaluation.graphs import GraphSetProtocol
from graphdistill.core.evaluation.images import ImageProtocol
from graphdistill.core.evaluation.nodes import NodeProtocol
from graphdistill.core.evaluation.protocol import SetProtocol
from graphdistill.core.training.augment import Augment


def protocol_of(data: Dataset, networks: int = 3, progress: Progress = NO_PROGRESS, jobs: int = 1) -> SetProtocol[Any]:
    """Evaluation protocol for this kind of data: a ConvNet with augmentation for images, a GCN for nodes and graphs.

    Args:
        data: the real data.
        networks: trainings on every set. (default: 3)
        progress: shows a bar of the trainings.
        jobs: number of processes for trainings. (default: 1)

    Example:
        >>> from graphdistill import datasets
        >>> protocol_of(datasets.load("digits")).NETWORK
        'ConvNet'
    """
    if isinstance(data, NodeDataset):
        return NodeProtocol(data, networks, jobs=jobs, progress=progress)
    if isinstance(data, GraphDataset):
        return GraphSetProtocol(data, networks, jobs=jobs, progress=progress)
    return ImageProtocol(data, networks, augment=Augment().each, jobs=jobs, progress=progress)


def training_data_of(protocol: SetProtocol[Any]) -> TrainingData:
    """The training data of a protocol.

    Example:
        >>> from graphdistill import datasets
        >>> training_data_of(protocol_of(datasets.load("digits-knn"))).KIND
        'nodes'
    """
    match protocol:
        case NodeProtocol():
            return TrainingNodes(protocol)
        case GraphSetProtocol():
            return TrainingGraphs(protocol)
    assert isinstance(protocol, ImageProtocol)
    return TrainingImages.of(protocol)
