"""Between a dialog's state and the engine: does in threads what the stage asks for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel
from PyQt5.QtCore import QObject, pyqtSignal

from engine.messages import (
    DetectRequest,
    DetectResult,
    DialogAnswer,
    DirectionList,
    EditRequest,
    EditResult,
    FaceFound,
    InvertResult,
)
from plugin.dialogs.edit_state import EditState
from plugin.dialogs.figures import device_name
from plugin.dialogs.lane import Engine, Errand, Lane
from plugin.dialogs.layers import FaceLayers, Fetcher, fetched, send_masks
from plugin.dialogs.painting import Painting
from plugin.dialogs.pyramid import Pyramid
from plugin.dialogs.state import ALL_FACES, DialogState, Problem, Stage
from plugin.dialogs.work_state import WorkState
from plugin.likeness.client import Client
from plugin.likeness.words import _, said

Json = dict[str, Any]
PREVIEW_PATIENCE = 0.4  # seconds that a quick picture may take after the slider has moved on
GOODBYE_SECONDS = 2.0


def connector(home_root: Path) -> Callable[[], Engine]:
    """Makes clients of the engine that runs in this home."""
    return lambda: Client.connect(home_root)


class Session(QObject):
    """Three lanes: the walk through the stages, the previews, and the model's sliders.

    `photograph` carries the opened picture; `answered` says that the engine has the answer.
    """

    photograph = pyqtSignal(object)
    answered = pyqtSignal()
    _posted = pyqtSignal(object)

    def __init__(self, state: DialogState, job: str, connect: Callable[[], Engine]) -> None:
        super().__init__()
        self.state = state
        self.answering = False  # what was applied is on its way to the engine
        self._job = job
        self._fetcher = Fetcher()
        self._posted.connect(lambda call: call())
        self._walk, self._previews, self._model = (
            Lane(name, connect, self._posted.emit) for name in ("walk", "previews", "model")
        )

    # --- what the window asks for -------------------------------------------------------------------------

    def start(self) -> None:
        self.describe()
        self.proceed()

    def proceed(self) -> None:
        """Do what the state's stage asks for, in place of whatever was under way for an earlier one."""
        if self.state.stage is Stage.OPENING:
            self._open()
        elif self.state.stage is Stage.LOOKING:
            self._look()
        elif self.state.stage is Stage.INVERTING:
            self._invert()
        elif self._walk.busy:
            self._walk.stop()
        else:
            self._rest()

    def choose(self, number: int) -> None:
        self.state.choose(number)
        self.proceed()

    def toggle_face(self, number: int) -> None:
        """One face more or less, where the dialog works on several."""
        if isinstance(self.state, EditState):
            self.state.toggle_face(number)
            self.proceed()

    def retry(self) -> None:
        """Again what failed or was stopped, and only that."""
        self.describe()
        if self.state.problem is not None or self.state.stage is Stage.STOPPED:
            self.state.retry()
            self.proceed()

    def stop(self) -> None:
        """The person stops whatever is under way."""
        self._walk.stop()
        self._previews.stop()

    def describe(self) -> None:
        """Fetch the model's sliders, unless they are there."""
        if not self.state.is_described:
            self._model.submit(Errand(self._fetch_directions, self._directions, self.state.not_described))

    def preview(self, side: int | None, patience: float = PREVIEW_PATIENCE) -> None:
        """Render the sliders as they stand; an older preview is cancelled."""
        request = self.state.preview_request(side) if isinstance(self.state, EditState) else None
        if request is not None:
            masks = self._masks()
            self.state.progress(_("Rendering"))
            self._previews.submit(
                Errand(
                    lambda engine, event: self._edit(engine, request, masks, event),
                    self._rendered,
                    self.state.failed,
                    self._preview_stopped,
                    self._progress,
                    patience,
                )
            )

    def accept(self) -> None:
        """Hand the edit to the engine; `answered` follows."""
        answer = DialogAnswer(accepted=self.state.accepted(), result=self.state.result)
        masks = self._masks()

        def work(engine: Engine, _: Callable[[Json], None]) -> None:
            send_masks(engine, masks)
            engine.answer(self._job, _json(answer))

        self.answering = True
        self.state.progress(_("Handing over to GIMP"))
        self._previews.stop()
        self._walk.submit(Errand(work, lambda *_: self.answered.emit(), self._refused, self._refused))

    def dismiss(self) -> None:
        """Tell the engine that nothing was accepted, as well as can be done in a moment."""
        self.answering = False
        nothing = _json(DialogAnswer())

        def gone(*_: Any) -> None:
            self.answered.emit()

        self._walk.submit(Errand(lambda engine, _: engine.answer(self._job, nothing), gone, gone, gone))
        self._previews.end()
        self._model.end()

    def _refused(self, problem: Problem | None = None) -> None:
        self.answering = False
        self.state.failed(problem) if problem else self.state.stopped()

    def end(self) -> bool:
        """Cancel everything; says whether all threads are gone."""
        gone = [lane.end(GOODBYE_SECONDS) for lane in (self._previews, self._model, self._walk)]
        return all(gone)

    # --- the stages ---------------------------------------------------------------------------------------

    def _open(self) -> None:
        request = self.state.request

        def work(engine: Engine, _: Callable[[Json], None]) -> tuple[Pyramid, np.ndarray | None]:
            pyramid = Pyramid.of(fetched(engine, request.picture))
            mask = fetched(engine, request.layer_mask) if request.layer_mask else None
            return pyramid, None if mask is None else mask[..., 0]

        self._run(_("Opening the photograph"), work, self._opened)

    def _opened(self, opened: tuple[Pyramid, np.ndarray | None], _: float) -> None:
        pyramid, mask = opened
        if isinstance(self.state, EditState):
            self.state.layer_mask = mask
        self.photograph.emit(pyramid)
        self.state.photograph_opened()
        self.proceed()

    def _look(self) -> None:
        reopening = self.state.reopening_request()
        if reopening is not None:
            self._run(
                _("Opening the edit"), lambda e, event: self._edit(e, reopening, [], event), self._reopened
            )
            return
        request = DetectRequest(picture=self.state.request.picture)

        def work(engine: Engine, event: Callable[[Json], None]) -> list[FaceFound]:
            return DetectResult.model_validate(engine.run(_json(request), event)).faces

        self._run(_("Looking for faces"), work, self._found)

    def _found(self, faces: list[FaceFound], _: float) -> None:
        self.state.faces_found(faces)
        self.proceed()

    def _reopened(self, layers: list[FaceLayers], seconds: float) -> None:
        if isinstance(self.state, EditState) and layers:
            self.state.reopened(layers, seconds)
        self._rest()

    def _invert(self) -> None:
        requests = self.state.inversion_requests()

        def work(engine: Engine, event: Callable[[Json], None]) -> list[FaceLayers]:
            layers: list[FaceLayers] = []
            for done, request in enumerate(requests):
                tell = _part_of(event, done, len(requests))
                found = InvertResult.model_validate(engine.run(_json(request), tell))
                layers += [self._fetcher.face(engine, face) for face in found.faces]
            return layers

        several = len(requests) > 1 or requests[0].face == ALL_FACES
        which = _("the faces") if several else _("face {face}").format(face=requests[0].face)
        if len(self.state.faces) == 1:
            which = _("the face")
        self._run(_("Inverting {which}").format(which=which), work, self._inverted)

    def _inverted(self, layers: list[FaceLayers], seconds: float) -> None:
        self.state.arrived(layers, seconds)
        self._rest()

    def _run(
        self,
        message: str,
        work: Callable[[Engine, Callable[[Json], None]], Any],
        done: Callable[[Any, float], None],
    ) -> None:
        self.answering = False
        self._previews.stop()
        self.state.rested()
        self.state.progress(message)
        self._walk.submit(Errand(work, done, self.state.failed, self.state.stopped, self._progress))

    # --- previews and sliders -----------------------------------------------------------------------------

    def _edit(
        self, engine: Engine, request: EditRequest, masks: list[Painting], event: Callable[[Json], None]
    ) -> list[FaceLayers]:
        send_masks(engine, masks)
        found = EditResult.model_validate(engine.run(_json(request), event)).faces
        layers = [self._fetcher.face(engine, face) for face in found]
        return [
            replace(item, asked=request.face_edits.get(item.inversion), kept=request.keep_identity)
            for item in layers
        ]

    def _masks(self) -> list[Painting]:
        return self.state.works.paintings if isinstance(self.state, WorkState) else []

    def _rendered(self, layers: list[FaceLayers], seconds: float) -> None:
        if self.state.stage is Stage.READY:
            self.state.arrived(layers, seconds)
            self._rest()

    def _rest(self) -> None:
        """Nothing is under way, unless what has just come asked for a preview."""
        if not self._previews.busy:
            self.state.rested()

    def _preview_stopped(self) -> None:
        if not self._walk.busy:
            self.state.rested()

    def _fetch_directions(self, engine: Engine, _: Callable[[Json], None]) -> tuple[DirectionList, str]:
        found = DirectionList.model_validate(engine.directions(self.state.request.model))
        worker = engine.status().get("worker") or {}
        return found, device_name(worker.get("device"))

    def _directions(self, answer: tuple[DirectionList, str], _: float) -> None:
        found, device = answer
        if isinstance(self.state, EditState):
            self.state.directions_arrived(found, device)
        else:
            self.state.described(found.model, found.notice, device)

    def _progress(self, event: Json) -> None:
        if event.get("event") == "progress":
            self.state.progress(said(event["message"]), event.get("fraction"), event.get("seconds_left"))


def _part_of(event: Callable[[Json], None], done: int, count: int) -> Callable[[Json], None]:
    """Progress of one of several jobs as progress of all."""

    def tell(told: Json) -> None:
        fraction = told.get("fraction")
        event(
            told
            if fraction is None or count == 1
            else told | {"fraction": (done + fraction) / count, "seconds_left": None}
        )

    return tell


def _json(message: BaseModel) -> Json:
    return message.model_dump(mode="json")
