"""Which faces are told to disappoint: too small, turned away; in any position of the head."""

from __future__ import annotations

import math

import pytest

from engine.messages import FaceFound
from plugin.dialogs.faces import face_of, is_same_place

FRONT = [(-20.0, 0.0), (20.0, 0.0), (0.0, 22.0), (-15.0, 44.0), (15.0, 44.0)]


def face(points: list[tuple[float, float]], width: float = 100.0, turn: float = 0.0) -> FaceFound:
    cos, sin = math.cos(turn), math.sin(turn)
    turned = [(500 + x * cos - y * sin, 400 + x * sin + y * cos) for x, y in points]
    return FaceFound(number=1, box=(450, 350, width, width), points=turned, score=0.9)


@pytest.mark.parametrize("turn", [0.0, 1.0, math.pi])
def test_a_face_from_the_front_is_as_it_should_be(turn: float) -> None:
    assert face_of(face(FRONT, turn=turn)).drawback == ""
    half = [(x * 0.8 + 6, y) if place == 2 else (x * 0.8, y) for place, (x, y) in enumerate(FRONT)]
    assert face_of(face(half, turn=turn)).drawback == "", "a little from the side"


@pytest.mark.parametrize("turn", [0.0, 1.0, math.pi])
def test_a_profile_is_turned_away(turn: float) -> None:
    nose_out = [FRONT[0], FRONT[1], (22.0, 22.0), *FRONT[3:]]
    narrow = [(x * 0.3, y) for x, y in FRONT]
    assert face_of(face(nose_out, turn=turn)).drawback == "turned away"
    assert face_of(face(narrow, turn=turn)).drawback == "turned away"


def test_a_small_face_says_how_small() -> None:
    assert face_of(face(FRONT, width=31.4)).drawback == "too small (31 pixels wide)"
    assert face_of(face([], width=200)).drawback == ""


def test_one_face_found_twice_is_in_the_same_place() -> None:
    box = (10.0, 20.0, 40.0, 60.0)
    assert is_same_place(box, (12.0, 17.0, 42.0, 58.0))
    assert not is_same_place(box, (45.0, 20.0, 40.0, 60.0)), "a neighbour"
    assert not is_same_place(box, (25.0, 40.0, 10.0, 15.0)), "a small one within"
    assert not is_same_place(box, (200.0, 300.0, 40.0, 60.0))
