"""Learn a conditional model's map from parameters to the segmentation of its face, from the renders' labels."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from tqdm import tqdm

from engine.networks.region_map import SIZE, RegionMap
from engine.training import draws
from engine.training.face_task import mean_iou
from engine.training.losses import region_weights
from engine.training.rates import rate_at, set_rate
from engine.training.recipe import Rate
from engine.training.renders import Renders

BATCH = 32
RATE = Rate(first=3e-3, last=2e-5, warm_up=10)


def learn_regions(c: torch.Tensor, renders: Renders, images: int, seed: int) -> RegionMap:
    """Train the map on the normalised parameters c [N,P] of N renders, looking at so many of them in all."""
    torch.manual_seed(seed)
    network = RegionMap(c.shape[1], max(renders.regions.values()) + 1)
    weights = region_weights(renders.regions)
    optimiser = torch.optim.AdamW(network.parameters(), RATE.first, weight_decay=1e-4, fused=True)
    steps = -(-images // BATCH)
    for k in tqdm(range(steps), desc="regions", unit="batch"):
        index = draws.batch_indices(seed, k, BATCH, len(renders))
        loss = F.cross_entropy(network(c[index]), regions_of(renders, index), weights)
        optimiser.zero_grad()
        loss.backward()
        set_rate(optimiser, rate_at(RATE, k, steps))
        optimiser.step()
    return network.eval()


@torch.no_grad()
def region_agreement(network: RegionMap, c: torch.Tensor, renders: Renders) -> float:
    """Mean over regions of intersection over union with the labels of renders whose parameters are c [N,P]."""
    found = torch.cat([network(part).argmax(1) for part in c.split(64)])
    return mean_iou(found, regions_of(renders, torch.arange(len(renders))), len(renders.regions))


def regions_of(renders: Renders, index: torch.Tensor) -> torch.Tensor:
    """The labels at the map's size, nearest pixels: [K,64,64] int64."""
    labels = renders.segmentation[index][:, None].float()
    return F.interpolate(labels, (SIZE, SIZE), mode="nearest-exact")[:, 0].long()
