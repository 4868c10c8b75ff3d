"""The procedures Invert Face… and Edit Face…; the others stand in modules of their own.

Both do the same: read the selected layer, let the engine work on it, put what comes back where it is wanted. A script
passes values and never sees a window; a person gets the engine's dialog first.
"""

from __future__ import annotations

import json
from typing import Any

from gi.repository import Gimp

from . import canvas, parasite, results
from .asking import FOLDER, ask, desktop, offer_conversion, refuse_indexed
from .gimpfu_compat import PF_DRAWABLE, PF_IMAGE, PF_INT, PF_LAYERS, PF_RADIO, PF_STRING, Refusal, register
from .job import Answer, Work
from .parasite import ALL_FACES
from .words import _

MENU = "<Image>/Filters/Likeness"
ENGINES_OWN = -1  # refine-steps: what the settings say
ENGINES_MODEL = ""  # likewise


def invert(image, layer, face, refine_steps, model, result):
    """plug-in-likeness-invert, from a script."""
    _check(image, layer, result)
    source = canvas.read(image, layer)
    request = {"kind": "invert", **_choice(face, refine_steps, model)}
    answer = ask(Work(FOLDER, source.picture, request, selected=canvas.read_selection(image, layer)).run)
    return results.lay(source, answer, None, result)


def edit(image, layer, face, refine_steps, model, edits, result):
    """plug-in-likeness-edit, from a script."""
    strengths = parsed(edits)
    canvas.check_layer(image, layer)
    note = canvas.read_note(layer)
    for_all = strengths.pop(ALL_FACES, {})
    _check_faces(strengths, face, note)
    photograph = _photograph(image, layer, note)
    _check(image, photograph, result if note is None else results.LAYER)
    request = {"kind": "edit", **_choice(face, refine_steps, model, note), "edits": for_all}
    source, selected = canvas.read(image, photograph), canvas.read_selection(image, photograph)
    answer = ask(Work(FOLDER, source.picture, request, note, selected, strengths).run)
    return results.lay(source, answer, layer if note else None, result)


def invert_in_dialog(image, layer, face, refine_steps, model, result):
    """Filters ▸ Likeness ▸ Invert Face…

    GIMP fills in what was remembered for “repeat”. Face and model belonged to another photograph: here they are
    left aside, a person chooses in the dialog, as they do the result.
    """
    return _in_dialog("invert", image, layer, _choice(ALL_FACES, refine_steps, ENGINES_MODEL), {}, None)


def edit_in_dialog(image, layer, face, refine_steps, model, edits, result):
    """Filters ▸ Likeness ▸ Edit Face…, which begins with the layer's own edit or with none: see above."""
    note = canvas.read_note(layer) if layer.is_layer() else None
    choice = _choice(ALL_FACES, refine_steps, ENGINES_MODEL, note)
    return _in_dialog("edit", image, layer, choice, note.edits if note else {}, note)


def _in_dialog(window, image, layer, choice, edits, note):
    canvas.check_layer(image, layer)
    photograph = _photograph(image, layer, note)
    if image.get_base_type() == Gimp.ImageBaseType.INDEXED:
        offer_conversion()
    source, selected = canvas.read(image, photograph), canvas.read_selection(image, photograph)
    request = {
        "kind": "dialog",
        "window": window,
        "title": canvas.title(image, layer),
        "environment": desktop(),
        "edits": edits,
        "results": [results.LAYER] if note else results.possible(window, photograph),
        **choice,
    }
    layer_mask = canvas.read_layer_mask(layer) if note else None
    answer = ask(Work(FOLDER, source.picture, request, note, selected, layer_mask=layer_mask).run)
    layers = results.lay(source, answer, layer if note else None, answer.placement, shown=True)
    chosen = {} if note else {"result": answer.placement}
    return layers, _remembered(window, answer) | chosen


def _check(image: Gimp.Image, photograph: Gimp.Layer, result: str) -> None:
    """Raise `Refusal` when the result could not be put where it is wanted."""
    canvas.check_layer(image, photograph)
    if result != results.IMAGE:
        refuse_indexed(image)
    if result == results.REPLACE and (obstacle := results.obstacle_to_replacing(photograph)):
        raise Refusal(_("{obstacle} Choose another result.").format(obstacle=obstacle))


def _check_faces(strengths: dict[int, Any], face: int, note: parasite.Note | None) -> None:
    if strengths and note is not None:
        raise Refusal(
            _(
                "The layer holds one face, and these edits are for several. Select the layer with the "
                'photograph, or pass strengths alone, such as {"smile": 1.0}.'
            )
        )
    if strengths and face != ALL_FACES:
        raise Refusal(_("The argument “edits” says which faces are meant: leave “face” at 0."))


def _photograph(image: Gimp.Image, layer: Gimp.Layer, note: parasite.Note | None) -> Gimp.Layer:
    """The layer to read: the selected one, or that from which the selected Likeness layer was made."""
    if note is None:
        return layer
    if obstacle := results.obstacle_to_replacing(layer):
        raise Refusal(_("{obstacle} Unlock them in the Layers dialog first.").format(obstacle=obstacle))
    if canvas.mark(image) != note.image:
        raise Refusal(
            _(
                "“{layer}” was made from the photograph of another image. Select the layer with the photograph "
                "in this one and edit the face anew."
            ).format(layer=layer.get_name())
        )
    photograph = image.get_layer_by_tattoo(note.source)
    if photograph is None:
        raise Refusal(
            _(
                "The layer from which “{layer}” was made is no longer in this image. Select the layer with the "
                "photograph and edit the face anew."
            ).format(layer=layer.get_name())
        )
    if (photograph.get_width(), photograph.get_height()) != note.size:
        raise Refusal(
            _(
                "“{photograph}” has changed its size since “{layer}” was made from it. Select “{photograph}” and "
                "edit the face anew."
            ).format(photograph=photograph.get_name(), layer=layer.get_name())
        )
    canvas.check_layer(image, photograph)
    return photograph


def _choice(face: int, refine_steps: int, model: str, note: parasite.Note | None = None) -> dict[str, Any]:
    """The request's part that the arguments fill; a face that is taken up again has its number and model."""
    steps = None if refine_steps == ENGINES_OWN else refine_steps
    if note is not None:
        face, model = note.face, note.model
    return {"face": face, "refine_steps": steps, "model": model or None}


def parsed(edits: str) -> dict[int, dict[str, float]]:
    """The argument `edits`: strengths by the numbers of faces, or under `ALL_FACES`. Raises `Refusal`."""
    try:
        return parasite.parse_edits(edits)
    except parasite.NoteDamaged as damage:
        raise Refusal(
            _(
                'The argument “edits” cannot be used: {damage}. Pass a JSON object such as {{"smile": 1.0}}.'
            ).format(damage=damage)
        ) from None


def _remembered(window: str, answer: Answer) -> dict[str, Any]:
    """What “repeat” takes on, and only that: the faces and edits that were accepted, and the model that made them."""
    own = {face.number: face.edits for face in answer.faces}
    if len(own) > 1:
        face, edits = ALL_FACES, own
    else:
        ((face, edits),) = own.items()
    remembered = {"model": answer.model, "face": face}
    return remembered | ({"edits": json.dumps(edits)} if window == "edit" else {})


ABOUT = (_("The authors of Likeness"), _("The authors of Likeness, GPL-3.0-or-later"), "2026")
PLACE = [
    (PF_IMAGE, "image", _("The image"), None),
    (PF_DRAWABLE, "drawable", _("The layer that holds the photograph"), None),
]
MODEL = (PF_STRING, "model", _("_Model: its name, empty = the one in the engine's settings"), "")
METHOD = [
    (PF_INT, "refine-steps", _("_Refine: steps, -1 = as in the engine's settings"), ENGINES_OWN, (-1, 5000)),
    MODEL,
]
_FACE = (PF_INT, "face", _("_Face: 0 = all of them, n = the n-th largest"), 0, (0, 1000))
_EDITS = (
    PF_STRING,
    "edits",
    _(
        '_Edits: a JSON object such as {"smile": 1.0}, for single faces {"1": {"smile": 1.0}, "3": '
        '{"age": -0.5}}'
    ),
    "{}",
)
_RESULT = (PF_RADIO, "result", _("Res_ult"), results.LAYER)
_RESULTS = [(PF_LAYERS, "layers", _("The layers that hold the faces"))]
_HELP = _(
    "For each face a layer is laid above the selected one, at the face's place; its layer mask lets "
    "the photograph through where it holds what the generator cannot make. With a selection only "
    "those faces are taken whose middle is selected. The work is done by the Likeness engine on this "
    "machine, which is started when it does not run. From a menu a dialog opens, from a script none."
)


def declare() -> None:
    """Declare the two to GIMP."""
    register(
        "plug-in-likeness-invert",
        _("Find the faces of a layer in a generator's latent space"),
        _HELP,
        *ABOUT,
        _("_Invert Face…"),
        "*",
        [*PLACE, _FACE, *METHOD, (*_RESULT, results.OF_AN_INVERSION)],
        _RESULTS,
        invert,
        menu=MENU,
        interactive=invert_in_dialog,
    )
    register(
        "plug-in-likeness-edit",
        _("Edit the faces of a layer, with the person kept"),
        _HELP + _(" With a layer selected that Likeness made, its edit is taken up again and replaced."),
        *ABOUT,
        _("_Edit Face…"),
        "*",
        [*PLACE, _FACE, *METHOD, _EDITS, (*_RESULT, results.CHOICES)],
        _RESULTS,
        edit,
        menu=MENU,
        interactive=edit_in_dialog,
    )
