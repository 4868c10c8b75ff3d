"""Every public layout: a file of random weights is imported, and computes what the original state dict computes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from engine.errors import BadRequest, FileUnsupported, ModelNotUsable, TensorUnfit
from engine.networks.encoder import E4eEncoder
from engine.networks.out_of_domain import PublishedOutOfDomainInverter
from engine.networks.published_encoders import encode
from engine.networks.stylegan2 import Generator, GeneratorConfig
from engine.paths import EMBEDDED_MODELS, Home
from engine.weights.imported import ImportedModel, load_imported
from engine.weights.importing import Imported, import_model
from engine.weights.installed import installed_models
from engine.weights.store import load_model
from tests.networks import vectors
from tests.weights import layouts

CPU = torch.device("cpu")
AVERAGE = torch.linspace(-1, 1, layouts.W_DIM)
REFERENCE = Path(__file__).parent / "reference"


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.no_grad():
        yield
    torch.set_num_threads(before)


@cache
def latents(num_ws: int = layouts.CONFIG.num_ws, w_dim: int = layouts.W_DIM) -> torch.Tensor:
    return torch.randn(2, num_ws, w_dim, generator=torch.Generator().manual_seed(9))


def painted(state: layouts.State, w_plus: torch.Tensor) -> torch.Tensor:
    generator = Generator(GeneratorConfig.from_state_dict(state))
    generator.load_state_dict(state)
    return generator.freeze().synthesis(w_plus)


def bring(home: Home, *files: Path) -> tuple[Imported, ImportedModel]:
    made = import_model(files, "mine", home)
    return made, load_imported(made.folder / "model.safetensors", "mine", CPU)


@pytest.mark.parametrize("form", ["zip", "older", "bare", "half"])
def test_rosinality(home: Home, tmp_path: Path, form: str) -> None:
    state = layouts.generator_state()
    if form == "half":
        state = {key: value.half() for key, value in state.items()}
    path = tmp_path / "generator.pt"
    whole = state if form == "bare" else layouts.rosinality(state, AVERAGE)
    torch.save(whole, path, _use_new_zipfile_serialization=form != "older")
    made, model = bring(home, path)
    expected = painted({key: value.float() for key, value in state.items()}, latents())
    assert torch.equal(model.generator.synthesis(latents()), expected)
    assert (made.facts.resolution, made.facts.widths, made.facts.mapping_layers) == (32, (16, 16, 12, 8), 2)
    if form == "bare":
        assert "4096 samples" in made.facts.latent_average
        assert model.latent_avg.shape == (layouts.W_DIM,)
    else:
        assert torch.equal(model.latent_avg, AVERAGE)


@pytest.mark.parametrize("protocol", [3, 4])
def test_nvidia(home: Home, tmp_path: Path, protocol: int) -> None:
    state = layouts.generator_state()
    path, canary = tmp_path / "network-snapshot.pkl", tmp_path / "canary"
    source = layouts.SOURCE_OF_NVIDIA.replace("CANARY", str(canary))
    named = {**layouts.nvidia_names(state), "mapping.w_avg": AVERAGE}
    layouts.write_nvidia(path, named, None, source, protocol)
    made, model = bring(home, path)
    assert torch.equal(model.generator.synthesis(latents()), painted(state, latents()))
    assert torch.equal(model.latent_avg, AVERAGE)
    assert made.facts.conv_clamp is None
    assert not canary.exists()


def test_nvidia_against_its_own_answers(home: Home, tmp_path: Path) -> None:
    """conv_clamp 1 is reached nearly everywhere in this one."""
    state = load_file(REFERENCE / "b_nv_generator_clamp1.safetensors")
    layouts.write_nvidia(tmp_path / "clamped.pkl", state, 1)
    made, model = bring(home, tmp_path / "clamped.pkl")
    assert made.facts.conv_clamp == 1
    with np.load(REFERENCE / "b_nv_generator_clamp1_io.npz") as file:
        arrays = {key: torch.from_numpy(file[key]) for key in file.files}
    ws = model.generator.broadcast(
        model.generator.truncate(model.generator.mapping(arrays["z"]), model.latent_avg, 0.7)
    )
    vectors.assert_close("ws", ws, arrays["ws_psi07"], 1e-5)
    images = model.generator.synthesis(arrays["ws_psi07"])
    vectors.assert_close("images", images, arrays["image_psi07_const"], 5e-5)
    unlimited = Generator(model.generator.config)
    unlimited.load_state_dict(model.generator.state_dict())
    assert (unlimited.freeze().synthesis(arrays["ws_psi07"]) - images).abs().max() > 0.1


@pytest.mark.parametrize(
    ("encoder_type", "kind"),
    [
        ("Encoder4Editing", "e4e"),
        ("GradualStyleEncoder", "psp"),
        ("BackboneEncoder", "restyle-psp"),
        ("ProgressiveBackboneEncoder", "restyle-e4e"),
    ],
)
def test_encoders(home: Home, tmp_path: Path, encoder_type: str, kind: str) -> None:
    encoder, decoder = layouts.encoder_state(kind), layouts.generator_state()
    average = AVERAGE.repeat(layouts.CONFIG.num_ws, 1)
    path = tmp_path / f"{kind}.pt"
    torch.save(layouts.inversion(encoder, decoder, average, encoder_type, kind == "psp"), path)
    made, model = bring(home, path)
    assert made.facts.encoder == kind
    assert model.encoder
    assert torch.equal(model.generator.synthesis(latents()), painted(decoder, latents()))
    x = torch.rand(1, 3, 256, 256, generator=torch.Generator().manual_seed(4)) * 2 - 1
    w_plus = encode(model.encoder, model.generator, x, model.encoder_avg)
    assert w_plus.shape == (1, layouts.CONFIG.num_ws, layouts.W_DIM)
    if kind in ("e4e", "psp"):
        original = E4eEncoder(layouts.ENCODER)
        original.load_state_dict(encoder)
        expected = original.eval()(x).w_plus
        if kind == "psp":  # the rows themselves instead of offsets to the first one
            expected[:, 1:] -= expected[:, :1].clone()
        torch.testing.assert_close(w_plus, expected + average, atol=1e-5, rtol=1e-4)
    else:
        first = torch.nn.functional.adaptive_avg_pool2d(painted(decoder, average[None]), 256)
        answer = model.encoder(torch.cat([x, first], 1)).w_plus
        torch.testing.assert_close(w_plus, average + answer, atol=1e-5, rtol=1e-4)


def test_the_published_out_of_domain_inverter(home: Home, tmp_path: Path) -> None:
    state = vectors.load("d_ood_512").weights
    torch.save({"params": state, "params_ema": state}, tmp_path / "net_g_latest.pth")
    made, model = bring(home, tmp_path / "net_g_latest.pth")
    assert made.facts.has_samm
    assert model.inverter
    x = torch.rand(1, 3, 512, 512, generator=torch.Generator().manual_seed(4)) * 2 - 1
    actual, expected = model.inverter(x), PublishedOutOfDomainInverter.from_state_dict(state)(x)
    vectors.assert_close("mask", actual.invertibility_mask, expected.invertibility_mask, 1e-5)
    vectors.assert_close("blended", actual.blended, expected.blended, 5e-5)


def test_several_files_make_one_model(home: Home, tmp_path: Path) -> None:
    state, average = layouts.generator_state(), AVERAGE.repeat(layouts.CONFIG.num_ws, 1)
    rows = torch.randn(layouts.CONFIG.num_ws, layouts.W_DIM)
    torch.save(layouts.rosinality(state, AVERAGE), tmp_path / "generator.pt")
    torch.save(
        layouts.inversion(layouts.encoder_state("e4e"), layouts.generator_state(7), average, "Encoder4Editing"),
        tmp_path / "e4e.pt",
    )
    torch.save(layouts.identity_state(), tmp_path / "model_ir_se50.pth")
    torch.save(rows[None], tmp_path / "pose.pt")
    torch.save(rows[:1], tmp_path / "smile.pt")
    np.save(tmp_path / "Big Nose.npy", rows.double().numpy())
    np.save(tmp_path / "age.npy", np.asfortranarray(rows.numpy()))
    np.save(tmp_path / "flat.npy", rows.reshape(1, -1).numpy())
    comp = torch.randn(5, 1, layouts.W_DIM)
    torch.save(
        {"mean": torch.zeros(1, layouts.W_DIM), "comp": comp, "std": torch.ones(5)}, tmp_path / "ffhq_pca.pt"
    )
    made, model = bring(home, *sorted(tmp_path.iterdir()))
    assert torch.equal(model.generator.synthesis(latents()), painted(state, latents()))
    assert torch.equal(model.latent_avg, AVERAGE)
    assert torch.equal(model.encoder_avg, average)
    assert made.facts.directions == ("age", "big-nose", "flat", "pose", "smile")
    for name in ("age", "big-nose", "flat", "pose"):
        assert torch.equal(model.step(name), rows), name
    assert torch.equal(model.step("smile"), rows[:1].expand_as(rows))
    assert model.vectors["ganspace-2"].equal(comp[1])
    assert made.facts.components == 5
    assert made.facts.has_identity
    assert not any("directions" in one for one in made.facts.missing)
    assert len(made.notes) == 2
    assert "differs" in made.notes[0]
    assert "20 directions were discovered" in made.notes[1]
    assert {source["name"] for source in made.facts.sources} == {path.name for path in tmp_path.iterdir()}

    # An imported model is a file of our own format: it can be imported again, and is the same.
    again = import_model([made.folder / "model.safetensors"], "again", home)
    other = load_imported(again.folder / "model.safetensors", "again", CPU)
    assert torch.equal(other.generator.synthesis(latents()), painted(state, latents()))
    assert replace(again.facts, sources=(), licence="") == replace(made.facts, sources=(), licence="")

    # What needs known parameters says so.
    with pytest.raises(ModelNotUsable, match="no known parameters"):
        load_model("mine", home, CPU)
    assert [model.name for model in installed_models(home)] == ["default", "again", "mine"]


def test_our_own_conditional_model(home: Home) -> None:
    """The embedded default's files, brought under another name, edit as it does."""
    default = EMBEDDED_MODELS / "default"
    made = import_model([default / "model.safetensors", default / "directions.toml"], "mine", home)
    assert made.facts.is_conditional
    ours, theirs = load_model("mine", home, CPU), load_model("default", home, CPU)
    c = torch.zeros(1, len(ours.parameters.names))
    assert torch.equal(ours.generate(c), theirs.generate(c))
    assert ours.directions.keys() == theirs.directions.keys()


def test_what_does_not_fit_is_named(home: Home, tmp_path: Path) -> None:
    state = layouts.generator_state()
    good = tmp_path / "good.pt"
    torch.save(layouts.rosinality(state, AVERAGE), good)

    def refused(message: str, error: type[Exception], *files: Path) -> None:
        with pytest.raises(error, match=message):
            import_model(files, "mine", home)
        assert not [path for path in home.models.iterdir() if path.name.startswith((".", "mine"))]

    def saved(name: str, value: object) -> Path:
        torch.save(value, tmp_path / name)
        return tmp_path / name

    missing = {key: value for key, value in state.items() if key != "convs.3.activate.bias"}
    refused("generator.convs.3.activate.bias is missing", TensorUnfit, saved("a.pt", {"g_ema": missing}))
    other = {**state, "to_rgb1.bias": torch.zeros(1, 4, 1, 1)}
    refused(
        r"generator.to_rgb1.bias has the shape \[1, 4, 1, 1\]", TensorUnfit, saved("b.pt", {"g_ema": other})
    )
    more = {**state, "convs.9.extra": torch.zeros(1)}
    refused("generator.convs.9.extra has no place", TensorUnfit, saved("c.pt", {"g_ema": more}))
    nan = {**state, "conv1.conv.weight": state["conv1.conv.weight"] * float("nan")}
    refused("generator.conv1.conv.weight holds values that are not finite", TensorUnfit, saved("d.pt", nan))
    refused(
        "latent_avg has the shape", TensorUnfit, saved("e.pt", {"g_ema": state, "latent_avg": torch.zeros(5)})
    )
    refused("directions.wide", TensorUnfit, good, saved("wide.pt", torch.zeros(1, 512)))
    refused("both have the generator", FileUnsupported, good, saved("f.pt", {"g_ema": state}))
    refused("no generator", FileUnsupported, saved("smile.pt", torch.zeros(1, layouts.W_DIM)))
    small = {**layouts.encoder_state("e4e")}
    small = {key: value for key, value in small.items() if not key.startswith("styles.7.")}
    e4e = layouts.inversion(small, {}, AVERAGE, "Encoder4Editing")
    refused(r"encoder.styles.\d.linear.weight: the encoder makes 7 rows", TensorUnfit, good, saved("g.pt", e4e))
    del e4e["opts"]["encoder_type"]
    refused("do not say encoder_type", FileUnsupported, good, saved("h.pt", e4e))
    named = {**layouts.nvidia_names(state), "mapping.embed.weight": torch.zeros(2, 2)}
    layouts.write_nvidia(tmp_path / "conditional.pkl", named, None)
    refused("mapping.embed.weight has no place", TensorUnfit, tmp_path / "conditional.pkl")
    np.save(tmp_path / "stylegan_ffhq_age_w_boundary.npy", np.zeros((1, layouts.W_DIM), "f4"))
    refused("PGGAN and StyleGAN", FileUnsupported, good, tmp_path / "stylegan_ffhq_age_w_boundary.npy")
    with pytest.raises(BadRequest, match="comes with Likeness"):
        import_model([good], "default", home)


def test_the_header_says_where_it_came_from(home: Home, tmp_path: Path) -> None:
    torch.save(layouts.rosinality(layouts.generator_state(), AVERAGE), tmp_path / "generator.pt")
    made, model = bring(home, tmp_path / "generator.pt")
    (source,) = json.loads(model.metadata["sources"])
    assert source["name"] == "generator.pt"
    assert len(source["sha256"]) == 64
    assert source["licence"] == "not known; see where you got it"
    assert made.facts.licence == "not known; see where you got it"


def test_bfloat16_and_safetensors_of_others(home: Home, tmp_path: Path) -> None:
    state = {key: value.bfloat16() for key, value in layouts.generator_state().items()}
    save_file(state, tmp_path / "generator.safetensors")
    _, model = bring(home, tmp_path / "generator.safetensors")
    expected = painted({key: value.float() for key, value in state.items()}, latents())
    assert torch.equal(model.generator.synthesis(latents()), expected)
