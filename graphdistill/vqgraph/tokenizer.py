"""The graph tokenizer: quantizes a trained teacher's hidden layer into codes that reconstruct features and edges."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphdistill.core.command.progress import NO_PROGRESS, Progress
from graphdistill.core.data.tensors import to_device
from graphdistill.core.device import device_of
from graphdistill.core.parallel import one_thread
from graphdistill.core.randomness import generator
from graphdistill.core.training.loop import Training, train
from graphdistill.kd.nodes.sampling import Neighbours, batches
from graphdistill.vqgraph.codebook import Codebook, Distance
from graphdistill.vqgraph.config import TokenizerConfig
from graphdistill.vqgraph.edges import Link, edge_loss


class Tokenizer(nn.Module):
    r"""Quantize a hidden layer and reconstruct features and edges from its codes (VQGraph: Yang et al., ICLR 2024).

    .. math:: z_i = W (h_i - \mu) / \sigma, \quad q_i = e_{\arg\min_k d(z_i, e_k)}

    .. math:: L = \|D_x q_i - x_i\|^2 + \lambda \, \|A - \sigma((D_a Q)(D_a Q)^\top)\|^2
        + \beta \, \|z_i - \mathrm{sg}(q_i)\|^2

    with mean and standard deviation of the hidden vectors: their mean is large and would make all cosines similar. The
    first two terms are means over entries, and the codes have straight-through gradients. The tokenizer does not change
    the teacher; :class:`~graphdistill.vqgraph.quantized_teacher.QuantizedTeacher` puts it into the teacher's forward
    pass, as published.

    Args:
        hidden_channels: width of the teacher's hidden layer.
        in_channels: width of the features to reconstruct.
        num_codes: number of codes. (default: 256)
        dim: width of a code. (default: 128)
        metric: ``cosine`` or ``euclidean``. (default: ``cosine``)
        edges: weight of the edge loss, :math:`\lambda`. (default: 1)
        commitment: weight of the commitment loss, :math:`\beta`. (default: 0.25)
        link: function from similarities to edges, ``sigmoid`` or ``minmax``. (default: ``sigmoid``)
        decay: decay of the codebook's moving averages. (default: 0.9)
    """

    mean: Tensor
    deviation: Tensor

    def __init__(
        self,
        hidden_channels: int,
        in_channels: int,
        num_codes: int = 256,
        dim: int = 128,
        *,
        metric: Distance = "cosine",
        edges: float = 1.0,
        commitment: float = 0.25,
        link: Link = "sigmoid",
        decay: float = 0.9,
    ):
        super().__init__()
        self.register_buffer("mean", torch.zeros(hidden_channels))
        self.register_buffer("deviation", torch.ones(hidden_channels))
        self.project = nn.Linear(hidden_channels, dim, bias=False)
        self.codebook = Codebook(num_codes, dim, metric=metric, decay=decay)
        self.features = nn.Linear(dim, in_channels)
        self.edges = nn.Linear(dim, dim)
        self.edge_weight, self.commitment, self.link = edges, commitment, link

    @torch.no_grad()
    def start(self, h: Tensor, generator: torch.Generator) -> None:
        """Set mean and deviation from hidden vectors ``[N, H]``, and initialize the codes by k-means of them.

        Raises:
            ValueError: there are more codes than rows.
        """
        self.mean.copy_(h.mean(dim=0))
        deviation = h.std(dim=0, correction=0)
        # A constant channel is not rescaled, because it would dominate all others on data where it is not constant.
        self.deviation.copy_(deviation.where(deviation > 1e-6 * deviation.max(), 1.0))
        self.codebook.start(self.encode(h), generator)

    def encode(self, h: Tensor) -> Tensor:
        """Rows to compare with codes, ``[N, dim]``."""
        z: Tensor = self.project((h - self.mean) / self.deviation)
        return z

    def forward(self, h: Tensor) -> Tensor:
        """Code of each hidden vector, long ``[N]``."""
        out: Tensor = self.codebook(self.encode(h))
        return out

    def quantise(self, h: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Encoded vectors, their codes' vectors (with straight-through gradients) and the codes."""
        z = self.codebook.place(self.encode(h))
        code = self.codebook(z)
        # z - z is exactly 0, so nodes with the same code have equal rows.
        return z, self.codebook.codes[code] + (z - z.detach()), code

    def loss(self, h: Tensor, x: Tensor, edge_index: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Reconstruction loss of a graph of N nodes, encoded vectors and codes."""
        z, q, code = self.quantise(h)
        loss = F.mse_loss(self.features(q), x) + self.commitment * F.mse_loss(z, q.detach()) * z.shape[1]
        if self.edge_weight:
            rows = self.edges(q)
            num_codes = len(self.codebook.codes)
            loss = loss + self.edge_weight * edge_loss(rows, code, edge_index, num_codes=num_codes, link=self.link)
        return loss, z.detach(), code


@one_thread()
def fit_tokenizer(
    tokenizer: Tokenizer,
    h: Tensor,
    x: Tensor,
    edge_index: Tensor,
    config: TokenizerConfig = TokenizerConfig(),
    *,
    seed: int = 0,
    progress: Progress = NO_PROGRESS,
) -> Tensor:
    """Train a tokenizer in place on hidden vectors of a frozen teacher, which are moved to its device.

    Memory is linear in N + E. With ``batch_size`` a step takes a batch of nodes, some neighbours of each, and all edges
    among them.

    Args:
        tokenizer: the tokenizer.
        h: hidden vectors ``[N, H]``.
        x: features ``[N, F]``.
        edge_index: both directions of every edge, long ``[2, E]``.
        config: hyperparameters.
        seed: seed of k-means, revivals and batches.
        progress: shows a bar. (default: silent)

    Returns:
        Code of each node, long ``[N]``, on the CPU.

    Raises:
        ValueError: there are more codes than nodes, or features or hidden vectors hold NaN or infinity.

    Example:
        >>> h = torch.eye(6)
        >>> ring = torch.stack([torch.arange(6), torch.arange(6).roll(1)])
        >>> tokenizer = Tokenizer(6, 6, num_codes=3, dim=4)
        >>> fit_tokenizer(tokenizer, h, h, torch.cat([ring, ring.flip(0)], dim=1), TokenizerConfig(epochs=2)).shape
        torch.Size([6])
    """
    for name, value in (("h", h), ("x", x)):
        if not bool(torch.isfinite(value).all()):
            raise ValueError(f"{name} holds NaN or infinity; fix those rows first")
    device, draws, count = device_of(tokenizer), generator(seed, "tokenizer"), len(h)
    neighbours = None if config.batch_size is None else Neighbours(edge_index.cpu(), count)
    h, x, edge_index = to_device((h, x, edge_index), device)

    def kmeans_rows() -> Tensor:
        if count <= config.kmeans_nodes:
            return h
        return h[torch.randperm(count, generator=draws)[: config.kmeans_nodes].to(device)]

    z = code = h  # of the last batch

    def loss(seeds: Tensor) -> Tensor:
        nonlocal z, code
        if neighbours is None:
            value, z, code = tokenizer.loss(h, x, edge_index)
        else:
            nodes, _ = neighbours.sample(seeds, [config.fanout], draws)
            edges = neighbours.among(nodes).to(device)
            nodes = nodes.to(device)
            value, z, code = tokenizer.loss(h[nodes], x[nodes], edges)
        return value

    def update_codes(seeds: Tensor, value: Tensor) -> None:
        # Every node updates the codebook once per epoch, whatever its number of neighbours.
        tokenizer.codebook.update(z[: len(seeds)], code[: len(seeds)], draws)

    def epoch_batches(epoch: int) -> Iterator[Tensor]:
        return batches(torch.arange(count), config.batch_size, draws)

    tokenizer.start(kmeans_rows(), draws)
    optimizer = torch.optim.Adam(tokenizer.parameters(), lr=config.lr)
    training = Training(tokenizer, optimizer, loss, after_step=update_codes)
    train(training, epoch_batches, config.epochs, progress=progress, label="tokenizer")
    with torch.no_grad():
        # The encoder changed until the last step; now the codes can converge.
        tokenizer.codebook.refine(tokenizer.encode(kmeans_rows()), draws)
        out: Tensor = tokenizer(h)
    return out.cpu()
