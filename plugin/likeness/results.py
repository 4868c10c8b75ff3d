"""Where a result goes, as the person or the script wants it.

    layer     a layer with its mask for each face, above the photograph
    group     the same within a new layer group
    replace   into the photograph's own pixels, as far as they are selected
    image     a new image, with the photograph below the faces' layers

A Likeness layer that is taken up again is replaced by its new edit in the first three.
"""

from __future__ import annotations

from gi.repository import Gegl, Gimp

from . import canvas, laying
from .canvas import Source
from .gimpfu_compat import Refusal
from .job import Answer, Face
from .words import _

LAYER, GROUP, REPLACE, IMAGE = "layer", "group", "replace", "image"
CHOICES = (
    (_("New layers, each with a layer mask"), LAYER),
    (_("The same in a new layer group"), GROUP),
    (_("Replace the layer's pixels, within the selection"), REPLACE),
    (_("New image"), IMAGE),
)
OF_AN_INVERSION = tuple(
    choice for choice in CHOICES if choice[1] != REPLACE
)  # it leaves the pixels as they are


def obstacle_to_replacing(layer: Gimp.Layer) -> str:
    """Why a layer's own pixels cannot be replaced, as a sentence; empty when they can."""
    if layer.is_group():
        return _("“{layer}” is a group and has no pixels of its own.").format(layer=layer.get_name())
    if layer.get_lock_content():
        return _("The pixels of “{layer}” are locked.").format(layer=layer.get_name())
    return ""


def possible(window: str, layer: Gimp.Layer) -> list[str]:
    """Where the result of a dialog (`edit`, `invert`) about this layer can go."""
    choices = OF_AN_INVERSION if window == "invert" or obstacle_to_replacing(layer) else CHOICES
    return [result for _, result in choices]


def lay(
    source: Source, answer: Answer, target: Gimp.Layer | None, result: str, shown: bool = False
) -> list[Gimp.Layer]:
    """Put the faces where they are wanted, in one undo step; if that has become impossible, into a new image.

    `target` is the Likeness layer that was taken up again. Returns the layers that hold the faces.

    A person (`shown`) is shown a new image and told why, if they did not ask for it: as the procedure's error, because
    GIMP would attach its own parasite to an image that may have gone if the procedure reported success.
    """
    faces, model = answer.faces, answer.model
    if not faces:
        raise Refusal(_("The engine sent no face back. Try again; if it stays so, look into its log."))
    obstacle = canvas.obstacle(source)
    if obstacle or result == IMAGE:
        layers = in_new_image(source, faces, model)
        if shown:
            Gimp.Display.new(layers[0].get_image())
        if shown and obstacle:
            raise Refusal(_("{obstacle} The result is in a new image.").format(obstacle=obstacle))
        return layers
    if target is not None and (layers := _replaced(source, target, faces, model, shown)):
        return layers
    if result == REPLACE and (obstacle := obstacle_to_replacing(source.layer)):
        if not shown:
            raise Refusal(_("{obstacle} Choose another result.").format(obstacle=obstacle))
        Gimp.message(_("{obstacle} The result is a layer above it.").format(obstacle=obstacle))
        result = LAYER
    ways = {LAYER: laying.add_faces, GROUP: laying.add_group, REPLACE: in_place}
    return ways[result](source, faces, model)


def _replaced(
    source: Source, target: Gimp.Layer, faces: list[Face], model: str, shown: bool
) -> list[Gimp.Layer]:
    """The first face in the place of the layer that was taken up again, any others above the photograph; none where it
    has gone or was scaled. A person has seen the layer mask in the dialog, a script has not."""
    with canvas.one_step(source.image):
        layer = laying.replace_face(source, target, faces[0], model, faces[0].layer_mask if shown else None)
        if layer is None:
            return []
        return [layer, *(laying.add_faces(source, faces[1:], model) if faces[1:] else [])]


def in_place(source: Source, faces: list[Face], model: str) -> list[Gimp.Layer]:
    """Write the faces into the photograph's layer, in one undo step. Nothing is remembered of them.

    GIMP blends them as it shows them, in an image of their own, so every pixel is what it would be with a layer above;
    it also lays the result into the layer, where the selection counts as with any filter.
    """
    layer, edited = source.layer, [face for face in faces if face.layer is not None]
    if not edited:
        return [layer]
    blended = in_new_image(source, edited, model)[0].get_image()
    try:
        flat = Gimp.Layer.new_from_visible(blended, blended, "blended")
        blended.insert_layer(flat, None, 0)
        with canvas.one_step(source.image):
            canvas.leave_palette(source.image)
            shown, shadow = flat.get_buffer(), layer.get_shadow_buffer()
            whole = Gegl.Rectangle.new(0, 0, layer.get_width(), layer.get_height())
            layer.get_buffer().copy(whole, Gegl.AbyssPolicy.NONE, shadow, whole)
            for rect in (Gegl.Rectangle.new(*face.rect) for face in edited):
                shown.copy(rect, Gegl.AbyssPolicy.NONE, shadow, rect)
            shadow.flush()
            layer.merge_shadow(True)
            layer.update(0, 0, layer.get_width(), layer.get_height())
    finally:
        blended.delete()
    return [layer]


def in_new_image(source: Source, faces: list[Face], model: str) -> list[Gimp.Layer]:
    """Lay the faces above the photograph in an image of its own, which is shown to nobody yet."""
    alone = _alone(source)
    try:
        return laying.add_faces(alone, faces, model)
    except BaseException:
        alone.image.delete()
        raise


def _alone(source: Source) -> Source:
    """A new image with the photograph as it is, bit for bit; as it was sent, where its layer has gone or was changed, or
    where it has a palette, to which faces would not be true."""
    picture, grey = source.picture, source.base_type == Gimp.ImageBaseType.GRAY
    base = Gimp.ImageBaseType.GRAY if grey else Gimp.ImageBaseType.RGB
    size = (picture.width, picture.height)
    as_sent = bool(canvas.obstacle(source)) or source.base_type == Gimp.ImageBaseType.INDEXED
    if as_sent or source.layer.has_alpha():
        kind = Gimp.ImageType.GRAYA_IMAGE if grey else Gimp.ImageType.RGBA_IMAGE
    else:  # an alpha channel would cost a conversion, which is not exact in every profile
        kind = Gimp.ImageType.GRAY_IMAGE if grey else Gimp.ImageType.RGB_IMAGE
    image = Gimp.Image.new_with_precision(*size, base, source.precision)
    if not as_sent:
        if profile := source.image.get_color_profile():
            image.set_color_profile(profile)
        image.set_resolution(*source.image.get_resolution()[1:])
    photograph = Gimp.Layer.new(image, _("Photograph"), *size, kind, 100.0, Gimp.LayerMode.NORMAL)
    image.insert_layer(photograph, None, 0)
    if as_sent:
        canvas.write(photograph, picture)
    else:
        canvas.copy_pixels(source.layer, (0, 0, *size), photograph)
    return Source(image, photograph, picture, base, source.precision)
