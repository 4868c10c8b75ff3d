"""The published out-of-domain inverter (arXiv 2212.09262), and models of our own format.

Its checkpoints (BasicSR's `save_network`): `{"params", "params_ema": state dict}` with `generator.*`, `encoder.*`,
`feats_conv.*`, `modulation.*`, `avg_latent`, `delta_latent`; the last is an edit that somebody made, no weight.
"""

from __future__ import annotations

from engine.errors import FileUnsupported, TensorUnfit
from engine.weights.importers.files import Content
from engine.weights.importers.parts import Part, arrays_of, below, group_of, under

_TOPS = ("generator", "encoder", "feats_conv", "modulation", "avg_latent", "delta_latent")
OUR_FORMAT, OUR_VERSION = "likeness-model", "1"


def from_out_of_domain(content: Content) -> Part:
    state = arrays_of(content.value["params_ema"], content.name, "params_ema")
    for key in state:
        if key.partition(".")[0] not in _TOPS:
            raise TensorUnfit(
                f"{content.name}: {key} has no place in the published method.", "Give another file."
            )
    if "avg_latent" not in state:
        raise TensorUnfit(f"{content.name}: avg_latent is missing.", "Give another file.")
    samm = {key: array for key, array in state.items() if key.startswith(("feats_conv.", "modulation."))}
    arrays = {
        **under("generator", below("generator.", state)),
        **under("encoder", below("encoder.", state)),
        **under("samm", samm),
        "latent_avg": state["avg_latent"],
        "encoder_avg": state["avg_latent"],
    }
    settings = {"encoder": "e4e", "pyramid": "bicubic", "samm_cycles": "2", "samm_max_flow": "0.08"}
    main = frozenset({"encoder", "encoder_avg", "samm"})
    layout = "SAMM in its published layout, with encoder and StyleGAN2 generator"
    return Part(content.name, layout, arrays, main, settings)


def from_ours(content: Content) -> Part:
    """A `model.safetensors` of ours, the embedded kind or an imported one."""
    if content.metadata.get("version") != OUR_VERSION:
        raise FileUnsupported(
            f"{content.name}: It is a model of another version of Likeness.",
            "Update Likeness, or import again.",
        )
    arrays = arrays_of(content.value, content.name, "the model")
    settings = {
        key: value for key, value in content.metadata.items() if key not in ("format", "version", "sources")
    }
    table = settings.pop("table", "")  # of an exported one
    groups = frozenset(group_of(key) for key in arrays)
    return Part(content.name, "model of Likeness's own format", arrays, groups, settings, table=table)
