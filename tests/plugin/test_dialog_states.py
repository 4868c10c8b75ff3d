"""The dialogs' states, without Qt: stages, choices, sliders, undo, what is asked and what is answered."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.messages import DialogRequest, DirectionInfo, DirectionList, FaceFound
from engine.settings import Settings
from plugin.dialogs.edit_state import EditState
from plugin.dialogs.invert_state import PRESETS, InvertState
from plugin.dialogs.layers import FaceLayers
from plugin.dialogs.observable import Topic
from plugin.dialogs.state import ALL_FACES, DialogState, Problem, Stage, View
from tests.plugin.fake_client import DIRECTIONS

PICTURE = "ab" * 32
REPOSITORY = Path(__file__).resolve().parents[2]


def request(window: str = "edit", **asked: object) -> DialogRequest:
    return DialogRequest.model_validate({"window": window, "picture": PICTURE} | asked)


def layers(number: int, **edits: float) -> FaceLayers:
    pixels = np.zeros((4, 4, 4), np.uint8)
    inversion = f"{number:064x}"
    return FaceLayers(
        number, inversion, (1, 1, 2, 2), (0, 0, 4, 4), pixels, pixels[..., 0], pixels, 0.01, 0.2, False, edits
    )


def found(count: int) -> list[FaceFound]:
    return [FaceFound(number=n, box=(n * 10.0, 0, 5, 5), points=[], score=1) for n in range(1, count + 1)]


def directions(names: Sequence[str] | None = None) -> DirectionList:
    all_of_them = [DirectionInfo.model_validate(d) for d in DIRECTIONS]
    return DirectionList(
        model="default", notice="small", directions=[d for d in all_of_them if names is None or d.name in names]
    )


def ready(state: DialogState, count: int = 1) -> None:
    state.photograph_opened()
    state.faces_found(found(count))
    state.arrived([layers(n) for n in state.chosen], 1.0)
    if isinstance(state, EditState):
        state.directions_arrived(directions(), "CPU")


# --- stages and faces -------------------------------------------------------------------------------------


def test_walk_to_ready() -> None:
    state = InvertState(request("invert"))
    seen: list[Stage] = []
    state.observe(lambda topic: seen.append(state.stage) if topic is Topic.STAGE else None)
    ready(state)
    assert seen == [Stage.LOOKING, Stage.INVERTING, Stage.READY]
    assert state.can_apply


@pytest.mark.parametrize(("asked", "chosen"), [(0, (1,)), (2, (2,))])
def test_face_at_the_beginning(asked: int, chosen: tuple[int, ...]) -> None:
    """No wish: the largest. `face` 0 means all to the engine, but a person starts with one."""
    state = EditState(request(face=asked))
    ready(state, 3)
    assert state.chosen == chosen


def test_no_face_is_a_problem() -> None:
    state = EditState(request())
    state.photograph_opened()
    state.faces_found([])
    assert state.stage is Stage.BROKEN
    assert state.problem is not None
    assert state.problem.remedy
    chosen = (REPOSITORY / "engine" / "worker" / "chosen.py").read_text("utf-8")
    sizes = [re.findall(r"at least (\d+) pixels wide", text) for text in (state.problem.remedy, chosen)]
    assert sizes[0] == sizes[1] != []


@pytest.mark.parametrize("count", [1, 2])
def test_a_face_that_is_not_there_gives_way_to_the_largest(count: int) -> None:
    state = EditState(request(face=5))
    ready(state, count)
    assert (state.choice, state.problem, state.can_apply) == (1, None, True)
    assert state.accepted().face == 1


def test_choosing_a_face_inverts_what_is_missing() -> None:
    state = EditState(request())
    ready(state, 2)
    state.choose(2)
    assert state.stage is Stage.INVERTING
    assert state.inversion_requests()[0].face == 2
    state.arrived([layers(2)], 1.0)
    state.choose(1)
    assert state.stage is Stage.READY
    state.choose(ALL_FACES)
    assert state.stage is Stage.READY
    assert [item.number for item in state.shown] == [1, 2]
    assert state.accepted().inversions == [f"{1:064x}", f"{2:064x}"]


def test_a_face_that_does_not_exist_cannot_be_chosen() -> None:
    state = EditState(request())
    ready(state, 2)
    state.choose(7)
    assert state.choice == 1


def test_stopped_and_broken_go_back_where_they_were() -> None:
    state = EditState(request())
    state.photograph_opened()
    state.faces_found(found(1))
    state.stopped()
    assert state.stage is Stage.STOPPED
    state.retry()
    assert state.stage is Stage.INVERTING
    state.failed(Problem("worker_lost", "It died."))
    assert state.stage is Stage.BROKEN
    state.retry()
    assert state.stage is Stage.INVERTING
    assert state.problem is None


def test_what_is_shown_stays_when_a_preview_fails() -> None:
    state = EditState(request())
    ready(state)
    state.failed(Problem("internal", "No."))
    assert state.stage is Stage.READY
    assert state.can_apply
    state.retry()
    assert state.problem is None


def test_time_left_is_guessed_when_the_engine_does_not_tell() -> None:
    now = [0.0]
    state = EditState(request(), clock=lambda: now[0])
    state.progress("Looking")
    now[0] = 3.0
    state.progress("Looking", 0.25)
    assert state.task is not None
    assert state.task.seconds_left == pytest.approx(9.0)
    state.progress("Looking", 0.5, 1.0)
    assert state.task.seconds_left == pytest.approx(1.0)


def test_titles_and_the_line_at_the_bottom() -> None:
    assert EditState(request(title="a.xcf ▸ “B”")).heading == "Edit Face — a.xcf ▸ “B”"
    assert InvertState(request("invert")).heading == "Invert Face"
    state = EditState(request())
    ready(state)
    assert state.where == "default · CPU · stays on this machine"


def test_peeking_shows_the_original_and_goes_back() -> None:
    state = EditState(request())
    state.look_at(View.MASK)
    state.peek(True)
    assert state.shown_view is View.ORIGINAL
    state.peek(False)
    assert state.shown_view is View.MASK


# --- sliders ----------------------------------------------------------------------------------------------


def test_one_gesture_is_one_undo() -> None:
    state = EditState(request())
    ready(state)
    for value in (0.1, 0.5, 1.2):
        state.move("smile", value)
    state.settle()
    state.move("age", -1)
    assert state.edits == {"smile": 1.2, "age": -1}
    state.undo()
    assert state.edits == {"smile": 1.2}
    state.undo()
    assert state.edits == {}
    assert not state.works.can_undo
    state.redo()
    state.redo()
    assert state.edits == {"smile": 1.2, "age": -1}


def test_a_new_move_forgets_what_was_undone() -> None:
    state = EditState(request())
    ready(state)
    state.move("smile", 1)
    state.undo()
    state.move("age", 1)
    assert not state.works.can_redo


def test_zero_is_no_edit_and_tiny_steps_tell_nobody() -> None:
    state = EditState(request())
    ready(state)
    told: list[Topic] = []
    state.observe(told.append)
    state.move("smile", 0.004)
    assert told == []
    state.move("smile", 1)
    state.reset("smile")
    assert state.edits == {}
    state.move("age", 99)
    assert state.edits == {"age": 3.0}, "no further than the engine goes"


def test_reset_all_can_be_undone() -> None:
    state = EditState(request(edits={"smile": 1, "age": 2}))
    ready(state)
    state.reset_all()
    assert state.edits == {}
    state.undo()
    assert state.edits == {"smile": 1, "age": 2}


def test_groups_open_close_and_are_searched() -> None:
    state = EditState(request(edits={"nose": 1}))
    ready(state)
    assert [(g.name, g.open) for g in state.groups()] == [
        ("Expression", True),
        ("Age and hair", True),
        ("Pose", False),
        ("Light", False),
        ("More", True),  # something in it was moved
    ]
    state.toggle_group("Expression")
    assert state.groups()[0].sliders == ()
    state.seek("SMI")
    assert [d.name for g in state.groups() for d in g.sliders] == ["smile"]
    state.seek("age")
    assert [d.name for g in state.groups() for d in g.sliders] == ["age"]
    state.seek("hair age")  # nothing of its own is called so: the group is
    assert [d.name for g in state.groups() for d in g.sliders] == ["age", "grey", "beard"]
    state.seek("zzz")
    assert state.groups() == []


def test_edits_that_the_model_does_not_know_are_left_out_and_named() -> None:
    state = EditState(request(edits={"smile": 1, "wings": 2}))
    ready(state)
    assert state.edits == {"smile": 1}
    assert state.unknown == ("wings",)


def test_a_value_beyond_the_models_range_is_brought_to_its_end_and_named() -> None:
    """The engine refuses it."""
    state = EditState(request(edits={"smile": 4, "age": -3}))
    ready(state)
    smile = state.directions[0]
    assert state.reach(smile) == (-2.0, 2.0)
    assert state.edits == {"smile": 2.0, "age": -3.0}
    assert state.weakened == ("Smile",)
    age = next(d for d in state.directions if d.name == "age")
    assert state.reach(age) == (-3.0, 3.0)


# --- requests ---------------------------------------------------------------------------------------------


def test_no_preview_before_there_is_something_to_edit() -> None:
    state = EditState(request())
    assert state.preview_request(256) is None
    state.photograph_opened()
    state.faces_found(found(1))
    state.arrived([layers(1)], 1.0)
    assert state.preview_request(256) is None  # the sliders are not known yet
    state.directions_arrived(directions())
    asked = state.preview_request(3)
    assert asked is not None
    assert asked.preview == 16  # the protocol's least
    assert asked.inversions == [f"{1:064x}"]


def test_edit_answer_holds_everything_and_no_preview() -> None:
    state = EditState(request(refine_steps=60, model="mine"))
    ready(state)
    state.move("smile", 1.25)
    accepted = state.accepted()
    assert (accepted.kind, accepted.picture, accepted.face) == ("edit", PICTURE, 1)
    assert (accepted.refine_steps, accepted.model, accepted.preview) == (60, "mine", None)
    assert accepted.edits == {"smile": 1.25}


def test_reopening_uses_the_layers_own_inversions() -> None:
    inversion = "cd" * 32
    state = EditState(request(inversions=[inversion], face=2, edits={"smile": 1}))
    state.photograph_opened()
    asked = state.reopening_request()
    assert asked is not None
    assert (asked.inversions, asked.face) == ([inversion], 2)
    state.reopened([layers(2)], 0.1)
    assert state.accepted().face == 2
    state.directions_arrived(directions())
    assert state.stage is Stage.READY
    assert state.stale  # shown without the edit that it came with: to be rendered
    state.start_afresh()
    assert state.reopening_request() is None
    assert state.stage is Stage.LOOKING


def test_a_fresh_start_keeps_each_faces_sliders_and_no_way_back() -> None:
    state = EditState(request(inversions=["cd" * 32], edits={"smile": 1}))
    state.photograph_opened()
    state.reopened([replace(layers(2), box=(10.5, 0, 5, 5))], 0.1)  # where the detector finds face 1
    state.directions_arrived(directions())
    state.move("age", 1)
    state.failed(Problem("inversion_missing", "It is not there."))
    state.start_afresh()
    state.undo()
    state.faces_found(found(2))
    state.arrived([layers(1)], 1.0)
    assert state.edits == {"smile": 1, "age": 1}
    assert state.works[2].is_nothing
    assert not state.works.can_undo
    state.choose(2)
    state.arrived([layers(2)], 1.0)
    assert state.edits == {}
    assert not state.is_paintable, "the layer keeps its mask in GIMP"


def test_a_fresh_start_keeps_the_layers_mask_where_it_fits() -> None:
    brought = "ef" * 32
    fitting = replace(layers(1), rect=(5, 5, 30, 40))
    for size, expected in (((40, 30), brought), ((41, 30), None)):
        state = EditState(request(inversions=["cd" * 32], layer_mask=brought))
        state.layer_mask = np.full(size, 77, np.uint8)
        state.photograph_opened()
        state.failed(Problem("inversion_missing", "It is not there."))
        state.start_afresh()
        state.faces_found(found(1))
        state.arrived([fitting], 1.0)
        state.directions_arrived(directions())
        assert state.works[1].face_edit(1).layer_mask == expected
        assert state.is_paintable


def test_presets_say_what_the_settings_do() -> None:
    assert [(preset.name, preset.refine_steps) for preset in PRESETS] == [
        ("Fast", 30),
        ("Balanced", Settings().refine_steps),
        ("Best", 200),
    ]
    assert InvertState(request("invert")).preset.name == "Balanced"
    assert not any("mask" in preset.hint for preset in PRESETS), (
        "its area is the same, measured at 60, 160, 400"
    )


def test_presets_and_inverting_again() -> None:
    state = InvertState(request("invert"), usual_steps=70)
    assert state.preset.name == "Balanced"
    ready(state, 2)
    assert state.accepted().refine_steps is None  # as the settings say: finds the same inversion in the cache
    state.choose_preset(PRESETS[2])
    assert state.outdated
    assert state.accepted().refine_steps is None  # what is seen is what is applied
    state.choose_preset(PRESETS[1])
    assert not state.outdated
    state.choose_preset(PRESETS[2])
    state.invert_again()
    assert state.inversion_requests()[0].refine_steps == 200
    state.arrived([layers(1)], 1.0)
    assert state.accepted().refine_steps == 200
    assert not state.outdated


def test_faces_on_screen_are_made_alike() -> None:
    state = InvertState(request("invert"))
    ready(state, 2)
    state.choose_preset(PRESETS[0])
    state.choose(2)
    assert state.stage is Stage.INVERTING
    state.arrived([layers(2)], 1.0)
    state.choose(ALL_FACES)
    assert state.stage is Stage.INVERTING  # face 1 was made with another preset


def test_inverting_again_and_stopping_keeps_what_was_there() -> None:
    state = InvertState(request("invert"))
    ready(state)
    state.choose_preset(PRESETS[2])
    state.invert_again()
    state.stopped()
    assert state.stage is Stage.READY
    assert state.outdated
