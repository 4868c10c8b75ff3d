"""Between the models' state and the engine: what changes models in one lane, downloads in another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from plugin.dialogs.chore_session import ChoreSession
from plugin.dialogs.chores import Json
from plugin.dialogs.lane import Engine, Errand
from plugin.dialogs.models_state import Direction, ModelsState, Offer
from plugin.likeness.words import _

Pixels = tuple[int, int, bytes]  # width, height, RGB u8


class ModelsSession(ChoreSession):
    """What its lanes bring goes into the state, but for the pixels of preview strips."""

    def __init__(self, state: ModelsState, connect: Callable[[], Engine]) -> None:
        super().__init__(state, connect)
        self.state = state
        self._strips: dict[str, Pixels] = {}
        self._is_stale = False  # a download has made a model while something else was under way
        self._downloads = self.add_lane("downloads")

    def refresh(self, asked: bool = False) -> None:
        """Once nothing else is under way."""
        self._is_stale = not self.state.is_free
        if not self._is_stale:
            self._ask({"do": "list"}, _("Looking at the models"), self.state.listed, asked)

    def import_files(self, name: str) -> None:
        self._ask({"do": "import", "name": name, "files": list(self.state.files)}, _("Reading"), self._imported)

    def remove(self, name: str) -> None:
        self._ask({"do": "remove", "name": name}, _("Removing"), lambda _: self.refresh())

    def use(self, name: str) -> None:
        self._ask({"do": "use", "name": name}, _("Choosing"), lambda _: self.refresh())

    def show_directions(self, model: str) -> None:
        """With a strip for each that can be painted."""
        self._change(model, _("Painting what the directions do"), strips="all")

    def discover(self, model: str) -> None:
        self._change(model, _("Looking for directions"), discover="both", strips="all")

    def flip(self, model: str, direction: Direction) -> None:
        self._change(model, _("Turning the direction round"), flip=[direction.name])

    def scale(self, model: str, direction: Direction, factor: float) -> None:
        self._change(model, _("Changing the steps"), scale=[(direction.name, factor)])

    def hide(self, model: str, direction: Direction, hidden: bool) -> None:
        hide, show = ([direction.name], []) if hidden else ([], [direction.name])
        self._change(model, _("Changing what is offered"), hide=hide, show=show)

    def rename(self, model: str, direction: Direction, name: str) -> None:
        self._change(model, _("Naming the direction"), rename=[(direction.name, name)])

    def download(self, offer: Offer) -> None:
        """Begin, or go on; nothing is asked for before the terms are accepted."""
        if not self.state.may_download(offer):
            return
        name = offer.name
        request = {"do": "download", "entry": name, "name": name, "accepted": True}
        self.state.downloading(name)
        self._downloads.submit(
            Errand(
                lambda engine, event: engine.models(request, event),
                lambda answer, _: self._downloaded(answer),
                lambda problem: self.state.paused(name, problem),
                lambda: self.state.paused(name),
                lambda event: self.state.downloading(name, event),
            )
        )

    def pause(self) -> None:
        """The download ends for now; what has arrived stays with the engine."""
        self._downloads.stop()

    def rested(self) -> None:
        if self._is_stale:
            self.refresh()

    # --- inside -------------------------------------------------------------------------------------------

    def _change(self, model: str, message: str, strips: str = "changed", **wishes: Any) -> None:
        request = {"do": "directions", "name": model, "strips": strips, **wishes}

        def work(engine: Engine, event: Callable[[Json], None]) -> Json:
            answer = engine.models(request, event)
            for picture in answer["strips"].values():
                self._fetch(engine, picture["id"])
            return answer

        self.submit(work, message, lambda answer: self.state.described(model, answer))

    def _fetch(self, engine: Engine, identity: str) -> None:
        """In the lane's thread, before the answer that names it is told."""
        if identity not in self._strips:
            facts, pixels = engine.fetch_picture(identity)
            self._strips[identity] = (facts["width"], facts["height"], pixels)

    def pixels(self, strip: str) -> Pixels | None:
        """Of a strip that has arrived."""
        return self._strips.get(strip)

    def _imported(self, answer: Json) -> None:
        self.state.imported(answer)
        self.refresh()

    def _downloaded(self, answer: Json) -> None:
        self.state.downloaded(answer)
        self.refresh()

    def _ask(self, request: Json, message: str, done: Callable[[Json], None], asked: bool = True) -> None:
        self.submit(lambda engine, event: engine.models(request, event), message, done, asked)
