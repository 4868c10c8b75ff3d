"""The procedures Invert Face… and Edit Face…; Restore Face… stands in restoring.py.

Both do the same: read the selected layer, let the engine work on it, lay what comes back above it. A script
passes values and never sees a window; a person gets the engine's dialog first.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from gi.repository import Gimp

from . import canvas, parasite
from .client import EngineProblem, JobCancelled
from .gimpfu_compat import (
    PF_DRAWABLE,
    PF_IMAGE,
    PF_INT,
    PF_LAYERS,
    PF_STRING,
    Cancelled,
    Refusal,
    register,
    widgets,
)
from .job import Answer, Report, Work
from .waiting import attend

Answered = TypeVar("Answered")
FOLDER = Path(__file__).resolve().parent
MENU = "<Image>/Filters/Likeness"
ENGINES_OWN = -1  # refine-steps: what the settings say
ENGINES_MODEL = ""  # likewise
ANY_FACE = 0

# What a window needs to know of the desktop; the engine passes nothing else on to its dialogs.
DESKTOP = re.compile(
    r"DISPLAY|WAYLAND_DISPLAY|XAUTHORITY|XDG_RUNTIME_DIR|LANG|LC_[A-Z]+|QT_QPA_PLATFORM|QT_QPA_PLATFORMTHEME"
    r"|QT_[A-Z_]*SCALE[A-Z_]*|QT_[A-Z_]*SCALING|QT_FONT_DPI|QT_STYLE_OVERRIDE|XDG_CURRENT_DESKTOP|GTK_THEME"
    r"|XCURSOR_THEME|XCURSOR_SIZE"
)


def invert(image, layer, face, refine_steps, model):
    """plug-in-likeness-invert, from a script."""
    canvas.check_layer(image, layer)
    refuse_indexed(image)
    source = canvas.read(image, layer)
    answer = _ask(source, {"kind": "invert", **_choice(face, refine_steps, model)}, None)
    return _lay(source, answer, None)


def edit(image, layer, face, refine_steps, model, edits):
    """plug-in-likeness-edit, from a script."""
    strengths = _parsed(edits)
    canvas.check_layer(image, layer)
    refuse_indexed(image)
    note = canvas.read_note(layer)
    request = {"kind": "edit", **_choice(face, refine_steps, model, note), "edits": strengths}
    source = canvas.read(image, _photograph(image, layer, note))
    return _lay(source, _ask(source, request, note), layer if note else None)


def invert_in_dialog(image, layer, face, refine_steps, model):
    """Filters ▸ Likeness ▸ Invert Face…

    GIMP fills in what was remembered for “repeat”. Face and model belonged to another photograph: here they are
    left aside, a person chooses in the dialog.
    """
    return _in_dialog("invert", image, layer, _choice(ANY_FACE, refine_steps, ENGINES_MODEL), {}, None)


def edit_in_dialog(image, layer, face, refine_steps, model, edits):
    """Filters ▸ Likeness ▸ Edit Face…, which begins with the layer's own edit or with none: see above."""
    note = canvas.read_note(layer) if layer.is_layer() else None
    choice = _choice(ANY_FACE, refine_steps, ENGINES_MODEL, note)
    return _in_dialog("edit", image, layer, choice, note.edits if note else {}, note)


def _in_dialog(window, image, layer, choice, edits, note):
    canvas.check_layer(image, layer)
    if image.get_base_type() == Gimp.ImageBaseType.INDEXED:
        offer_conversion()
    source = canvas.read(image, _photograph(image, layer, note))
    request = {
        "kind": "dialog",
        "window": window,
        "title": canvas.title(image, layer),
        "environment": desktop(),
        "edits": edits,
        **choice,
    }
    answer = _ask(source, request, note)
    layers = _lay(source, answer, layer if note else None, shown=True)
    return layers, _remembered(window, answer)


def _ask(source: canvas.Source, request: dict[str, Any], note: parasite.Note | None) -> Answer:
    """Let the engine work. Raises `Cancelled`, and `Refusal` with what the engine has to say."""
    return ask(Work(FOLDER, source.picture, request, note).run)


def ask(run: Callable[[Report], Answered]) -> Answered:
    """Do a job's `run` while GIMP goes on. Raises as `_ask`."""
    try:
        return attend(run, "Likeness: asking the engine…")
    except JobCancelled:
        raise Cancelled from None
    except EngineProblem as problem:
        raise Refusal(f"{problem.sentence} {problem.remedy}".strip()) from None


def _lay(source: canvas.Source, answer: Answer, target: Gimp.Layer | None, shown: bool = False):
    """Lay the result into the image; if that has become impossible, into a new one.

    A person is shown that image and, as the procedure's error, told why: GIMP would attach its own parasite to an
    image that may have gone if the procedure reported success.
    """
    if not answer.faces:
        raise Refusal("The engine sent no face back. Try again; if it stays so, look into its log.")
    if obstacle := canvas.obstacle(source):
        layers = canvas.new_image(source, answer.faces, answer.model)
        if not shown:
            return layers
        Gimp.Display.new(layers[0].get_image())
        raise Refusal(f"{obstacle} The result is in a new image.")
    if target is not None:
        layer = canvas.replace_face(source, target, answer.faces[0], answer.model)
        if layer is not None:
            return [layer, *_more(source, answer)]
    return canvas.add_faces(source, answer.faces, answer.model)


def _more(source: canvas.Source, answer: Answer) -> list[Gimp.Layer]:
    return canvas.add_faces(source, answer.faces[1:], answer.model) if answer.faces[1:] else []


def _photograph(image: Gimp.Image, layer: Gimp.Layer, note: parasite.Note | None) -> Gimp.Layer:
    """The layer to read: the selected one, or that from which the selected Likeness layer was made."""
    if note is None:
        return layer
    if canvas.mark(image) != note.image:
        raise Refusal(
            f"“{layer.get_name()}” was made from the photograph of another image. Select the layer with the "
            "photograph in this one and edit the face anew."
        )
    photograph = image.get_layer_by_tattoo(note.source)
    if photograph is None:
        raise Refusal(
            f"The layer from which “{layer.get_name()}” was made is no longer in this image. Select the layer "
            "with the photograph and edit the face anew."
        )
    if (photograph.get_width(), photograph.get_height()) != note.size:
        raise Refusal(
            f"“{photograph.get_name()}” has changed its size since “{layer.get_name()}” was made from it. "
            f"Select “{photograph.get_name()}” and edit the face anew."
        )
    canvas.check_layer(image, photograph)
    return photograph


def _choice(face: int, refine_steps: int, model: str, note: parasite.Note | None = None) -> dict[str, Any]:
    """The request's part that the arguments fill; a face that is taken up again has its number and model."""
    steps = None if refine_steps == ENGINES_OWN else refine_steps
    if note is not None:
        face, model = note.face, note.model
    return {"face": face, "refine_steps": steps, "model": model or None}


def _parsed(edits: str) -> dict[str, float]:
    try:
        return parasite.parse_edits(edits)
    except parasite.NoteDamaged as damage:
        raise Refusal(
            f'The argument “edits” cannot be used: {damage}. Pass a JSON object such as {{"smile": 1.0}}.'
        ) from None


def _remembered(window: str, answer: Answer) -> dict[str, Any]:
    """What “repeat” takes on, and only that: the face and edit that were accepted, and the model that made it."""
    remembered: dict[str, Any] = {"model": answer.model}
    if len(answer.faces) == 1:
        remembered["face"] = answer.faces[0].number
    if window == "edit":
        remembered["edits"] = json.dumps(answer.faces[0].edits)
    return remembered


def desktop() -> dict[str, str]:
    """What a window needs of our environment."""
    found = {
        name: value for name, value in os.environ.items() if DESKTOP.fullmatch(name) and len(value) <= 4096
    }
    return dict(list(found.items())[:40])


def refuse_indexed(image: Gimp.Image) -> None:
    if image.get_base_type() == Gimp.ImageBaseType.INDEXED:
        raise Refusal(
            "An indexed image takes no layer with a face: it has a palette only. Convert it first with "
            "Image ▸ Mode ▸ RGB."
        )


def offer_conversion() -> None:
    """Ask whether an indexed image may become an RGB image. Raises `Cancelled`."""
    GimpUi, Gtk = widgets()
    dialog = Gtk.MessageDialog(
        message_type=Gtk.MessageType.QUESTION,
        buttons=Gtk.ButtonsType.NONE,
        text="This image is indexed: it has a palette only, and takes no layer with a face.",
        secondary_text="It can be converted to RGB. One undo takes back the conversion and the new layer.",
    )
    dialog.set_title("Likeness")
    dialog.add_button("_Cancel", Gtk.ResponseType.CANCEL)
    dialog.add_button("Convert to _RGB", Gtk.ResponseType.OK)
    dialog.set_default_response(Gtk.ResponseType.OK)
    GimpUi.window_set_transient(dialog)
    response = dialog.run()
    dialog.destroy()
    if response != Gtk.ResponseType.OK:
        raise Cancelled


ABOUT = ("The authors of Likeness", "The authors of Likeness, GPL-3.0-or-later", "2026")
PLACE = [
    (PF_IMAGE, "image", "The image", None),
    (PF_DRAWABLE, "drawable", "The layer that holds the photograph", None),
]
METHOD = [
    (PF_INT, "refine-steps", "_Refine: steps, -1 = as in the engine's settings", ENGINES_OWN, (-1, 5000)),
    (PF_STRING, "model", "_Model: its name, empty = the one in the engine's settings", ""),
]
_FACE = (PF_INT, "face", "_Face: 0 = all of them, n = the n-th largest", 0, (0, 1000))
_PARAMS = [*PLACE, _FACE, *METHOD]
_RESULTS = [(PF_LAYERS, "layers", "The new layers, one for each face")]
_HELP = (
    "For each face a layer is laid above the selected one, at the face's place; its layer mask lets the "
    "photograph through where it holds what the generator cannot make. The work is done by the Likeness engine "
    "on this machine, which is started when it does not run. From a menu a dialog opens, from a script none."
)


def declare() -> None:
    """Declare the two to GIMP."""
    register(
        "plug-in-likeness-invert",
        "Find the faces of a layer in a generator's latent space",
        _HELP,
        *ABOUT,
        "_Invert Face…",
        "*",
        _PARAMS,
        _RESULTS,
        invert,
        menu=MENU,
        interactive=invert_in_dialog,
    )
    register(
        "plug-in-likeness-edit",
        "Edit the faces of a layer, with the person kept",
        _HELP + " With a layer selected that Likeness made, its edit is taken up again and replaced.",
        *ABOUT,
        "_Edit Face…",
        "*",
        [*_PARAMS, (PF_STRING, "edits", '_Edits: a JSON object such as {"smile": 1.0}', "{}")],
        _RESULTS,
        edit,
        menu=MENU,
        interactive=edit_in_dialog,
    )
