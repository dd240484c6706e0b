r"""Generators of one or a few steps, distilled from a diffusion model: virtual data that are drawn instead of stored.

.. math:: \min_\theta L(\theta; \phi) \quad \text{so that } x = G_\theta(z, y),\ z \sim N(0, I), \text{ is distributed
    as the entries that the teacher } D_\phi \text{ draws in many steps}
"""
