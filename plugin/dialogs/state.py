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

from engine.messages import DialogRequest, EditRequest, FaceFound, InvertRequest
from plugin.dialogs.layers import FaceLayers

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


class Topic(Enum):
    STAGE = auto()
    FACES = auto()
    LAYERS = auto()
    TASK = auto()
    VIEW = auto()
    DIRECTIONS = auto()
    EDITS = auto()
    SLIDERS = auto()
    PRESET = auto()


@dataclass(frozen=True)
class Problem:
    """An error as a person reads it; `code` decides which button mends it."""

    code: str
    sentence: str
    remedy: str = ""


@dataclass(frozen=True)
class Task:
    """Something under way. `fraction` is None until the engine tells; `started` is on the state's clock."""

    message: str
    started: float
    fraction: float | None = None
    seconds_left: float | None = None


@dataclass(frozen=True)
class Face:
    """A face that can be picked. `box` is (x, y, width, height) in the photograph."""

    number: int
    box: tuple[float, float, float, float]


class DialogState(ABC):
    """What Invert and Edit have in common."""

    procedure = "Face"
    result_name = "Result"

    def __init__(self, request: DialogRequest, clock: Callable[[], float] = time.monotonic) -> None:
        self.request = request
        self.clock = clock
        self.stage = Stage.OPENING
        self.left = Stage.OPENING  # where STOPPED and BROKEN go back to
        self.problem: Problem | None = None
        self.task: Task | None = None
        self.faces: tuple[Face, ...] = ()
        self.choice = ALL_FACES
        self.layers: dict[int, FaceLayers] = {}
        self.view = View.RESULT
        self.peeking = False
        self.overlay = False
        self.model = request.model or ""
        self.notice = ""
        self.device = ""
        self.is_described = False
        self.model_problem: Problem | None = None
        self.last_seconds: float | None = None
        self._observers: list[Callable[[Topic], None]] = []

    # --- who wants to know --------------------------------------------------------------------------------

    def observe(self, callback: Callable[[Topic], None]) -> None:
        self._observers.append(callback)

    def tell(self, topic: Topic) -> None:
        for callback in self._observers:
            callback(topic)

    # --- what follows from what is known ------------------------------------------------------------------

    @property
    def heading(self) -> str:
        """The window's title."""
        return f"{self.procedure} — {self.request.title}" if self.request.title else self.procedure

    @property
    def chosen(self) -> tuple[int, ...]:
        """The numbers of the faces that the hand works on."""
        return tuple(f.number for f in self.faces) if self.choice == ALL_FACES else (self.choice,)

    @property
    def shown(self) -> tuple[FaceLayers, ...]:
        """What came back for these faces."""
        return tuple(self.layers[n] for n in self.chosen if n in self.layers)

    @property
    def complete(self) -> bool:
        """Everything chosen has been inverted."""
        return bool(self.chosen) and all(n in self.layers for n in self.chosen)

    @property
    def shown_view(self) -> View:
        return View.ORIGINAL if self.peeking else self.view

    @property
    def can_apply(self) -> bool:
        return self.stage is Stage.READY and self.complete

    @property
    def where(self) -> str:
        """The line at the bottom: model, device, and that nothing leaves."""
        return " · ".join(word for word in (self.model, self.device, "stays on this machine") if word)

    def inversion_request(self) -> InvertRequest:
        """What INVERTING asks the engine for."""
        return InvertRequest(
            picture=self.request.picture,
            face=self.choice,
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
        self.faces = tuple(Face(f.number, f.box) for f in found)
        if not self.faces:
            self.failed(_no_face())
            return
        numbers = [f.number for f in self.faces]
        self.choice = self.request.face if self.request.face in numbers else numbers[0]
        self.tell(Topic.FACES)
        self._enter(Stage.READY if self.complete else Stage.INVERTING)

    def choose(self, number: int) -> None:
        """Pick a face, or `ALL_FACES`. Back to INVERTING when it has not been inverted yet."""
        if number == self.choice or self.stage in (Stage.OPENING, Stage.LOOKING):
            return
        if number != ALL_FACES and number not in {f.number for f in self.faces}:
            return
        self.choice = number
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
                self.failed(_no_face())

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
        """The person stopped what was under way."""
        self._leave_to(Stage.STOPPED)

    def retry(self) -> None:
        """Back to the stage that was stopped or broke."""
        self._enter(self.left)

    def described(self, model: str, notice: str, device: str) -> None:
        """The engine said what it works with."""
        self.model, self.notice, self.device = model, notice, device
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


def _no_face() -> Problem:
    return Problem(
        "no_face",
        "No face was found in this layer.",
        "Use a layer that shows a face from the front or a little from the side, at least 12 pixels wide.",
    )
