"""A result as layers: above the photograph, in a group, or in an earlier one's place.

What goes wrong, goes wrong before the image is touched: a new layer is filled, masked and named while it is in
no image yet, and all that the undo group holds is its insertion.
"""

from __future__ import annotations

from collections.abc import Callable

from gi.repository import Gimp

from . import canvas, compositing, parasite
from .canvas import Source
from .gimpfu_compat import Refusal
from .job import Face, Filling, Picture
from .words import _

Place = tuple[Gimp.Layer, Gimp.Layer | None, int]  # a layer, its group, its position there


def add_faces(source: Source, faces: list[Face], model: str) -> list[Gimp.Layer]:
    """Lay a layer for each face above the source, the first topmost, in one undo step. In an indexed image,
    which takes no such layer, that step begins with the conversion to RGB."""
    return _add(source, faces, model, _above)


def add_group(source: Source, faces: list[Face], model: str) -> list[Gimp.Layer]:
    """The same in a new group, which lets through what is below it. Returns the layers in it."""
    return _add(source, faces, model, _within_a_group)


def add_filling(source: Source, filling: Filling) -> Gimp.Layer:
    """Lay what fills a region above the source, its layer mask the region, in one undo step as `add_faces`."""
    with canvas.one_step(source.image):
        canvas.leave_palette(source.image)
        layer = compositing.new_layer(source.layer, _("Likeness: restored"), filling.rect)
        try:
            canvas.write(layer, compositing.fitted(layer, source.layer, filling.rect, filling.layer))
            _add_layer_mask(layer, filling.layer_mask)
        except BaseException:
            layer.delete()
            raise
        position = source.image.get_item_position(source.layer)
        _insert(source.image, [(layer, source.layer.get_parent(), position)])
    return layer


def replace_face(
    source: Source, target: Gimp.Layer, face: Face, model: str, layer_mask: Picture | None = None
) -> Gimp.Layer | None:
    """Put a new edit in the place of a Likeness layer, in one undo step, which begins as that of `add_faces`.
    Returns the layer that is there now.

    All else of it stays: its place, offsets, mode, opacity, other parasites, and its layer mask, which may have
    been painted on; `layer_mask` is what a person made of that one in the dialog. None when the layer has gone, or is
    no longer the size of the face.
    """
    if not target.is_valid() or (target.get_width(), target.get_height()) != face.rect[2:]:
        return None
    if target.get_lock_content():
        raise Refusal(
            _("The pixels of “{target}” are locked. Unlock them in the Layers dialog first.").format(
                target=target.get_name()
            )
        )
    image = source.image
    with canvas.one_step(image):
        canvas.leave_palette(image)
        known = canvas.mark(image) or parasite.new_mark()
        layer = target.copy()
        try:
            _fill(layer, source, face)
            if layer_mask is not None and layer.get_mask() is not None:
                canvas.write(layer.get_mask(), layer_mask)
            layer.set_name(parasite.layer_name(face.edits, face.number))
            _remember(layer, source, face, model, known)
        except BaseException:
            layer.delete()
            raise
        _insert(image, [(layer, target.get_parent(), image.get_item_position(target))])
        image.remove_layer(target)
        canvas.set_mark(image, known)
    return layer


def _add(source: Source, faces: list[Face], model: str, places: Callable[..., list[Place]]) -> list[Gimp.Layer]:
    with canvas.one_step(source.image):
        canvas.leave_palette(source.image)
        known = canvas.mark(source.image) or parasite.new_mark()
        layers = _prepared(source, faces, model, known)
        _insert(source.image, places(source, layers))
        canvas.set_mark(source.image, known)
    return layers


def _above(source: Source, layers: list[Gimp.Layer]) -> list[Place]:
    parent, position = source.layer.get_parent(), source.image.get_item_position(source.layer)
    return [(layer, parent, position) for layer in reversed(layers)]


def _within_a_group(source: Source, layers: list[Gimp.Layer]) -> list[Place]:
    group = Gimp.GroupLayer.new(source.image, "Likeness")
    group.set_mode(Gimp.LayerMode.PASS_THROUGH)
    return [*_above(source, [group]), *((layer, group, 0) for layer in reversed(layers))]


def _prepared(source: Source, faces: list[Face], model: str, known: str) -> list[Gimp.Layer]:
    """The new layers, complete but not yet in the image."""
    layers = []
    try:
        for face in faces:
            name = parasite.layer_name(face.edits, face.number)
            layers.append(compositing.new_layer(source.layer, name, face.rect))
            _fill(layers[-1], source, face)
            _add_layer_mask(layers[-1], face.layer_mask)
            _remember(layers[-1], source, face, model, known)
    except BaseException:
        for layer in layers:
            layer.delete()
        raise
    return layers


def _fill(layer: Gimp.Layer, source: Source, face: Face) -> None:
    """The edited pixels, or, where nothing was edited, the photograph's own, bit for bit."""
    if face.layer is not None:
        canvas.write(layer, compositing.fitted(layer, source.layer, face.rect, face.layer))
        return
    if compositing.has_modes(layer):
        own = compositing.copied(source.layer, face.rect, source.picture.format)
        canvas.write(layer, compositing.fitted(layer, source.layer, face.rect, own))
        return
    canvas.copy_pixels(source.layer, face.rect, layer)


def _add_layer_mask(layer: Gimp.Layer, coverage: Picture) -> None:
    layer_mask = layer.create_mask(Gimp.AddMaskType.WHITE)
    layer.add_mask(layer_mask)
    canvas.write(layer_mask, coverage)
    layer.set_edit_mask(False)


def _remember(layer: Gimp.Layer, source: Source, face: Face, model: str, known: str) -> None:
    note = parasite.Note(
        id=face.id,
        inversion=face.inversion,
        edits=face.edits,
        face=face.number,
        model=model,
        image=known,
        source=source.layer.get_tattoo(),
        size=(source.picture.width, source.picture.height),
        rect=face.rect,
    )
    canvas.attach(layer, parasite.NAME, parasite.written(parasite.fitting(note)))


def _insert(image: Gimp.Image, places: list[Place]) -> None:
    """Insert layers, or none of them."""
    done = []
    for layer, parent, position in places:
        if not image.insert_layer(layer, parent, position):
            for inserted in reversed(done):
                image.remove_layer(inserted)
            raise Refusal(_("GIMP refused the new layer. See its error console."))
        done.append(layer)
