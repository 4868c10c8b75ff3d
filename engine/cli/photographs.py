"""Commands on a photograph: read it, have the engine work on it, put the layers over it, write the files."""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from engine import compose
from engine.cli.control import running_engine
from engine.cli.flow import check_flow_file, write_flow
from engine.cli.report import Outcome, Silence, reporter
from engine.errors import BadRequest, UnknownDirection
from engine.messages import BYTES_PER_PIXEL, DETECTED_BY, FaceResult, RestoreResult
from engine.photo import SUFFIXES, Photo, load_photo, save_photo
from engine.service.dialogs import of_the_desktop
from plugin.likeness.client import Client

Json = dict[str, Any]


def invert(options: argparse.Namespace) -> Outcome:
    """Write result.png, generated.png, invertibility_mask.png and the inversions into a folder; the flow where asked."""
    photo = load_photo(options.photo)
    folder: Path = options.output
    if options.flow:
        check_flow_file(options.flow)
    _make_folder(folder)
    run = _run(photo, {"kind": "invert"} | _choices(options), options)
    layers = [_Layers.fetch(run.client, face) for face in run.faces]
    generated, invertibility_mask = photo.pixels, compose.empty_mask(photo.pixels)
    for layer in layers:
        generated = compose.place(generated, layer.generated, layer.rect)
        invertibility_mask = compose.add_mask(
            invertibility_mask, layer.invertibility_mask, layer.generated, layer.rect
        )
    written = [folder / "result.png", folder / "generated.png", folder / "invertibility_mask.png"]
    save_photo(photo, _composed(photo.pixels, layers), written[0])
    save_photo(photo, generated, written[1])
    Image.fromarray(invertibility_mask).save(written[2])
    for number, face in enumerate(run.faces, start=1):
        inversion = run.client.inversion(face.inversion)
        written.append(_numbered(folder / "inversion.safetensors", number))
        written[-1].write_bytes(inversion)
        if options.flow:
            written.append(_numbered(options.flow, number))
            write_flow(inversion, written[-1])
    outcome = _outcome(run, written)
    found = f"Mask and flow were found {DETECTED_BY[run.faces[0].detector]}."
    return replace(outcome, text=f"{outcome.text}\n{found}")


def edit(options: argparse.Namespace) -> Outcome:
    """Write the edited photograph."""
    photo = load_photo(options.photo)
    _check_output(options.output, options.photo)
    edit = {"edits": dict(options.edits), "keep_identity": options.keep_identity, "blend": options.blend}
    run = _run(photo, {"kind": "edit"} | edit | _choices(options), options)
    return _write_edited(run, options.output)


def restore(options: argparse.Namespace) -> Outcome:
    """Write the photograph with a region of its faces filled."""
    photo = load_photo(options.photo)
    region = _region(load_photo(options.region), photo)
    _check_output(options.output, options.photo)
    began = time.monotonic()
    progress = reporter(options.json)
    try:
        client = running_engine(progress)
        height, width = region.shape
        request = {
            "kind": "restore",
            "picture": _send(client, photo),
            "region": client.send_picture(width, height, "Y u8", region.tobytes())["id"],
            "refine_steps": options.refine_steps,
            "model": options.model,
        }
        result = RestoreResult.model_validate(client.run(request, progress.event))
    finally:
        progress.close()
    layer, layer_mask = (_fetched(client, picture.id) for picture in (result.layer, result.layer_mask))
    save_photo(photo, compose.over(photo.pixels, layer, layer_mask, result.rect), options.output)
    seconds = time.monotonic() - began
    notes = [*photo.notes, *([result.warning] if result.warning else [])]
    data = result.model_dump(mode="json", include={"model", "rect", "faces"}) | {
        "written": [str(options.output.absolute())],
        "seconds": round(seconds, 3),
        "notes": notes,
    }
    return Outcome(data, "\n".join([f"Restored, {seconds:.1f} s. Written: {options.output}", *notes]))


def dialog(options: argparse.Namespace) -> Outcome:
    """Open the window on a photograph and write what the person accepts."""
    photo = load_photo(options.photo)
    output = options.output or _free_name(options.photo)
    _check_output(output, options.photo)
    request = {
        "kind": "dialog",
        "window": options.window,
        "title": options.photo.name.encode("utf-8", "replace").decode()[:300],
        "environment": of_the_desktop(os.environ),
        "results": [],
    }
    return _write_edited(_run(photo, request | _choices(options), options), output)


@dataclass(frozen=True)
class _Run:
    """A job that is done."""

    client: Client
    photo: Photo
    model: str
    faces: list[FaceResult]
    seconds: float
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Layers:
    """One face's pictures, as arrays over its rect."""

    rect: tuple[int, int, int, int]
    layer: np.ndarray
    layer_mask: np.ndarray
    generated: np.ndarray
    invertibility_mask: np.ndarray

    @classmethod
    def fetch(cls, client: Client, face: FaceResult) -> _Layers:
        names = ("layer", "layer_mask", "generated", "invertibility_mask")
        return cls(face.rect, *(_fetched(client, getattr(face, name).id) for name in names))


def _run(photo: Photo, request: Json, options: argparse.Namespace) -> _Run:
    began = time.monotonic()
    progress = reporter(options.json)
    try:
        client = running_engine(progress)
        if "edits" in request:
            _check_directions(client, request["edits"], options.model, progress)
        picture = _send(client, photo)
        result = client.run(request | {"picture": picture}, progress.event)
    finally:
        progress.close()
    faces = [FaceResult.model_validate(face) for face in result["faces"]]
    seconds = time.monotonic() - began
    return _Run(client, photo, result["model"], faces, seconds, tuple(result.get("notes", ())))


def _choices(options: argparse.Namespace) -> Json:
    return {"face": options.face, "refine_steps": options.refine_steps, "model": options.model}


def _check_directions(client: Client, edits: dict[str, float], model: str | None, progress: Silence) -> None:
    """Before anything long is done. Raises `UnknownDirection`."""
    progress.say("Looking at the model")
    known = client.directions(model)
    names = [direction["name"] for direction in known["directions"]]
    unknown = [name for name in edits if name not in names]
    if unknown:
        raise UnknownDirection(
            f"The model “{known['model']}” has no direction “{unknown[0]}”.", f"It has: {', '.join(names)}."
        )


def _send(client: Client, photo: Photo) -> str:
    height, width, _ = photo.pixels.shape
    alpha = np.full((height, width), 255, np.uint8) if photo.alpha is None else photo.alpha
    pixels = np.dstack([photo.pixels, alpha]).tobytes()
    return client.send_picture(width, height, "RGBA u8", pixels)["id"]


def _fetched(client: Client, identity: str) -> np.ndarray:
    """[h, w, 4] for RGBA u8, [h, w] for Y u8."""
    facts, data = client.fetch_picture(identity)
    channels = BYTES_PER_PIXEL[facts["format"]]
    shape = (facts["height"], facts["width"]) + ((channels,) if channels > 1 else ())
    return np.frombuffer(data, np.uint8).reshape(shape)


def _composed(pixels: np.ndarray, layers: list[_Layers]) -> np.ndarray:
    for layer in layers:
        pixels = compose.over(pixels, layer.layer, layer.layer_mask, layer.rect)
    return pixels


def _write_edited(run: _Run, output: Path) -> Outcome:
    layers = [_Layers.fetch(run.client, face) for face in run.faces]
    save_photo(run.photo, _composed(run.photo.pixels, layers), output)
    return _outcome(run, [output])


def _outcome(run: _Run, written: list[Path]) -> Outcome:
    pictures = {"layer", "layer_mask", "generated", "invertibility_mask"}
    said = [(face.number, text) for face in run.faces for text in (face.warning, _braked(face)) if text]
    several = len(run.faces) > 1
    notes = [*run.photo.notes, *run.notes, *(f"Face {n}: {text}" if several else text for n, text in said)]
    data = {
        "written": [str(path.absolute()) for path in written],
        "model": run.model,
        "faces": [face.model_dump(mode="json", exclude=pictures) for face in run.faces],
        "seconds": round(run.seconds, 3),
        "notes": notes,
    }
    faces = "1 face" if len(run.faces) == 1 else f"{len(run.faces)} faces"
    names = ", ".join(str(path) for path in written)
    done = f"{faces}, {run.seconds:.1f} s{_identity(run.faces)}. Written: {names}"
    return Outcome(data, "\n".join([done, *notes]))


def _identity(faces: list[FaceResult]) -> str:
    """How alike the edited faces are to those in the photograph."""
    figures = [f"{face.identity_similarity:.2f}" for face in faces if face.edits]
    return f", identity similarity {', '.join(figures)}" if figures else ""


def _braked(face: FaceResult) -> str:
    """What the brake did."""
    if face.strength_factor == 1:
        return ""
    return f"To keep the identity, all strengths were multiplied by {face.strength_factor:.2f}."


def _region(drawn: Photo, photo: Photo) -> np.ndarray:
    """[H,W] uint8 of a picture in grey. Raises `BadRequest` when it is not as large as the photograph."""
    if drawn.pixels.shape != photo.pixels.shape:
        (height, width, _), (rows, columns, _) = photo.pixels.shape, drawn.pixels.shape
        raise BadRequest(
            f"The region has {columns} × {rows} pixels, the photograph {width} × {height}.",
            "Draw it on a copy of the photograph: black, and white where it is damaged.",
        )
    return np.ascontiguousarray(drawn.pixels.max(-1))


def _numbered(path: Path, number: int) -> Path:
    """The file of face `number`: all but the first have their number in its name."""
    return path if number == 1 else path.with_stem(f"{path.stem}-{number}")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadRequest(f"The folder {folder} cannot be made: {error.strerror}.") from error


def _check_output(path: Path, photo: Path) -> None:
    """Before anything long is done: a place and a type that can be written, and not the photograph itself."""
    if path.is_dir():
        raise BadRequest(f"{path} is a folder.", "Name the file to write, such as edited.png.")
    if path.exists() and photo.exists() and path.samefile(photo):
        raise BadRequest("That would overwrite the photograph itself.", "Choose another name for the result.")
    if not path.parent.is_dir():
        raise BadRequest(f"There is no folder {path.parent}.", "Make it first.")
    if path.suffix and path.suffix.lower() not in SUFFIXES:
        raise BadRequest(
            f"Photographs cannot be written as “{path.suffix}”.", f"Use one of {', '.join(SUFFIXES)}."
        )


def _free_name(photo: Path) -> Path:
    """A name beside the photograph that nothing has yet."""
    names = ("-edited", *(f"-edited-{number}" for number in range(2, 1000)))
    return next(
        p for p in (photo.with_name(photo.stem + name + photo.suffix) for name in names) if not p.exists()
    )
