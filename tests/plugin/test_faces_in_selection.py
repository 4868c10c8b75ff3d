"""A dialog offers only the faces that the selection leaves."""

from __future__ import annotations

import pytest

from plugin.dialogs.edit_state import EditState
from plugin.dialogs.invert_state import InvertState
from plugin.dialogs.state import ALL_FACES
from tests.plugin.test_dialog_states import found, ready, request


@pytest.mark.parametrize(("faces", "offered"), [([], [1, 2, 3]), ([2, 3], [2, 3])])
def test_only_those_named_are_offered(faces: list[int], offered: list[int]) -> None:
    state = EditState(request(faces=faces))
    state.photograph_opened()
    state.faces_found(found(3))
    assert [face.number for face in state.faces] == offered
    assert state.chosen == (offered[0],)


def test_all_faces_are_all_that_are_offered() -> None:
    state = InvertState(request("invert", faces=[2, 3]))
    ready(state, 3)
    state.layers = {}
    state.choose(ALL_FACES)
    (asked,) = state.inversion_requests()
    assert (asked.face, asked.faces) == (ALL_FACES, [2, 3])
