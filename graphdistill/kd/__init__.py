r"""Knowledge distillation of any teacher into any student, on nodes, graphs, images and text.

.. math:: L = w \, D(z_s, z_t) + w_y \, \mathrm{CE}(y, z_s)

D is the loss of a method on logits :math:`z_s` of the student and :math:`z_t` of the teacher, on their hidden features,
or on targets that are made of both.
"""

from typing import TYPE_CHECKING

from graphdistill.core.exports import on_first_use

if TYPE_CHECKING:
    from graphdistill.kd.config import KDConfig as KDConfig
    from graphdistill.kd.distill import distill_kd as distill_kd
    from graphdistill.kd.distill import fit_labels as fit_labels
    from graphdistill.kd.storage import load_network as load_network
    from graphdistill.kd.storage import save_network as save_network
    from graphdistill.kd.teachers import load_logits as load_logits
    from graphdistill.kd.teachers import save_logits as save_logits
else:
    __getattr__ = on_first_use(
        __name__,
        {
            "KDConfig": "graphdistill.kd.config",
            "distill_kd": "graphdistill.kd.distill",
            "fit_labels": "graphdistill.kd.distill",
            "load_logits": "graphdistill.kd.teachers",
            "load_network": "graphdistill.kd.storage",
            "save_logits": "graphdistill.kd.teachers",
            "save_network": "graphdistill.kd.storage",
        },
    )

__all__ = ["KDConfig", "distill_kd", "fit_labels", "load_logits", "load_network", "save_logits", "save_network"]
