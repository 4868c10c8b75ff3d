"""What a dialog knows, without Qt: the faces, the one that was picked, what came back, what stands in the way.

A dialog walks through stages, always forward, and back only on demand:

    OPENING ──▶ LOOKING ──▶ INVERTING ──▶ READY
       └───────────┴────────────┴──▶ STOPPED (by the person) or BROKEN (see `problem`) ──▶ the stage it left

Who wants to know subscribes with `observe`; a callback gets the topic that changed. `Session` does what the
stage asks for and reports back; widgets show.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from engine.messages import DialogRequest, EditRequest, FaceFound, InvertRequest, Placement
from plugin.dialogs.faces import Face, face_of
from plugin.dialogs.layers import FaceLayers
from plugin.dialogs.observable import Observable, Topic
from plugin.likeness.words import _, said

ALL_FACES = 0


class Stage(Enum):
    OPENING = auto()
    LOOKING = auto()
    INVERTING = auto()
    READY = auto()
    STOPPED = auto()
    BROKEN = auto()


class View(Enum):
    RESULT = auto()
    ORIGINAL = auto()
    MASK = auto()
    GENERATED = auto()
    FLOW = auto()


OF_THE_MODEL = (View.GENERATED, View.FLOW)  # not of the photograph


@dataclass(frozen=True)
class Problem:
    """An error as a person reads it; `code` decides which button mends it."""

    code: str
    sentence: str
    remedy: str = ""


NO_FACE = Problem(
    "no_face",
    _("No face was found in this layer."),
    _("Use a layer that shows a face from the front or a little from the side, at least 12 pixels wide."),
)


@dataclass(frozen=True)
class Task:
    """Something under way. `fraction` is None until the engine tells; `started` is on the state's clock."""

    message: str
    started: float
    fraction: float | None = None
    seconds_left: float | None = None


class DialogState(Observable, ABC):
    """What Invert and Edit have in common."""

    procedure = _("Face")
    result_name = _("Result")

    def __init__(self, request: DialogRequest, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self.request = request
        self.clock = clock
        self.stage = Stage.OPENING
        self.left = Stage.OPENING  # where STOPPED and BROKEN go back to
        self.problem: Problem | None = None
        self.task: Task | None = None
        self.faces: tuple[Face, ...] = ()
        self.chosen: tuple[int, ...] = ()  # the numbers of the faces that the hand works on
        self.layers: dict[int, FaceLayers] = {}
        self.view = View.RESULT
        self.peeking = False
        self.overlay = False
        self.split = 0.0  # how much of the picture's width, from the left, shows the original
        self.model = request.model or ""
        self.notice = ""
        self.device = ""
        self.is_described = False
        self.model_problem: Problem | None = None
        self.last_seconds: float | None = None
        self.results: tuple[Placement, ...] = () if request.inversions else tuple(request.results)
        self.result: Placement = self.results[0] if self.results else "layer"

    # --- what follows from what is known ------------------------------------------------------------------

    @property
    def heading(self) -> str:
        """The window's title."""
        return f"{self.procedure} — {self.request.title}" if self.request.title else self.procedure

    @property
    def choice(self) -> int:
        """The face that was picked as the protocol numbers it, or `ALL_FACES`; of several, the first."""
        everybody = len(self.chosen) > 1 and len(self.chosen) == len(self.faces)
        return ALL_FACES if everybody or not self.chosen else self.chosen[0]

    @property
    def shown(self) -> tuple[FaceLayers, ...]:
        """What came back for the faces that are seen: those that were picked."""
        return tuple(self.layers[n] for n in self.chosen if n in self.layers)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What there is to say against the faces and what became of them."""
        doubtful = [f for f in self.faces if f.drawback and f.number in self.chosen]
        told = [
            _("Face {number} is {drawback}. An edit of it may disappoint.").format(
                number=f.number, drawback=f.drawback
            )
            for f in doubtful
        ]
        return tuple(dict.fromkeys(filter(None, [*told, *(item.warning for item in self.shown)])))

    @property
    def complete(self) -> bool:
        """Everything chosen has been inverted."""
        return bool(self.chosen) and all(n in self.layers for n in self.chosen)

    @property
    def views(self) -> tuple[View, ...]:
        """What can be looked at."""
        return (View.RESULT, View.ORIGINAL, View.MASK, View.GENERATED)

    @property
    def shown_view(self) -> View:
        return View.ORIGINAL if self.peeking else self.view

    @property
    def can_apply(self) -> bool:
        return self.stage is Stage.READY and self.complete

    @property
    def where(self) -> str:
        """The line at the bottom: model, device, and that nothing leaves."""
        return " · ".join(word for word in (self.model, self.device, _("stays on this machine")) if word)

    def inversion_requests(self) -> list[InvertRequest]:
        """What INVERTING asks the engine for, one after the other."""
        missing = [n for n in self.chosen if n not in self.layers]
        everybody = self.choice == ALL_FACES and len(missing) == len(self.faces)
        return [self._inversion(n) for n in ([ALL_FACES] if everybody else missing)]

    def _inversion(self, face: int) -> InvertRequest:
        return InvertRequest(
            picture=self.request.picture,
            face=face,
            faces=self.request.faces,
            refine_steps=self.request.refine_steps,
            model=self.request.model,
        )

    def reopening_request(self) -> EditRequest | None:
        """What LOOKING asks for when the layer brought its inversions along; None: detect faces."""
        return None

    @abstractmethod
    def accepted(self) -> InvertRequest | EditRequest:
        """What Apply hands to the engine."""

    # --- what happens -------------------------------------------------------------------------------------

    def photograph_opened(self) -> None:
        self._enter(Stage.LOOKING)

    def faces_found(self, found: Sequence[FaceFound]) -> None:
        offered = self.request.faces
        self.faces = tuple(face_of(f) for f in found if not offered or f.number in offered)
        if not self.faces:
            self.failed(NO_FACE)
            return
        numbers = [f.number for f in self.faces]
        first = next((f.number for f in self.faces if not f.drawback), numbers[0])
        self.chosen = (self.request.face if self.request.face in numbers else first,)
        self.tell(Topic.FACES)
        self._enter(Stage.READY if self.complete else Stage.INVERTING)

    def choose(self, number: int) -> None:
        """Pick one face, or `ALL_FACES`."""
        numbers = tuple(f.number for f in self.faces)
        self.pick(numbers if number == ALL_FACES else (number,))

    def pick(self, numbers: tuple[int, ...]) -> None:
        """Pick these faces. Back to INVERTING when one has not been inverted yet."""
        known = {f.number for f in self.faces}
        if numbers == self.chosen or not known.issuperset(numbers) or not numbers:
            return
        if self.stage in (Stage.OPENING, Stage.LOOKING):
            return
        self.chosen = numbers
        self.tell(Topic.FACES)
        self._enter(Stage.READY if self.complete else Stage.INVERTING)

    def arrived(self, layers: Sequence[FaceLayers], seconds: float) -> None:
        """Layers of a finished inversion or edit, and how long it took."""
        self.layers |= {item.number: item for item in layers}
        self.last_seconds = seconds
        self.tell(Topic.LAYERS)
        if self.stage is Stage.READY and self.problem is not None:
            self._enter(Stage.READY)
        if self.stage is Stage.INVERTING:
            if self.complete:
                self._enter(Stage.READY)
            else:
                self.failed(NO_FACE)

    def progress(self, message: str, fraction: float | None = None, seconds_left: float | None = None) -> None:
        """Something is under way; the first call starts the clock."""
        now = self.clock()
        started = self.task.started if self.task else now
        if seconds_left is None and fraction and fraction > 0.05 and now - started > 2:
            seconds_left = (now - started) * (1 - fraction) / fraction
        self.task = Task(message, started, fraction, seconds_left)
        self.tell(Topic.TASK)

    def rested(self) -> None:
        """Nothing is under way any more."""
        self.task = None
        self.tell(Topic.TASK)

    def failed(self, problem: Problem) -> None:
        """What was under way failed. With something to show the dialog is READY: that is still true."""
        self.problem = problem
        self._leave_to(Stage.BROKEN)

    def stopped(self) -> None:
        self._leave_to(Stage.STOPPED)

    def retry(self) -> None:
        """Back to the stage that was stopped or broke."""
        self._enter(self.left)

    def described(self, model: str, notice: str, device: str) -> None:
        """The engine said what it works with."""
        self.model, self.notice, self.device = model, said(notice), device
        self.is_described, self.model_problem = True, None
        self.tell(Topic.DIRECTIONS)

    def not_described(self, problem: Problem) -> None:
        """The engine could not say; the walk goes on, Edit has no sliders until a retry."""
        self.model_problem = problem
        self.tell(Topic.DIRECTIONS)

    # --- how it is looked at ------------------------------------------------------------------------------

    def look_at(self, view: View) -> None:
        self.view = view
        self.tell(Topic.VIEW)

    def peek(self, peeking: bool) -> None:
        """While Space is held: the original."""
        self.peeking = peeking
        self.tell(Topic.VIEW)

    def split_at(self, part: float) -> None:
        """Left of here, the original."""
        self.split = min(1.0, max(0.0, part))
        self.tell(Topic.VIEW)

    def choose_result(self, result: object) -> None:
        """One of `results`, or nothing happens. A layer that is taken up again stays the layer that it is."""
        for known in self.results:
            if known == result:
                self.result = known
        self.tell(Topic.RESULT)

    def toggle_overlay(self) -> None:
        self.overlay = not self.overlay
        self.tell(Topic.VIEW)

    # --- inside -------------------------------------------------------------------------------------------

    def _enter(self, stage: Stage) -> None:
        self.stage = stage
        self.problem = None
        self.tell(Topic.STAGE)

    def _leave_to(self, stage: Stage) -> None:
        self.task = None
        if self.stage not in (Stage.STOPPED, Stage.BROKEN):
            self.left = self.stage
        self.stage = Stage.READY if self.complete else stage
        self.tell(Topic.STAGE)
