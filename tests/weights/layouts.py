"""Files in the public checkpoints' layouts, made of random weights at small sizes."""

from __future__ import annotations

import argparse
import pickle
import sys
import types
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from engine.networks import irse
from engine.networks.encoder import EncoderConfig
from engine.networks.published_encoders import ImportedEncoder
from engine.networks.stylegan2 import Generator, GeneratorConfig

State = dict[str, torch.Tensor]
W_DIM = 12
CONFIG = GeneratorConfig(32, (16, 16, 12, 8), W_DIM, n_mlp=2)
ENCODER = EncoderConfig((16, 16, 16, 16, 18), CONFIG.num_ws, W_DIM)
SOURCE_OF_NVIDIA = "import os; os.system('touch CANARY')  # the module's source, which must never run"


def generator_state(seed: int = 1, config: GeneratorConfig = CONFIG) -> State:
    """Noise weights and biases are not zero, so that every tensor counts."""
    return _randomised(Generator(config), seed)


def encoder_state(kind: str, seed: int = 2) -> State:
    return _randomised(ImportedEncoder(ENCODER, kind), seed)


def identity_state(seed: int = 3) -> State:
    network = nn.Module()
    network.input_layer = irse.input_layer(16)
    network.body = irse.body((16, 16, 16, 16, 16))
    network.output_layer = nn.Sequential(
        nn.BatchNorm2d(16), nn.Dropout(), nn.Flatten(), nn.Linear(16 * 49, 8), nn.BatchNorm1d(8)
    )
    return _randomised(network, seed)


def rosinality(state: State, latent_avg: torch.Tensor) -> dict[str, Any]:
    """As training writes it: three state dicts, optimisers, and a Namespace."""
    small = OrderedDict(weight=torch.zeros(2))
    return {
        "g": OrderedDict(state),
        "d": small,
        "g_ema": OrderedDict(state),
        "g_optim": {
            "state": {0: {"step": 3, "exp_avg": torch.zeros(2)}},
            "param_groups": [{"betas": (0.0, 0.99)}],
        },
        "args": argparse.Namespace(path="faces", size=32, lr=0.002),
        "ada_aug_p": torch.tensor(0.1),
        "latent_avg": latent_avg,
    }


def inversion(
    encoder: State, decoder: State, latent_avg: torch.Tensor, encoder_type: str, as_namespace: bool = False
):
    """As e4e, pSp and ReStyle publish it."""
    options = {
        "encoder_type": encoder_type,
        "output_size": 32,
        "start_from_latent_avg": True,
        "device": "cuda:0",
    }
    state = OrderedDict({f"encoder.{key}": value for key, value in encoder.items()})
    state |= {f"decoder.{key}": value for key, value in decoder.items()}
    return {
        "state_dict": state,
        "latent_avg": latent_avg,
        "opts": argparse.Namespace(**options) if as_namespace else options,
    }


def nvidia_names(state: State) -> State:
    """rosinality's names → NVIDIA's."""
    blocks = sum(key.endswith("upsample.kernel") for key in state)
    names: State = {"synthesis.b4.const": state["input.input"][0]}
    layers = {"conv1": ("synthesis.b4.conv1", 0)}
    rgbs = {"to_rgb1": "synthesis.b4.torgb"}
    for i in range(blocks):
        layers[f"convs.{2 * i}"] = (f"synthesis.b{8 << i}.conv0", 2 * i + 1)
        layers[f"convs.{2 * i + 1}"] = (f"synthesis.b{8 << i}.conv1", 2 * i + 2)
        rgbs[f"to_rgbs.{i}"] = f"synthesis.b{8 << i}.torgb"
        names[f"synthesis.b{8 << i}.resample_filter"] = state[f"to_rgbs.{i}.upsample.kernel"] / 4
    for ours, (theirs, noise) in layers.items():
        names[f"{theirs}.weight"] = state[f"{ours}.conv.weight"][0]
        names[f"{theirs}.bias"] = state[f"{ours}.activate.bias"]
        names[f"{theirs}.noise_strength"] = state[f"{ours}.noise.weight"][0]
        names[f"{theirs}.noise_const"] = state[f"noises.noise_{noise}"][0, 0]
    for ours, theirs in rgbs.items():
        names[f"{theirs}.weight"] = state[f"{ours}.conv.weight"][0]
        names[f"{theirs}.bias"] = state[f"{ours}.bias"].flatten()
    for ours, theirs in {**{k: v[0] for k, v in layers.items()}, **rgbs}.items():
        for kind in ("weight", "bias"):
            names[f"{theirs}.affine.{kind}"] = state[f"{ours}.conv.modulation.{kind}"]
    for key, value in state.items():
        if key.startswith("style."):
            _, index, kind = key.split(".")
            names[f"mapping.fc{int(index) - 1}.{kind}"] = value
    return names


def write_nvidia(
    path: Path, state: State, conv_clamp: float | None, source: str = SOURCE_OF_NVIDIA, protocol: int = 4
) -> None:
    """A pickle as StyleGAN2-ADA and StyleGAN3 write it, of a state dict with NVIDIA's names."""
    with _modules() as (persistence, easy_dict):

        class Module:
            """Pickles as an object of a class decorated with `persistent_class`."""

            def __init__(self, name: str) -> None:
                self.name, self.parameters, self.buffers, self.children = name, {}, {}, {}

            def __reduce__(self):
                attributes = {
                    "training": False,
                    "_parameters": OrderedDict(self.parameters),
                    "_buffers": OrderedDict(self.buffers),
                    "_non_persistent_buffers_set": set(),
                    "_backward_hooks": OrderedDict(),
                    "_modules": OrderedDict(self.children),
                    "_init_args": (),
                    "_init_kwargs": easy_dict(channel_base=1024, synthesis_kwargs=easy_dict(num_fp16_res=4)),
                }
                if "weight" in self.parameters and self.name != "affine" and not self.name.startswith("fc"):
                    attributes |= {"conv_clamp": conv_clamp, "activation": "lrelu"}
                meta = {
                    "type": "class",
                    "version": 6,
                    "module_src": source,
                    "class_name": "Generator" if not self.name else "Layer",
                    "state": attributes,
                }
                return persistence._reconstruct_persistent_obj, (meta,), None

        root = Module("")
        for key, value in state.items():
            *way, name = key.split(".")
            at = root
            for part in way:
                at = at.children.setdefault(part, Module(part))
            if name in ("resample_filter", "noise_const", "w_avg"):
                at.buffers[name] = value.clone()
            else:
                at.parameters[name] = nn.Parameter(value.clone())
        whole = {
            "G": None,
            "D": None,
            "G_ema": root,
            "training_set_kwargs": easy_dict(path="faces", max_size=None),
        }
        path.write_bytes(pickle.dumps(whole, protocol))


@contextmanager
def _modules() -> Iterator[tuple[Any, Any]]:
    """NVIDIA's two modules, for the time of pickling, with nothing in them but names."""
    persistence = types.ModuleType("torch_utils.persistence")
    exec("def _reconstruct_persistent_obj(meta): raise AssertionError", persistence.__dict__)
    persistence.__dict__["_reconstruct_persistent_obj"].__module__ = "torch_utils.persistence"
    util = types.ModuleType("dnnlib.util")
    easy_dict = type("EasyDict", (dict,), {"__module__": "dnnlib.util"})
    util.__dict__["EasyDict"] = easy_dict
    made = {
        "torch_utils": types.ModuleType("torch_utils"),
        "torch_utils.persistence": persistence,
        "dnnlib": types.ModuleType("dnnlib"),
        "dnnlib.util": util,
    }
    sys.modules.update(made)
    try:
        yield persistence, easy_dict
    finally:
        for name in made:
            del sys.modules[name]


def _randomised(network: nn.Module, seed: int) -> State:
    random = torch.Generator().manual_seed(seed)
    state = {}
    for key, tensor in network.state_dict().items():
        if not tensor.is_floating_point() or key.endswith("kernel"):
            state[key] = tensor
        elif key.endswith("running_var"):
            state[key] = torch.rand(tensor.shape, generator=random) + 0.5
        elif key.endswith("noise.weight"):
            state[key] = torch.rand(tensor.shape, generator=random) * 0.2
        else:
            spread = tensor.std().item() if tensor.numel() > 1 else 0.0
            state[key] = tensor + (0.0 if spread else 0.1) * torch.randn(tensor.shape, generator=random)
    return state
