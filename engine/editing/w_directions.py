"""Directions in W for latents that come without parameters: from the conditional mapping's own derivative.

With A = ∂c/∂w, how all P parameters are read off w, the step in W that moves some of them and leaves the others where
they are is A's pseudo-inverse applied to them. A itself is the pseudo-inverse of the mapping's Jacobian J = ∂w/∂c
[w_dim,P], which has full rank where w has more numbers than c; so A's pseudo-inverse is J, averaged over faces.
"""

from __future__ import annotations

import torch
from torch.func import jacrev, vmap

from engine.networks.stylegan2 import ConditionalMapping


def attribute_directions(
    mapping: ConditionalMapping, c: torch.Tensor, attributes: torch.Tensor
) -> torch.Tensor:
    """Steps in W, each of which moves the parameters of one attribute and, near the faces it was averaged over, no other.

    Args:
        mapping: c → w.
        c: [N,P], normalised parameters of faces to average over.
        attributes: [K,P], each a step in c by which its attribute grows by 1 (one standard deviation).

    Returns:
        [K,w_dim]; add strength · direction to w.
    """
    jacobian = vmap(jacrev(lambda one: mapping(one[None])[0]))(c).mean(0)  # [w_dim,P]
    return attributes @ jacobian.T
