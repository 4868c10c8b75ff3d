"""Encoders and IR-SE50.

e4e, pSp, ReStyle (omertov/encoder4editing, eladrich/pixel2style2pixel, yuval-alaluf/restyle-encoder):
`{"state_dict": {"encoder.*", "decoder.*"}, "latent_avg": [512] or [18,512], "opts": dict or Namespace}`; `decoder` is a
generator in the rosinality layout. e4e and pSp share names and shapes but not the forward: `opts.encoder_type` tells.

| encoder_type | ours | what its heads answer |
|---|---|---|
| Encoder4Editing | e4e | row 0, and the other rows' offsets to it |
| GradualStyleEncoder | psp | the rows |
| BackboneEncoder | restyle-psp | the rows' offsets to the last answer; input is photograph and last image, 6 channels |
| ProgressiveBackboneEncoder | restyle-e4e | the same, as row 0 and offsets to it |

IR-SE50 (`model_ir_se50.pth`): the bare state dict `input_layer`, `body`, `output_layer.{0,3,4}`.
"""

from __future__ import annotations

from typing import Any

from engine.errors import FileUnsupported
from engine.weights.importers.files import Content
from engine.weights.importers.inert import Holder
from engine.weights.importers.parts import Arrays, Part, arrays_of, below, latent_average, under

_KINDS = {
    "Encoder4Editing": "e4e",
    "GradualStyleEncoder": "psp",
    "BackboneEncoder": "restyle-psp",
    "ProgressiveBackboneEncoder": "restyle-e4e",
}
_NAMES = {"e4e": "e4e", "psp": "pSp", "restyle-psp": "ReStyle (pSp)", "restyle-e4e": "ReStyle (e4e)"}
_ANOTHER = "Give a checkpoint of e4e, pSp or ReStyle for faces, on IR-SE50."
RESTYLE_PASSES = 5


def from_inversion(content: Content) -> Part:
    """An encoder with the generator that it was trained for. Raises `FileUnsupported`, `TensorUnfit`."""
    state = arrays_of(content.value["state_dict"], content.name, "state_dict")
    encoder, decoder = below("encoder.", state), below("decoder.", state)
    kind = _kind(_options(content), encoder, content.name)
    average = latent_average(content.value.get("latent_avg"), content.name)
    arrays = {**under("encoder", encoder), **under("generator", decoder), **average}
    if average:
        arrays["encoder_avg"] = average["latent_avg"]
    settings = {"encoder": kind}
    if kind.startswith("restyle"):
        settings["encoder_passes"] = str(RESTYLE_PASSES)
    layout = f"{_NAMES[kind]} encoder" + (" with its StyleGAN2 generator" if decoder else "")
    notes = () if average else (f"{content.name} has no latent_avg: its answers are taken as they are.",)
    return Part(content.name, layout, arrays, frozenset({"encoder", "encoder_avg"}), settings, notes)


def _options(content: Content) -> dict[str, Any]:
    options = content.value.get("opts", {})
    if isinstance(options, Holder):
        options = options.state
    return options if type(options) is dict else {}


def _kind(options: dict[str, Any], encoder: Arrays, source: str) -> str:
    """Which forward belongs to these weights. Raises `FileUnsupported` where that cannot be known."""
    named = options.get("encoder_type")
    if named is None:
        raise FileUnsupported(
            f"{source}: Its opts do not say encoder_type; e4e and pSp have the same tensors and work differently.",
            "Give the file as it was published, with its opts.",
        )
    if named not in _KINDS:
        raise FileUnsupported(f"{source}: Its encoder_type is “{str(named)[:60]}”.", _ANOTHER)
    kind = _KINDS[named]
    if kind.startswith("restyle") == ("latlayer1.weight" in encoder):
        raise FileUnsupported(
            f"{source}: Its encoder_type is “{named}”, but encoder.latlayer1.weight says otherwise.", _ANOTHER
        )
    return kind


def from_irse50(content: Content) -> Part:
    arrays = arrays_of(content.value, content.name, "the state dict")
    return Part(
        content.name, "IR-SE50, a face recognition network", under("identity", arrays), frozenset({"identity"})
    )
