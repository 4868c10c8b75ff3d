"""Forget Faces: an image's layers give up what they remember of faces, so that it can be handed on."""

from __future__ import annotations

from collections.abc import Iterator

from gi.repository import Gimp

from . import canvas, parasite
from .gimpfu_compat import PF_DRAWABLES, PF_IMAGE, PF_INT, register
from .procedures import ABOUT, MENU
from .words import _

HELP = _(
    "A layer that Likeness made remembers its face (the inversion, which is a face in numbers), so "
    "that its edit can be taken up again, also from a saved .xcf. This removes it from all layers of "
    "the image; their pixels stay. One undo takes it back; files that were saved before keep it. "
    "What the engine keeps is removed by “python -m engine forget”."
)


def forget(image, _layers):
    """plug-in-likeness-forget, from a script: how many layers had remembered a face."""
    remembering = [layer for layer in _all(image.get_layers()) if layer.get_parasite(parasite.NAME) is not None]
    places = [(layer, parasite.NAME) for layer in remembering]
    if image.get_parasite(parasite.IMAGE_NAME) is not None:
        places.append((image, parasite.IMAGE_NAME))
    if places:
        with canvas.one_step(image):
            for owner, name in places:
                owner.detach_parasite(name)
    return len(remembering)


def forget_for_a_person(image, layers):
    """Filters ▸ Likeness ▸ Forget Faces"""
    count = forget(image, layers)
    if count:
        said = _(
            "Layers that no longer remember a face: {count}. Save the image to have it so in its file."
        ).format(count=count)
    else:
        said = _("No layer of this image remembers a face.")
    Gimp.message(said)
    return count, {}


def _all(layers: list[Gimp.Layer]) -> Iterator[Gimp.Layer]:
    """The layers, those in groups as well."""
    for layer in layers:
        yield layer
        if layer.is_group():
            yield from _all(layer.get_children())


def declare() -> None:
    """Declare it to GIMP."""
    register(
        "plug-in-likeness-forget",
        _("Remove what the layers of an image remember of faces"),
        HELP,
        *ABOUT,
        _("_Forget Faces"),
        "*",
        [
            (PF_IMAGE, "image", _("The image"), None),
            (PF_DRAWABLES, "drawables", _("Any; all layers are meant"), None),
        ],
        [(PF_INT, "count", _("How many layers remembered a face"))],
        forget,
        menu=MENU,
        interactive=forget_for_a_person,
    )
