"""What a layer remembers, written and read again; and what is refused. No GIMP needed."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from plugin.likeness import parasite
from plugin.likeness.parasite import Note, NoteDamaged

NOTE = Note(
    id="0123456789abcdef" * 4,
    inversion=bytes(range(256)) * 40,
    edits={"smile": 1.0, "âge": -0.35},
    face=2,
    model="default",
    image="0f" * 16,
    source=17,
    size=(640, 480),
    rect=(-12, 30, 256, 256),
)


def test_what_is_written_is_read() -> None:
    data = parasite.written(NOTE)
    assert max(data) < 128
    assert parasite.read(data) == NOTE


def test_an_inversion_too_large_is_left_out() -> None:
    assert parasite.fitting(NOTE) is NOTE
    large = replace(NOTE, inversion=bytes(4 * 2**20))
    assert parasite.fitting(large) == replace(large, inversion=None)
    assert len(parasite.written(parasite.fitting(large))) < parasite.MAX_BYTES


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("format", 2),
        ("format", None),
        ("id", "0123"),
        ("id", "../" * 30),
        ("id", 5),
        ("inversion", 5),
        ("inversion", "?"),
        ("edits", None),
        ("edits", [1]),
        ("edits", {"smile": "much"}),
        ("edits", {"smile": True}),
        ("edits", {"smile": 10.5}),
        ("edits", {"s" * 61: 1.0}),
        ("face", -1),
        ("face", 1.5),
        ("face", True),
        ("model", "../default"),
        ("model", ""),
        ("image", None),
        ("image", "../" * 10),
        ("source", 2**40),
        ("size", [640]),
        ("size", [0, 480]),
        ("rect", [0, 0, 10**30, 1]),
        ("rect", {"x": 0}),
    ],
)
def test_f41_a_note_that_lies_is_refused(key: str, value: Any) -> None:
    content = json.loads(parasite.written(NOTE)) | {key: value}
    with pytest.raises(NoteDamaged):
        parasite.read(json.dumps(content).encode())


@pytest.mark.parametrize(
    "data", [b"", b"{", b"17", b"null", b"[" * 100_000, b"\xff\xfe", b'{"format": 1}', b" " * (4 * 2**20)]
)
def test_f41_no_note_at_all_is_refused(data: bytes) -> None:
    with pytest.raises(NoteDamaged):
        parasite.read(data)


@pytest.mark.parametrize("text", ["{", "[]", "1", '{"a": NaN}', '{"a": Infinity}', '{"a": null}', "[" * 99_999])
@pytest.mark.parametrize("whose", ["{}", '{{"1": {{}}, "2": {}}}'])
def test_edits_that_make_no_sense(text: str, whose: str) -> None:
    with pytest.raises(NoteDamaged):
        parasite.parse_edits(whose.format(text))


@pytest.mark.parametrize("number", ["0", "-1", "x", "1.0", "1000", ""])
def test_edits_of_a_face_without_a_number(number: str) -> None:
    with pytest.raises(NoteDamaged, match="no number of a face"):
        parasite.parse_edits(json.dumps({number: {"smile": 1.0}}))


def test_edits() -> None:
    assert parasite.parse_edits('{"smile": 1, "age": -2.5}') == {0: {"smile": 1.0, "age": -2.5}}
    assert parasite.parse_edits("") == {0: {}}
    several = '{"1": {"smile": 1}, "12": {}}'
    assert parasite.parse_edits(several) == {1: {"smile": 1.0}, 12: {}}


def test_a_mark_tells_an_image() -> None:
    mark = parasite.new_mark()
    assert parasite.read_mark(mark.encode()) == mark != parasite.new_mark()
    for damaged in (b"", b"x" * 32, mark.encode() + b"\n", b"\xff" * 32, b"0" * 33):
        assert parasite.read_mark(damaged) is None


def test_layer_names() -> None:
    assert parasite.layer_name({}, 1) == "Likeness: face 1"
    assert parasite.layer_name({"smile": 0.0}, 3) == "Likeness: face 3"
    assert parasite.layer_name({"smile": 1.0, "age": -0.35}, 1) == "Likeness: smile +1.0, age -0.35 (face 1)"
    many = dict.fromkeys("abcde", 2.0)
    assert parasite.layer_name(many, 1) == "Likeness: a +2.0, b +2.0, c +2.0 and 2 more (face 1)"
