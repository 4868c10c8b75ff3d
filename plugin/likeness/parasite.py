"""What a Likeness layer remembers, so that its edit can be taken up again: one parasite, JSON in ASCII.

    {"format": 1, "id": "…64 hex digits", "inversion": "base64 of the inversion's safetensors, or null",
     "edits": {"smile": 1.0}, "face": 1, "model": "default", "image": "…32 hex digits", "source": 7,
     "size": [640, 480], "rect": [120, 80, 256, 256]}

`image` tells the image by the mark that it carries itself, a parasite of the name `likeness-image`; `source` is the
tattoo of the layer in it that holds the photograph, `size` that layer's width and height, `rect` the
layer's place in it. A parasite comes out of a file that anyone may have written: `read` trusts nothing of it.
What is inside the inversion the engine checks.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
import secrets
from dataclasses import dataclass, replace

from .words import _

NAME = "likeness-inversion"
IMAGE_NAME = "likeness-image"
FORMAT = 1
MAX_BYTES = 4 * 2**20  # what GIMP keeps of one parasite without complaint
MAX_STRENGTH = 10.0
MARK = r"[0-9a-f]{32}"
ALL_FACES = 0

Rect = tuple[int, int, int, int]


class NoteDamaged(Exception):
    """The parasite does not hold what we write; the text says where."""


@dataclass(frozen=True)
class Note:
    """The content of the parasite. `inversion` is None where it was left out: too large, or not wanted."""

    id: str
    inversion: bytes | None
    edits: dict[str, float]
    face: int
    model: str
    image: str
    source: int
    size: tuple[int, int]
    rect: Rect


def fitting(note: Note) -> Note:
    """The same note, without its inversion where that would pass `MAX_BYTES`."""
    return note if len(written(note)) < MAX_BYTES else replace(note, inversion=None)


def new_mark() -> str:
    """A mark for an image that has none."""
    return secrets.token_hex(16)


def read_mark(data: bytes) -> str | None:
    """The mark in an image's parasite; None where there is no mark in it."""
    text = data.decode("ascii", "replace")
    return text if re.fullmatch(MARK, text) else None


def written(note: Note) -> bytes:
    """The parasite's bytes, all below 128."""
    data = {
        "format": FORMAT,
        "id": note.id,
        "inversion": None if note.inversion is None else base64.b64encode(note.inversion).decode(),
        "edits": note.edits,
        "face": note.face,
        "model": note.model,
        "image": note.image,
        "source": note.source,
        "size": note.size,
        "rect": note.rect,
    }
    return json.dumps(data, allow_nan=False).encode("ascii")


def read(data: bytes) -> Note:
    """The note in a parasite's bytes. Raises `NoteDamaged`."""
    if len(data) >= MAX_BYTES:
        raise NoteDamaged(_("it is too large"))
    try:
        content = json.loads(data.decode("ascii"))
    except (ValueError, RecursionError):
        raise NoteDamaged(_("it is no JSON")) from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise NoteDamaged(_("it has another format"))
    return Note(
        id=_matching(content, "id", r"[0-9a-f]{64}"),
        inversion=_inversion(content),
        edits=_edits(content.get("edits")),
        face=_numbers(content, "face", 1, 0, 1000)[0],
        model=_matching(content, "model", r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"),
        image=_matching(content, "image", MARK),
        source=_numbers(content, "source", 1, 0, 2**32 - 1)[0],
        size=_numbers(content, "size", 2, 1, 2**24),
        rect=_numbers(content, "rect", 4, -(2**24), 2**24),
    )


def parse_edits(text: str) -> dict[int, dict[str, float]]:
    """The argument `edits` of plug-in-likeness-edit: a JSON object of strengths, which are those of `ALL_FACES`, or of
    such objects under the numbers of faces. Raises `NoteDamaged`."""
    try:
        content = json.loads(text or "{}")
    except (ValueError, RecursionError):
        raise NoteDamaged(_("it is no JSON")) from None
    if not isinstance(content, dict) or not any(isinstance(value, dict) for value in content.values()):
        return {ALL_FACES: _edits(content)}
    for number in content:
        if not re.fullmatch("[1-9][0-9]{0,2}", number):
            raise NoteDamaged(_("“{number}” is no number of a face").format(number=number[:60]))
    return {int(number): _edits(edits) for number, edits in content.items()}


def layer_name(edits: dict[str, float], face: int) -> str:
    """What the layer is called: what was done, and to which face."""
    done = [f"{name} {_figure(strength)}" for name, strength in edits.items() if strength]
    if not done:
        return _("Likeness: face {face}").format(face=face)
    more = _(" and {count} more").format(count=len(done) - 3) if len(done) > 3 else ""
    return _("Likeness: {names}{more} (face {face})").format(names=", ".join(done[:3]), more=more, face=face)


def _figure(strength: float) -> str:
    """+1.0, -0.35."""
    text = f"{strength:+.2f}"
    return text.removesuffix("0")


def _inversion(content: dict) -> bytes | None:
    text = content.get("inversion")
    if text is None:
        return None
    if not isinstance(text, str):
        raise NoteDamaged(_("“inversion” is no text"))
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise NoteDamaged(_("“inversion” is no base64")) from None


def _edits(value: object) -> dict[str, float]:
    if not isinstance(value, dict) or len(value) > 1000:
        raise NoteDamaged(_("the edits are no object of strengths"))
    for name, strength in value.items():
        number = isinstance(strength, int | float) and not isinstance(strength, bool)
        if not number or not math.isfinite(strength) or abs(strength) > MAX_STRENGTH:
            raise NoteDamaged(_("the strength of “{name}” is no number from −10 to 10").format(name=name[:60]))
        if len(name) > 60:
            raise NoteDamaged(_("the name “{name}…” is too long").format(name=name[:60]))
    return {name: float(strength) for name, strength in value.items()}


def _matching(content: dict, key: str, pattern: str) -> str:
    value = content.get(key)
    if not isinstance(value, str) or not re.fullmatch(pattern, value):
        raise NoteDamaged(_("“{key}” makes no sense").format(key=key))
    return value


def _numbers(content: dict, key: str, count: int, least: int, most: int) -> tuple:
    value = content.get(key)
    values = [value] if count == 1 else value
    if not isinstance(values, list) or len(values) != count:
        raise NoteDamaged(_("“{key}” makes no sense").format(key=key))
    for number in values:
        if not isinstance(number, int) or isinstance(number, bool) or not least <= number <= most:
            raise NoteDamaged(_("“{key}” makes no sense").format(key=key))
    return tuple(values)
