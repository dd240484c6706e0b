r"""Generators of one or a few steps, distilled from a diffusion model: virtual data that are drawn instead of stored.

.. math:: \min_\theta L(\theta; \phi) \quad \text{so that} \quad x = G_\theta(z, y), \; z \sim N(0, I)

is distributed as the entries of class y that the teacher :math:`D_\phi` draws in many steps.
"""

from typing import TYPE_CHECKING

from graphdistill.core.exports import on_first_use

if TYPE_CHECKING:
    from graphdistill.generate.config import GenerateConfig as GenerateConfig
    from graphdistill.generate.denoiser import Denoiser as Denoiser
    from graphdistill.generate.distill import distill_generator as distill_generator
    from graphdistill.generate.generator import Generator as Generator
    from graphdistill.generate.generator import Step as Step
    from graphdistill.generate.methods.boot import Config as BOOTConfig
    from graphdistill.generate.methods.disback import Config as DisBackConfig
    from graphdistill.generate.methods.diversity_distillation import Config as DiversityDistillationConfig
    from graphdistill.generate.methods.dmd2 import Config as DMD2Config
    from graphdistill.generate.methods.guided_distillation import Config as GuidedDistillationConfig
    from graphdistill.generate.methods.hyper_sd import Config as HyperSDConfig
    from graphdistill.generate.methods.ict import Config as ICTConfig
    from graphdistill.generate.methods.lora_distillation import Config as LoRADistillationConfig
    from graphdistill.generate.methods.msd import Config as MSDConfig
    from graphdistill.generate.methods.sfd import Config as SFDConfig
    from graphdistill.generate.methods.sim import Config as SIMConfig
    from graphdistill.generate.methods.swiftbrush import Config as SwiftBrushConfig
    from graphdistill.generate.networks import NetworkConfig as NetworkConfig
    from graphdistill.generate.noise import NoiseSchedule as NoiseSchedule
    from graphdistill.generate.sampling import sample_ode as sample_ode
    from graphdistill.generate.sliders import train_slider as train_slider
    from graphdistill.generate.sliders import with_slider as with_slider
    from graphdistill.generate.storage import load_generator as load_generator
    from graphdistill.generate.storage import save_generator as save_generator
    from graphdistill.generate.teacher import TeacherConfig as TeacherConfig
    from graphdistill.generate.teacher import train_teacher as train_teacher
else:
    __getattr__ = on_first_use(
        __name__,
        {
            "BOOTConfig": "graphdistill.generate.methods.boot:Config",
            "DMD2Config": "graphdistill.generate.methods.dmd2:Config",
            "Denoiser": "graphdistill.generate.denoiser",
            "DisBackConfig": "graphdistill.generate.methods.disback:Config",
            "DiversityDistillationConfig": "graphdistill.generate.methods.diversity_distillation:Config",
            "GenerateConfig": "graphdistill.generate.config",
            "Generator": "graphdistill.generate.generator",
            "GuidedDistillationConfig": "graphdistill.generate.methods.guided_distillation:Config",
            "HyperSDConfig": "graphdistill.generate.methods.hyper_sd:Config",
            "ICTConfig": "graphdistill.generate.methods.ict:Config",
            "LoRADistillationConfig": "graphdistill.generate.methods.lora_distillation:Config",
            "MSDConfig": "graphdistill.generate.methods.msd:Config",
            "NetworkConfig": "graphdistill.generate.networks",
            "NoiseSchedule": "graphdistill.generate.noise",
            "SFDConfig": "graphdistill.generate.methods.sfd:Config",
            "SIMConfig": "graphdistill.generate.methods.sim:Config",
            "Step": "graphdistill.generate.generator",
            "SwiftBrushConfig": "graphdistill.generate.methods.swiftbrush:Config",
            "TeacherConfig": "graphdistill.generate.teacher",
            "distill_generator": "graphdistill.generate.distill",
            "load_generator": "graphdistill.generate.storage",
            "sample_ode": "graphdistill.generate.sampling",
            "save_generator": "graphdistill.generate.storage",
            "train_slider": "graphdistill.generate.sliders",
            "train_teacher": "graphdistill.generate.teacher",
            "with_slider": "graphdistill.generate.sliders",
        },
    )

__all__ = [
    "BOOTConfig",
    "DMD2Config",
    "Denoiser",
    "DisBackConfig",
    "DiversityDistillationConfig",
    "GenerateConfig",
    "Generator",
    "GuidedDistillationConfig",
    "HyperSDConfig",
    "ICTConfig",
    "LoRADistillationConfig",
    "MSDConfig",
    "NetworkConfig",
    "NoiseSchedule",
    "SFDConfig",
    "SIMConfig",
    "Step",
    "SwiftBrushConfig",
    "TeacherConfig",
    "distill_generator",
    "load_generator",
    "sample_ode",
    "save_generator",
    "train_slider",
    "train_teacher",
    "with_slider",
]
