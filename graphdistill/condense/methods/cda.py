r"""CDA, curriculum data augmentation: SRe2L whose crops begin with the whole image and become smaller.

.. math:: \mathrm{share}(A_t) \sim U(\alpha_t, 1), \qquad
    \alpha_t = \alpha + \frac{1 - \alpha}{2} \Big(1 + \cos \frac{\pi t}{m T}\Big) \text{ until } t = m T

All else is SRe2L. Outlines come first and details later.
"""

from __future__ import annotations

from dataclasses import dataclass

from graphdistill.condense.data.training_data import Kind
from graphdistill.condense.matching.objective import MethodContext, Recipe
from graphdistill.condense.methods import sre2l
from graphdistill.core.methods import Result

PAPER = "Yin and Shen, TMLR 2024, https://arxiv.org/abs/2311.18838"
RESULT = Result(
    paper="ImageNet-1K, 50 images a class: 63.2 %; ImageNet-21K, 20: 36.1 % (data not measured here)",
    ours="digits, 10 images a class: 0.9094 ± 0.0152 (sre2l 0.827 ± 0.037, random images 0.981 ± 0.009)",
    command=(
        "python -m graphdistill.bench condense --parts methods --datasets digits --per-class 10 --methods random "
        "sre2l cda"
    ),
    differs=(
        "A small ConvNet as the teacher, heavier statistics as in sre2l, and one static soft label an image, where "
        "the paper stores one for every crop."
    ),
    instead="Random real images of equal bytes are better: use dm.",
)
FOR: tuple[Kind, ...] = ("images",)


@dataclass(frozen=True, kw_only=True)
class Config(sre2l.Config):
    """Options of CDA: those of SRe2L, its base, and one."""

    curriculum: float = 1.0
    """Share m of the steps over which the smallest crop shrinks from the whole image to SRe2L's. On validation of
    digits, ten images a class, two sets, hard labels, statistics with weight 1: 82 % with 0, 88 % with 0.5 and 91 %
    with 1; with weight 3 it raises 87 % to 93 %."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.curriculum <= 1:
            raise ValueError(f"--curriculum must be from 0 to 1, got {self.curriculum}")


def recipe(context: MethodContext, config: Config) -> Recipe:
    """SRe2L's recipe with the curriculum; random real images, 99 % on validation of digits, are still better."""
    teacher = sre2l.squeeze(context)
    objective = sre2l.Recover(
        (teacher,),
        config.statistics,
        config.variance,
        config.curriculum,
        config.first_layer,
        config.smallest_crop,
        config.max_aspect_ratio,
    )
    return sre2l.recipe_of(objective, sre2l.Relabelled(*sre2l.noise(context), teacher), config.lr)
