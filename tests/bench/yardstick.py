"""The published arithmetic, as straightforwardly as it can be written: what our speed is measured against.

Per-sample weights in grouped convolutions, FIR filters by zero-insertion, all of SAMM on every edit, nothing
remembered, one thing after the other; torch's default layout. Sources: Karras et al., CVPR 2020, arXiv 1912.04958
(generator); Tov et al., SIGGRAPH 2021, arXiv 2102.02766 (encoder); Yang, Xu, Chen, ICCV 2023, arXiv 2212.09262 (SAMM).
It shares no code with engine/networks. `test_yardstick.py` holds it against the reference vectors.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

SCALES = (256, 128, 64, 32)  # of `modulation` and `feats_conv`, in their order
STAGES = (3, 4, 14, 3)
State = Mapping[str, Tensor]
Norm = Callable[[Tensor, str], Tensor]


@dataclass(frozen=True)
class Painted:
    """One pass: pictures [N,3,R,R], the mask [N,1,R,R], and (dx, dy, mask) [N,3,r,r] by scale, coarse to fine."""

    generated: Tensor
    blended: Tensor
    invertibility_mask: Tensor
    alignments: dict[int, Tensor]


class Yardstick:
    """A checkpoint of the published method (`params_ema`); no gradients."""

    def __init__(self, state: State, cycles: int = 2, max_flow: float = 0.08) -> None:
        self.state, self.cycles, self.max_flow = state, cycles, max_flow
        self.blocks = sum(f"generator.to_rgbs.{i}.bias" in state for i in range(16))
        self.num_ws = 2 * self.blocks + 2

    @property
    def resolution(self) -> int:
        return 4 << self.blocks

    @torch.no_grad()
    def encode(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """x [N,3,H,W] in [-1,1] → latents [N,num_ws,w_dim] with the average added, and features of 256 … 16 px."""
        x = F.interpolate(x, size=(256, 256), mode="bilinear", align_corners=False)
        x = F.conv2d(x, self.state["encoder.input_layer.0.weight"], padding=1)
        x = F.prelu(self._batch_norm(x, "encoder.input_layer.1"), self.state["encoder.input_layer.2.weight"])
        features, unit = [x], 0
        for count in STAGES:
            for i in range(count):
                x = self._unit(x, f"encoder.body.{unit}", 2 if i == 0 else 1, self._batch_norm)
                unit += 1
            features.append(x)
        coarse = features[4]
        middle = self._pyramid(coarse, features[3], "encoder.latlayer1")
        fine = self._pyramid(middle, features[2], "encoder.latlayer2")
        maps = [coarse] * 3 + [middle] * 4 + [fine] * (self.num_ws - 7)
        heads = [self._head(one, i) for i, one in enumerate(maps[: self.num_ws])]
        rows = [heads[0], *(heads[0] + head for head in heads[1:])]
        return torch.stack(rows, 1) + self.state["avg_latent"], features

    @torch.no_grad()
    def generate(self, w_plus: Tensor) -> Tensor:
        """[N,num_ws,w_dim] → [N,3,R,R]."""
        return self._synthesis(w_plus, lambda _, feature: feature)

    @torch.no_grad()
    def edit(self, x: Tensor, features: list[Tensor], w_plus: Tensor) -> Painted:
        """A whole pass but for the encoder: x is the photograph, `features` what the encoder saw in it."""
        found: dict[int, Tensor] = {}

        def aligned(size: int, feature: Tensor) -> Tensor:
            if size not in SCALES:
                return feature
            i = SCALES.index(size)
            seen = F.conv2d(
                features[i], self.state[f"feats_conv.{i}.weight"], self.state[f"feats_conv.{i}.bias"]
            )
            feature, found[size] = self._samm(f"modulation.{i}", seen, feature, found.get(size // 2))
            return feature

        generated = self._synthesis(w_plus, aligned)
        size = (self.resolution, self.resolution)
        mask: Tensor | None = None
        for alignment in found.values():
            one = F.interpolate(alignment[:, 2:], size=size, mode="bilinear", align_corners=False)
            mask = one if mask is None else merged(mask, one)
        assert mask is not None
        mask = mask.clamp(0, 1)
        x = F.interpolate(x, size=size, mode="bilinear", align_corners=False)
        return Painted(generated, mask * x + (1 - mask) * generated, mask, found)

    # --- generator ----------------------------------------------------------------------------------------

    def _synthesis(self, w_plus: Tensor, hook: Callable[[int, Tensor], Tensor]) -> Tensor:
        x = self.state["generator.input.input"].repeat(len(w_plus), 1, 1, 1)
        x = self._styled(x, w_plus[:, 0], "generator.conv1", 0, hook)
        skip = self._to_rgb(x, w_plus[:, 1], "generator.to_rgb1")
        for i in range(self.blocks):
            x = self._styled(x, w_plus[:, 2 * i + 1], f"generator.convs.{2 * i}", 2 * i + 1, hook)
            x = self._styled(x, w_plus[:, 2 * i + 2], f"generator.convs.{2 * i + 1}", 2 * i + 2, hook)
            skip = zero_inserted(skip, 2, (2, 1), 4.0)
            skip = skip + self._to_rgb(x, w_plus[:, 2 * i + 3], f"generator.to_rgbs.{i}")
        return skip

    def _styled(
        self, x: Tensor, w: Tensor, name: str, layer: int, hook: Callable[[int, Tensor], Tensor]
    ) -> Tensor:
        is_up = layer % 2 == 1
        x = self._modulated(x, w, f"{name}.conv", True, is_up)
        if is_up:
            x = hook(x.shape[-1], x)
        x = x + self.state[f"{name}.noise.weight"] * self.state[f"generator.noises.noise_{layer}"]
        x = x + self.state[f"{name}.activate.bias"][:, None, None]
        return F.leaky_relu(x, 0.2) * math.sqrt(2)

    def _to_rgb(self, x: Tensor, w: Tensor, name: str) -> Tensor:
        return self._modulated(x, w, f"{name}.conv", False, False) + self.state[f"{name}.bias"]

    def _modulated(self, x: Tensor, w: Tensor, name: str, demodulate: bool, up: bool) -> Tensor:
        """One weight for each image of the batch, all in one grouped convolution."""
        count, inputs, height, width = x.shape
        weight = self.state[f"{name}.weight"]  # [1,Co,Ci,k,k]
        outputs, kernel = weight.shape[1], weight.shape[-1]
        style = self._linear(w, f"{name}.modulation")
        weight = weight / math.sqrt(inputs * kernel**2) * style[:, None, :, None, None]
        if demodulate:
            weight = weight * torch.rsqrt(weight.square().sum((2, 3, 4), keepdim=True) + 1e-8)
        x = x.reshape(1, count * inputs, height, width)
        if up:
            weight = weight.transpose(1, 2).reshape(count * inputs, outputs, kernel, kernel)
            x = F.conv_transpose2d(x, weight, stride=2, groups=count)
            return zero_inserted(x.reshape(count, outputs, *x.shape[-2:]), 1, (1, 1), 4.0)
        weight = weight.reshape(count * outputs, inputs, kernel, kernel)
        return F.conv2d(x, weight, padding=kernel // 2, groups=count).reshape(count, outputs, height, width)

    def _linear(self, x: Tensor, name: str) -> Tensor:
        weight = self.state[f"{name}.weight"]
        return F.linear(x, weight / math.sqrt(weight.shape[1]), self.state[f"{name}.bias"])

    # --- SAMM ---------------------------------------------------------------------------------------------

    def _samm(self, name: str, e: Tensor, g: Tensor, coarser: Tensor | None) -> tuple[Tensor, Tensor]:
        """Encoder's and generator's feature [N,C,r,r] → the aligned one, and dx, dy, mask [N,3,r,r]."""
        total: Tensor | None = None
        aligned = g
        for cycle in range(self.cycles):
            now = self._align(name, F.instance_norm(aligned), F.instance_norm(e))
            if total is not None:
                flow = (total[:, :2] + now[:, :2]).clamp(-self.max_flow, self.max_flow)
                now = torch.cat([flow, merged(total[:, 2:], now[:, 2:]).clamp(0, 1)], 1)
            if coarser is not None and cycle == self.cycles - 1:
                size = (g.shape[-2], g.shape[-1])
                above = F.interpolate(coarser[:, 2:], size=size, mode="bicubic", align_corners=True)
                now = torch.cat([now[:, :2], merged(above, now[:, 2:]).clamp(0, 1)], 1)
            total, mask = now, now[:, 2:]
            aligned = mask * warped(g, now[:, :2]) + (1 - mask) * g
        assert total is not None
        return aligned, total

    def _align(self, name: str, g: Tensor, e: Tensor) -> Tensor:
        x = torch.cat([g - e, e], 1)
        for unit in (0, 1):
            x = self._unit(x, f"{name}.alignment.body.body.{unit}", 1, self._instance_norm)
        x = torch.cat([self.max_flow * torch.tanh(x[:, :2]), torch.sigmoid(x[:, 2:])], 1)
        return zero_inserted(x, 1, (2, 1), 1.0)

    # --- residual networks --------------------------------------------------------------------------------

    def _unit(self, x: Tensor, name: str, stride: int, norm: Norm) -> Tensor:
        state = self.state
        if f"{name}.shortcut_layer.0.weight" in state:
            shortcut = F.conv2d(x, state[f"{name}.shortcut_layer.0.weight"], stride=stride)
            shortcut = norm(shortcut, f"{name}.shortcut_layer.1")
        else:
            shortcut = x[:, :, ::stride, ::stride]
        x = F.conv2d(norm(x, f"{name}.res_layer.0"), state[f"{name}.res_layer.1.weight"], padding=1)
        x = F.prelu(x, state[f"{name}.res_layer.2.weight"])
        x = F.conv2d(x, state[f"{name}.res_layer.3.weight"], stride=stride, padding=1)
        x = norm(x, f"{name}.res_layer.4")
        if f"{name}.res_layer.5.fc1.weight" in state:
            gate = F.conv2d(x.mean((2, 3), keepdim=True), state[f"{name}.res_layer.5.fc1.weight"]).relu()
            x = x * torch.sigmoid(F.conv2d(gate, state[f"{name}.res_layer.5.fc2.weight"]))
        return x + shortcut

    def _batch_norm(self, x: Tensor, name: str) -> Tensor:
        mean, var, weight, bias = (
            self.state[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")
        )
        return F.batch_norm(x, mean, var, weight, bias)

    def _instance_norm(self, x: Tensor, name: str) -> Tensor:
        return F.instance_norm(x, weight=self.state[f"{name}.weight"], bias=self.state[f"{name}.bias"])

    def _pyramid(self, coarse: Tensor, feature: Tensor, name: str) -> Tensor:
        feature = F.conv2d(feature, self.state[f"{name}.weight"], self.state[f"{name}.bias"])
        size = (feature.shape[-2], feature.shape[-1])
        return F.interpolate(coarse, size=size, mode="bicubic", align_corners=True) + feature

    def _head(self, x: Tensor, row: int) -> Tensor:
        for i in range(4 if row < 3 else 5 if row < 7 else 6):
            name = f"encoder.styles.{row}.convs.{2 * i}"
            x = F.leaky_relu(F.conv2d(x, self.state[f"{name}.weight"], self.state[f"{name}.bias"], 2, 1), 0.01)
        return self._linear(x.flatten(1), f"encoder.styles.{row}.linear")


def zero_inserted(x: Tensor, up: int, padding: tuple[int, int], gain: float) -> Tensor:
    """[N,C,H,W]: `up − 1` zeros after every pixel, zeros at the border (before, after), the [1,3,3,1] filter."""
    count, channels, height, width = x.shape
    x = x.reshape(count * channels, 1, height, 1, width, 1)
    x = F.pad(x, (0, up - 1, 0, 0, 0, up - 1)).reshape(count * channels, 1, height * up, width * up)
    x = F.pad(x, (*padding, *padding))
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0], dtype=x.dtype)
    kernel = torch.outer(taps, taps)
    x = F.conv2d(x, (kernel * gain / kernel.sum())[None, None])
    return x.reshape(count, channels, *x.shape[-2:])


def merged(earlier: Tensor, later: Tensor) -> Tensor:
    """R(p, q) = p·q + p·(1 − p)."""
    return earlier * later + earlier * (1 - earlier)


def warped(feature: Tensor, flow: Tensor) -> Tensor:
    """Read at p + flow on a grid with aligned corners, sampled as if they were not: published so."""
    y, x = (torch.linspace(-1, 1, size) for size in feature.shape[-2:])
    grid = torch.stack(torch.meshgrid(x, y, indexing="xy"), -1) + flow.permute(0, 2, 3, 1)
    return F.grid_sample(feature, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
