"""Masked autoencoding of images by a vision transformer, and training without labels before a few labels are used.

Shape legend: n images, L patches of an image, l visible patches, D width, P pixels of a patch times channels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphdistill.core.networks.transformer import TransformerBlock
from graphdistill.core.networks.vit import ViT
from graphdistill.core.randomness import scoped
from graphdistill.core.training.loop import FitResult, Training, train
from graphdistill.core.training.sampler import RepeatedRandomSampler
from graphdistill.kd.data.images import ImageView
from graphdistill.kd.objective import Context, Objective
from graphdistill.kd.training import fit_objective


def check_vits(student: nn.Module, teacher: nn.Module, method: str) -> tuple[ViT, ViT]:
    """Both networks, if they are vision transformers with the same patches.

    Args:
        student: the student.
        teacher: the teacher.
        method: what the error calls the method.

    Raises:
        ValueError: one is another network, or their patches differ.
    """
    for role, network in (("student", student), ("teacher", teacher)):
        if not isinstance(network, ViT):
            raise ValueError(
                f"{method} needs vision transformers, but the {role} is a {type(network).__name__}; give a ViT of "
                "graphdistill.core.networks.vit, or choose kd"
            )
    assert isinstance(student, ViT)
    assert isinstance(teacher, ViT)
    if (student.patch, len(student.positions)) != (teacher.patch, len(teacher.positions)):
        raise ValueError(
            f"{method} needs the same patches in both networks, but the student has {len(student.positions)} of "
            f"{student.patch} pixels and the teacher {len(teacher.positions)} of {teacher.patch}; give both one size"
        )
    return student, teacher


def visible_patches(count: int, patches: int, ratio: float, generator: torch.Generator) -> Tensor:
    """Indices of the patches of each image that are not masked, at least one, long ``[n, l]``.

    Example:
        >>> visible_patches(2, 16, 0.75, torch.Generator().manual_seed(0)).shape
        torch.Size([2, 4])
    """
    kept = max(1, round((1 - ratio) * patches))
    return torch.rand(count, patches, generator=generator).argsort(1)[:, :kept]


def encode(vit: ViT, images: Tensor, visible: Tensor, blocks: int | None = None) -> list[Tensor]:
    """Outputs of the first blocks on the visible patches alone, ``[n, l, D]`` each.

    Args:
        vit: the network.
        images: float ``[n, channels, height, width]``.
        visible: indices of patches, long ``[n, l]``.
        blocks: number of blocks that are run. (default: all)

    Example:
        >>> net = ViT((1, 8, 8), 10, patch=2, width=8, depth=3, heads=2)
        >>> found = encode(net, torch.rand(2, 1, 8, 8), torch.tensor([[0, 5], [7, 3]]), blocks=2)
        >>> len(found), found[0].shape
        (2, torch.Size([2, 2, 8]))
    """
    bottom, right = (-side % vit.patch for side in images.shape[-2:])
    tokens = vit.patches(F.pad(images, (0, right, 0, bottom))).flatten(2).mT + vit.positions
    x = tokens.gather(1, visible[..., None].expand(-1, -1, tokens.shape[2]))
    found = []
    for block in vit.blocks[:blocks]:
        x = block(x)
        found.append(x)
    return found


def patch_pixels(images: Tensor, patch: int) -> Tensor:
    """Pixels of each patch, ``[n, L, P]``, in the order of a transformer's patches.

    Example:
        >>> patch_pixels(torch.arange(16.0).view(1, 1, 4, 4), 2)[0, 1].tolist()
        [2.0, 3.0, 6.0, 7.0]
    """
    bottom, right = (-side % patch for side in images.shape[-2:])
    return F.unfold(F.pad(images, (0, right, 0, bottom)), patch, stride=patch).mT


class Decoder(nn.Module):
    """Predicts the pixels of masked patches from the visible ones: a mask token, one transformer block, a linear layer.

    He et al., CVPR 2022, https://arxiv.org/abs/2111.06377.

    Args:
        vit: the encoder.
        channels: channels of the images.
        heads: attention heads. (default: 4)
    """

    def __init__(self, vit: ViT, channels: int, heads: int = 4):
        super().__init__()
        patches, width = vit.positions.shape
        self.embed = nn.Linear(width, width)
        self.mask = nn.Parameter(torch.zeros(width))
        self.positions = nn.Parameter(0.02 * torch.randn(patches, width))
        self.block = TransformerBlock(width, heads)
        self.head = nn.Linear(width, channels * vit.patch**2)
        self.patch = vit.patch

    def forward(self, tokens: Tensor, visible: Tensor, images: Tensor) -> Tensor:
        """Mean squared error on the masked patches of each image, ``[n]``."""
        x = self.mask.expand(len(images), len(self.positions), -1)
        x = x.scatter(1, visible[..., None].expand_as(tokens), self.embed(tokens))
        error = (self.head(self.block(x + self.positions)) - patch_pixels(images, self.patch)).square().mean(2)
        masked = torch.ones_like(error).scatter(1, visible, 0.0)
        mean: Tensor = (error * masked).sum(1) / masked.sum(1).clamp(min=1)
        return mean


def pretrain(
    context: Context,
    modules: Sequence[nn.Module],
    loss: Callable[[Tensor, torch.Generator], Tensor],
    steps: int,
    label: str,
) -> None:
    """Train modules in place on all training entries without their labels; the last weights stay.

    Args:
        context: data and hyperparameters.
        modules: what is trained.
        loss: mean loss of entries, from their indices and a generator.
        steps: optimizer steps.
        label: what the bar shows, and purpose of the draws.
    """
    entries = context.data.train
    sampler = RepeatedRandomSampler(
        len(entries), min(context.batch_size, len(entries)), context.generator(label, "batches")
    )
    draws = context.generator(label, "loss")
    whole = nn.ModuleList(modules)
    optimizer = torch.optim.AdamW(whole.parameters(), lr=context.lr, weight_decay=context.weight_decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)

    def batches(epoch: int) -> Iterator[Tensor]:
        yield entries[sampler.round()]

    training: Training[Tensor] = Training(
        whole, optimizer, lambda index: loss(index, draws), after_step=lambda batch, value: schedule.step()
    )
    with scoped(context.seed, "kd", label):
        train(training, batches, steps, progress=context.progress, label=label)


def fine_tune(context: Context) -> FitResult:
    """Train the student on the labelled entries alone, and load the checkpoint that is best on validation."""
    view = context.data
    # Nodes are trained on all at once; of images, batches would mostly hold entries without labels.
    few = ImageView(replace(view.data, train=view.labelled), view.device) if view.KIND == "images" else view
    tuned = replace(context, data=few)
    return fit_objective(
        tuned,
        Objective(loss=tuned.label_loss, uses_teacher=False),
        eval_every=view.TRAINING.eval_every,
        label="fine-tuning",
    )
