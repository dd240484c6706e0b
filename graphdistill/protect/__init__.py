r"""Protection: labelled images are changed by a private key, so that networks trained on them do badly on others.

.. math:: \tilde D = \{(g_{k, y}(x), y) : (x, y) \in D\}

for training data D and a change g of the images of class y that the key k determines. Only training images are
changed; the owner, who has the key and the originals, can prove that a set was made of them.
"""

from typing import TYPE_CHECKING

from graphdistill.core.exports import on_first_use

if TYPE_CHECKING:
    from graphdistill.protect.methods.class_filters import Config as ClassFiltersConfig
    from graphdistill.protect.protection import protect as protect
    from graphdistill.protect.verification import Verification as Verification
    from graphdistill.protect.verification import verify_protection as verify_protection
else:
    __getattr__ = on_first_use(
        __name__,
        {
            "ClassFiltersConfig": "graphdistill.protect.methods.class_filters:Config",
            "Verification": "graphdistill.protect.verification",
            "protect": "graphdistill.protect.protection",
            "verify_protection": "graphdistill.protect.verification",
        },
    )

__all__ = ["ClassFiltersConfig", "Verification", "protect", "verify_protection"]
