"""What the Invert dialog knows beyond the faces: how thoroughly to search. Without Qt."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from engine.messages import DialogRequest, EditRequest, InvertRequest
from engine.settings import PRESETS as NAMED
from plugin.dialogs.layers import FaceLayers
from plugin.dialogs.observable import Topic
from plugin.dialogs.state import Stage, View
from plugin.dialogs.work_state import WorkState
from plugin.likeness.words import _

USUAL_STEPS = NAMED["balanced"]


@dataclass(frozen=True)
class Preset:
    name: str
    refine_steps: int
    hint: str


PRESETS = (
    Preset(_("Fast"), NAMED["fast"], _("Quicker; the colours agree less with the photograph.")),
    Preset(_("Balanced"), USUAL_STEPS, _("The default.")),
    Preset(_("Best"), NAMED["best"], _("Takes longer; the colours agree best.")),
)


class InvertState(WorkState):
    """`steps` is what the preset says, `steps_done` what the layers on screen were made with."""

    procedure = _("Invert Face")
    result_name = _("Inverted")

    def __init__(
        self,
        request: DialogRequest,
        usual_steps: int = USUAL_STEPS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(request, clock)
        self._usual_steps = usual_steps
        self.view = View.GENERATED  # unedited, the blend is the photograph: there is nothing to see in it
        self.steps = request.refine_steps
        self.steps_done = self.steps

    @property
    def views(self) -> tuple[View, ...]:
        return (*super().views, View.FLOW)

    @property
    def preset(self) -> Preset:
        """The preset nearest to what was asked for."""
        return self._nearest(self.steps)

    @property
    def outdated(self) -> bool:
        """Another preset is chosen than the one the picture was made with."""
        return self.complete and self.steps != self.steps_done

    def choose_preset(self, preset: Preset) -> None:
        """Does not start anything: `invert_again` does."""
        if preset != self.preset:
            self.steps = self.steps_done if preset == self._nearest(self.steps_done) else preset.refine_steps
            self.tell(Topic.PRESET)

    def choose(self, number: int) -> None:
        if self.outdated and number != self.choice:
            self.layers = {}  # so that all faces on screen were made alike
        super().choose(number)

    def invert_again(self) -> None:
        """Invert the chosen faces with the preset; the picture stays until the new one is there."""
        self.layers = {item.number: item for item in self.shown}
        self._enter(Stage.INVERTING)

    def arrived(self, layers: Sequence[FaceLayers], seconds: float) -> None:
        self.steps_done = self.steps
        super().arrived(layers, seconds)

    def inversion_requests(self) -> list[InvertRequest]:
        return [self._inversion(self.choice).model_copy(update={"refine_steps": self.steps, "flow": True})]

    def accepted(self) -> InvertRequest | EditRequest:
        """What is seen is what is applied: the steps of the picture on screen, and the masks as they are painted."""
        if not any(self.works[n].painting for n in self.chosen):
            return self._inversion(self.choice).model_copy(update={"refine_steps": self.steps_done})
        inversions = {n: self.layers[n].inversion for n in self.chosen}
        return EditRequest(
            picture=self.request.picture,
            face=self.choice,
            refine_steps=self.steps_done,
            model=self.request.model,
            inversions=list(inversions.values()),
            face_edits={inversion: self.works[n].face_edit(n) for n, inversion in inversions.items()},
        )

    @property
    def worked_on(self) -> tuple[int, ...]:
        """Here only what was picked is shown and applied."""
        return tuple(n for n in self.chosen if n in self.layers)

    def _nearest(self, steps: int | None) -> Preset:
        wanted = self._usual_steps if steps is None else steps
        return min(PRESETS, key=lambda p: abs(p.refine_steps - wanted))
