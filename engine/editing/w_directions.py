"""Directions in W for latents that come without parameters: from the conditional mapping's own derivative.

The mapping turns parameters c into w, so its Jacobian J = ∂w/∂c [w_dim,P], averaged over faces, tells how w moves with
each parameter, and J's pseudo-inverse how the parameters move with w. Restricted to some attributes and inverted once more
it gives, for each of them, the shortest step in W that moves it by one and leaves the others where they are.
"""

from __future__ import annotations

import torch
from torch.func import jacrev, vmap

from engine.networks.stylegan2 import ConditionalMapping


def attribute_directions(
    mapping: ConditionalMapping, c: torch.Tensor, attributes: torch.Tensor
) -> torch.Tensor:
    """Steps in W, each of which moves one attribute by 1 and no other.

    Args:
        mapping: c → w.
        c: [N,P], normalised parameters of faces to average over.
        attributes: [K,P], each a step in c by which its attribute grows by 1 (one standard deviation).

    Returns:
        [K,w_dim]; add strength · direction to w.
    """
    jacobian = vmap(jacrev(lambda one: mapping(one[None])[0]))(c).mean(0)  # [w_dim,P]
    reading = torch.linalg.pinv(attributes.T) @ torch.linalg.pinv(jacobian)  # [K,w_dim]: attributes read off w
    return torch.linalg.pinv(reading).T
