"""What a file is, told by what lies in it."""

from __future__ import annotations

from engine.errors import FileUnsupported
from engine.weights.importers import direction_files, encoders, generators, inverters
from engine.weights.importers.files import Content
from engine.weights.importers.inert import Holder, NumpyArray, StoredTensor
from engine.weights.importers.parts import Part

_KNOWN = (
    "Known are: StyleGAN2 generators (rosinality, NVIDIA), e4e, pSp and ReStyle encoders, IR-SE50, the published "
    "SAMM, directions (.pt, .npy, GANSpace), and our own models."
)


def recognise(content: Content) -> Part:
    """Raises `FileUnsupported` where nothing is known that looks like this, and what the layouts' readers raise."""
    value = content.value
    if content.form == "toml":
        return direction_files.from_table(content)
    if isinstance(value, StoredTensor | NumpyArray):
        return direction_files.from_tensor(content)
    if isinstance(value, Holder):
        return generators.from_nvidia(content)
    if type(value) is not dict or not value:
        raise FileUnsupported(f"{content.name}: It holds nothing that is known here.", _KNOWN)
    keys = value.keys()
    if content.metadata.get("format") == inverters.OUR_FORMAT:
        return inverters.from_ours(content)
    if "params_ema" in keys:
        return inverters.from_out_of_domain(content)
    if "g_ema" in keys or {"input.input", "conv1.conv.weight"} <= keys:
        return generators.from_rosinality(content)
    if "G_ema" in keys:
        return generators.from_nvidia(content)
    if "state_dict" in keys:
        return encoders.from_inversion(content)
    if {"input_layer.0.weight", "output_layer.3.weight"} <= keys:
        return encoders.from_irse50(content)
    if {"mean", "comp", "std"} <= keys or "lat_comp" in keys:
        return direction_files.from_ganspace(content)
    some = ", ".join(ascii(key)[1:-1][:40] for key in list(keys)[:4])
    raise FileUnsupported(f"{content.name}: It holds nothing that is known here ({some}, …).", _KNOWN)
