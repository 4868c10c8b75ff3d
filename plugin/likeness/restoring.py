"""Restore Face…: what is selected is filled from what is left of the face, as a layer with the selection as its mask."""

from __future__ import annotations

from gi.repository import Gimp

from . import canvas, laying
from .asking import FOLDER, ask, offer_conversion, refuse_indexed
from .gimpfu_compat import PF_LAYERS, Refusal, register
from .job import Filling, Picture, RestoreWork
from .procedures import ABOUT, ENGINES_OWN, MENU, METHOD, PLACE
from .words import _

HELP = _(
    "A layer is laid above the selected one that fills the selection (a scratch, a stain, a hole, a "
    "blown highlight) from what is left of the face; its layer mask is the selection, as soft as "
    "that. Pixels of the face's other half are taken where it is seen, else the model's. The work is "
    "done by the Likeness engine on this machine, which is started when it does not run."
)


def restore(image, layer, refine_steps, model):
    """plug-in-likeness-restore, from a script."""
    _check(image, layer)
    refuse_indexed(image)
    return [_restored(image, layer, refine_steps, model)[0]]


def restore_for_a_person(image, layer, refine_steps, model):
    """Filters ▸ Likeness ▸ Restore Face…, which has no window of its own: the selection says it all."""
    _check(image, layer)
    if image.get_base_type() == Gimp.ImageBaseType.INDEXED:
        offer_conversion()
    new, filling = _restored(image, layer, refine_steps, model)
    if filling.warning:
        Gimp.message(filling.warning)
    return [new], {}


def _restored(image, layer, refine_steps, model) -> tuple[Gimp.Layer, Filling]:
    source, region = canvas.read(image, layer), _region(image, layer)
    request = {
        "kind": "restore",
        "refine_steps": None if refine_steps == ENGINES_OWN else refine_steps,
        "model": model or None,
    }
    filling = ask(RestoreWork(FOLDER, source.picture, region, request).run)
    if obstacle := canvas.obstacle(source):
        raise Refusal(_("{obstacle} Restore it again.").format(obstacle=obstacle))
    return laying.add_filling(source, filling), filling


def _check(image: Gimp.Image, layer: Gimp.Drawable) -> None:
    canvas.check_layer(image, layer)
    _region(image, layer)


def _region(image: Gimp.Image, layer: Gimp.Layer) -> Picture:
    """The selection over a layer, a byte a pixel. Raises `Refusal` when there is none, or beside the layer."""
    region = canvas.read_selection(image, layer)
    if region is None:
        raise Refusal(_("Nothing is selected. Select what is damaged in the face: it will be filled."))
    if not any(region.pixels):
        raise Refusal(
            _("The selection lies beside “{layer}”. Select what is damaged in its face.").format(
                layer=layer.get_name()
            )
        )
    return region


def declare() -> None:
    """Declare it to GIMP."""
    register(
        "plug-in-likeness-restore",
        _("Fill what is selected in a face from what is left of it"),
        HELP,
        *ABOUT,
        _("_Restore Face…"),
        "*",
        [*PLACE, *METHOD],
        [(PF_LAYERS, "layers", _("The new layer"))],
        restore,
        menu=MENU,
        interactive=restore_for_a_person,
    )
