"""Which of the faces that were found a request is about."""

from __future__ import annotations

from unittest.mock import Mock

import pytest

from engine.errors import NoFace
from engine.worker.chosen import chosen_faces

FACES = [Mock(name=f"face {number}") for number in (1, 2, 3)]


@pytest.mark.parametrize(
    ("face", "among", "numbers"),
    [(0, [], [1, 2, 3]), (2, [], [2]), (0, [3, 1, 3], [1, 3]), (2, [1], [2])],
)
def test_by_their_numbers(face: int, among: list[int], numbers: list[int]) -> None:
    assert chosen_faces(FACES, face, among) == [(number, FACES[number - 1]) for number in numbers]


@pytest.mark.parametrize(("face", "among"), [(4, []), (0, [1, 4])])
def test_one_that_is_not_there(face: int, among: list[int]) -> None:
    with pytest.raises(NoFace, match="Face 4 was asked for, but only 3 faces were found"):
        chosen_faces(FACES, face, among)


def test_none_at_all() -> None:
    with pytest.raises(NoFace, match="No face was found"):
        chosen_faces([], 0, [1])
