r"""Knowledge distillation of any teacher into any student, on nodes, graphs, images and text.

.. math:: L = w \, D(z_s, z_t) + w_y \, \mathrm{CE}(y, z_s)

D is the loss of a method on logits :math:`z_s` of the student and :math:`z_t` of the teacher, on their hidden features,
or on targets that are made of both.
"""

from typing import TYPE_CHECKING

from graphdistill.core.exports import on_first_use

if TYPE_CHECKING:
    from graphdistill.kd.config import KDConfig as KDConfig
    from graphdistill.kd.data.smiles import smiles_texts as smiles_texts
    from graphdistill.kd.distill import distill_kd as distill_kd
    from graphdistill.kd.distill import fit_labels as fit_labels
    from graphdistill.kd.methods.adaptive_kl import Config as AdaptiveKLConfig
    from graphdistill.kd.methods.autodistil import Config as AutoDistilConfig
    from graphdistill.kd.methods.bd_kd import Config as BDKDConfig
    from graphdistill.kd.methods.cr_kd import Config as CrKDConfig
    from graphdistill.kd.methods.dac_kl import Config as DACKLConfig
    from graphdistill.kd.methods.ddk import Config as DDKConfig
    from graphdistill.kd.methods.distill_nearest import Config as DistillNearestConfig
    from graphdistill.kd.methods.distill_weighted import Config as DistillWeightedConfig
    from graphdistill.kd.methods.diswot import Config as DisWOTConfig
    from graphdistill.kd.methods.dkd import Config as DKDConfig
    from graphdistill.kd.methods.dmae import Config as DMAEConfig
    from graphdistill.kd.methods.ferkd import Config as FerKDConfig
    from graphdistill.kd.methods.further_pretraining import Config as FurtherPretrainingConfig
    from graphdistill.kd.methods.glnn import Config as GLNNConfig
    from graphdistill.kd.methods.hybrid_distillation import Config as HybridDistillationConfig
    from graphdistill.kd.methods.impossible_distillation import Config as ImpossibleDistillationConfig
    from graphdistill.kd.methods.jsd import Config as JSDConfig
    from graphdistill.kd.methods.kd3 import Config as KD3Config
    from graphdistill.kd.methods.kd_plus_plus import Config as KDPlusPlusConfig
    from graphdistill.kd.methods.krd import Config as KRDConfig
    from graphdistill.kd.methods.meal_v2 import Config as MEALV2Config
    from graphdistill.kd.methods.mgd import Config as MGDConfig
    from graphdistill.kd.methods.mi_alpha import Config as MIAlphaConfig
    from graphdistill.kd.methods.ofa_kd import Config as OFAKDConfig
    from graphdistill.kd.methods.prefix_conditioning import Config as PrefixConditioningConfig
    from graphdistill.kd.methods.rad import Config as RADConfig
    from graphdistill.kd.methods.relations import Config as RelationsConfig
    from graphdistill.kd.methods.rkd import Config as RKDConfig
    from graphdistill.kd.methods.sd_darts import Config as SDDARTSConfig
    from graphdistill.kd.methods.sinkd import Config as SinKDConfig
    from graphdistill.kd.methods.sla import Config as SLAConfig
    from graphdistill.kd.methods.squarehead import Config as SquareHeadConfig
    from graphdistill.kd.methods.ssld import Config as SSLDConfig
    from graphdistill.kd.methods.swing import Config as SwingConfig
    from graphdistill.kd.methods.taid import Config as TAIDConfig
    from graphdistill.kd.methods.universal_ner import Config as UniversalNERConfig
    from graphdistill.kd.storage import load_network as load_network
    from graphdistill.kd.storage import save_network as save_network
    from graphdistill.kd.teachers.ensemble import MeanTeachers as MeanTeachers
    from graphdistill.kd.teachers.ensemble import WeightedTeachers as WeightedTeachers
    from graphdistill.kd.teachers.stored import load_logits as load_logits
    from graphdistill.kd.teachers.stored import save_logits as save_logits
else:
    __getattr__ = on_first_use(
        __name__,
        {
            "KDConfig": "graphdistill.kd.config",
            "MeanTeachers": "graphdistill.kd.teachers.ensemble",
            "WeightedTeachers": "graphdistill.kd.teachers.ensemble",
            "distill_kd": "graphdistill.kd.distill",
            "fit_labels": "graphdistill.kd.distill",
            "load_logits": "graphdistill.kd.teachers.stored",
            "load_network": "graphdistill.kd.storage",
            "save_logits": "graphdistill.kd.teachers.stored",
            "save_network": "graphdistill.kd.storage",
            "smiles_texts": "graphdistill.kd.data.smiles",
            "AdaptiveKLConfig": "graphdistill.kd.methods.adaptive_kl:Config",
            "AutoDistilConfig": "graphdistill.kd.methods.autodistil:Config",
            "BDKDConfig": "graphdistill.kd.methods.bd_kd:Config",
            "CrKDConfig": "graphdistill.kd.methods.cr_kd:Config",
            "DACKLConfig": "graphdistill.kd.methods.dac_kl:Config",
            "DistillNearestConfig": "graphdistill.kd.methods.distill_nearest:Config",
            "DistillWeightedConfig": "graphdistill.kd.methods.distill_weighted:Config",
            "DisWOTConfig": "graphdistill.kd.methods.diswot:Config",
            "DKDConfig": "graphdistill.kd.methods.dkd:Config",
            "DMAEConfig": "graphdistill.kd.methods.dmae:Config",
            "FerKDConfig": "graphdistill.kd.methods.ferkd:Config",
            "FurtherPretrainingConfig": "graphdistill.kd.methods.further_pretraining:Config",
            "GLNNConfig": "graphdistill.kd.methods.glnn:Config",
            "HybridDistillationConfig": "graphdistill.kd.methods.hybrid_distillation:Config",
            "ImpossibleDistillationConfig": "graphdistill.kd.methods.impossible_distillation:Config",
            "JSDConfig": "graphdistill.kd.methods.jsd:Config",
            "DDKConfig": "graphdistill.kd.methods.ddk:Config",
            "PrefixConditioningConfig": "graphdistill.kd.methods.prefix_conditioning:Config",
            "RADConfig": "graphdistill.kd.methods.rad:Config",
            "KD3Config": "graphdistill.kd.methods.kd3:Config",
            "KDPlusPlusConfig": "graphdistill.kd.methods.kd_plus_plus:Config",
            "KRDConfig": "graphdistill.kd.methods.krd:Config",
            "MEALV2Config": "graphdistill.kd.methods.meal_v2:Config",
            "MGDConfig": "graphdistill.kd.methods.mgd:Config",
            "MIAlphaConfig": "graphdistill.kd.methods.mi_alpha:Config",
            "OFAKDConfig": "graphdistill.kd.methods.ofa_kd:Config",
            "RKDConfig": "graphdistill.kd.methods.rkd:Config",
            "RelationsConfig": "graphdistill.kd.methods.relations:Config",
            "SDDARTSConfig": "graphdistill.kd.methods.sd_darts:Config",
            "SLAConfig": "graphdistill.kd.methods.sla:Config",
            "SinKDConfig": "graphdistill.kd.methods.sinkd:Config",
            "SquareHeadConfig": "graphdistill.kd.methods.squarehead:Config",
            "SSLDConfig": "graphdistill.kd.methods.ssld:Config",
            "SwingConfig": "graphdistill.kd.methods.swing:Config",
            "TAIDConfig": "graphdistill.kd.methods.taid:Config",
            "UniversalNERConfig": "graphdistill.kd.methods.universal_ner:Config",
        },
    )

__all__ = [
    "AdaptiveKLConfig",
    "AutoDistilConfig",
    "BDKDConfig",
    "CrKDConfig",
    "DACKLConfig",
    "DDKConfig",
    "DKDConfig",
    "DMAEConfig",
    "DisWOTConfig",
    "DistillNearestConfig",
    "DistillWeightedConfig",
    "FerKDConfig",
    "FurtherPretrainingConfig",
    "GLNNConfig",
    "HybridDistillationConfig",
    "ImpossibleDistillationConfig",
    "JSDConfig",
    "KD3Config",
    "KDConfig",
    "KDPlusPlusConfig",
    "KRDConfig",
    "MEALV2Config",
    "MGDConfig",
    "MIAlphaConfig",
    "MeanTeachers",
    "OFAKDConfig",
    "PrefixConditioningConfig",
    "RADConfig",
    "RKDConfig",
    "RelationsConfig",
    "SDDARTSConfig",
    "SLAConfig",
    "SSLDConfig",
    "SinKDConfig",
    "SquareHeadConfig",
    "SwingConfig",
    "TAIDConfig",
    "UniversalNERConfig",
    "WeightedTeachers",
    "distill_kd",
    "fit_labels",
    "load_logits",
    "load_network",
    "save_logits",
    "save_network",
    "smiles_texts",
]
