"""Mirage: graph distillation by computation trees."""

from typing import TYPE_CHECKING

from graphdistill.core.exports import on_first_use

if TYPE_CHECKING:
    from graphdistill.mirage.config import MirageConfig as MirageConfig
    from graphdistill.mirage.distill import distill_mirage as distill_mirage
else:
    __getattr__ = on_first_use(
        __name__,
        {"MirageConfig": "graphdistill.mirage.config", "distill_mirage": "graphdistill.mirage.distill"},
    )

PAPER = "Gupta et al., ICLR 2024, https://arxiv.org/abs/2310.09486"

__all__ = ["MirageConfig", "distill_mirage"]
