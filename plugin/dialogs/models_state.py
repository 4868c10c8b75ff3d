"""What the models' window knows, without Qt: what is installed, what can be downloaded, what is under way.

Whatever changes a model is done one after the other (`task`); downloads go on beside it, one at a time, and a paused
one continues where it was, also after the window was closed: the engine keeps what has arrived.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath

from plugin.dialogs.chores import ChoreState, Json
from plugin.dialogs.observable import Topic
from plugin.dialogs.state import Problem
from plugin.likeness.words import _

NEW = "new"  # the page for files that are to be imported


@dataclass(frozen=True)
class Model:
    """One that is installed. `lines` say what it is; `problem` why it cannot be used, else empty."""

    name: str
    embedded: bool
    size: int
    problem: str
    resolution: int
    licence: str
    lines: tuple[str, ...]

    @classmethod
    def of(cls, data: Json) -> Model:
        facts = data["facts"] or {"resolution": 0, "licence": ""}
        return cls(
            data["name"],
            data["embedded"],
            data["bytes"],
            data["problem"],
            facts["resolution"],
            facts["licence"],
            tuple(data["lines"]),
        )


@dataclass(frozen=True)
class Offer:
    """One of the catalogue. `size` is 0 where none was published; `have` bytes have arrived before."""

    name: str
    description: str
    size: int
    have: int
    fetched: bool
    licences: tuple[tuple[str, str, str], ...]  # name, text, address

    @classmethod
    def of(cls, data: Json) -> Offer:
        licences = tuple((one["name"], one["text"].strip(), one["address"]) for one in data["licences"])
        return cls(data["name"], data["description"], data["bytes"], data["have"], data["fetched"], licences)


@dataclass(frozen=True)
class Direction:
    """An edit direction. One with a `vector` can be changed here; `strip` is the id of its preview, or empty."""

    name: str
    label: str
    vector: str
    hidden: bool
    strip: str = ""


@dataclass(frozen=True)
class Download:
    """A download of this window: `is_running`, else paused. `message` says how far it is."""

    fraction: float = 0.0
    message: str = ""
    is_running: bool = True


class ModelsState(ChoreState):
    """Told what the engine answers and what the hand does; widgets observe it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(clock)
        self.models: tuple[Model, ...] = ()
        self.offers: tuple[Offer, ...] = ()
        self.used = ""
        self.selected: Model | Offer | str | None = None  # `NEW` for the page with files
        self.files: tuple[str, ...] = ()
        self.accepted: set[str] = set()
        self.downloads: dict[str, Download] = {}
        self.directions: dict[str, tuple[Direction, ...]] = {}
        self.notes: dict[str, tuple[str, ...]] = {}  # what an import or a discovery had to say, by model

    # --- what follows from what is known ------------------------------------------------------------------

    @property
    def where(self) -> str:
        return _("“{used}” is used where no other is named").format(used=self.used) if self.used else ""

    def may_download(self, offer: Offer) -> bool:
        return offer.name in self.accepted and self.name_for(offer.name) == offer.name

    def name_for(self, wish: str) -> str:
        """A usable name that no model has, like `wish`."""
        name = re.sub(r"[^A-Za-z0-9_-]+", "-", wish).strip("-_")[:60] or "model"
        taken = {model.name for model in self.models}
        names = (name, *(f"{name}-{number}" for number in range(2, 1000)))
        return next(one for one in names if one not in taken)

    @property
    def suggested_name(self) -> str:
        return self.name_for(PurePath(self.files[0]).stem if self.files else "")

    # --- what the hand does -------------------------------------------------------------------------------

    def select(self, selected: Model | Offer | str | None) -> None:
        self.selected, self.problem = selected, None
        self.tell(Topic.STAGE)

    def add_files(self, files: Sequence[str]) -> None:
        """Files that make one model."""
        self.files = tuple(dict.fromkeys((*self.files, *files)))
        self.select(NEW)

    def forget_files(self) -> None:
        self.files = ()
        self.select(self.models[0] if self.models else None)

    def accept(self, offer: Offer, accepted: bool) -> None:
        """The person ticks that the terms were read and are accepted."""
        (self.accepted.add if accepted else self.accepted.discard)(offer.name)
        self.tell(Topic.STAGE)

    # --- what happens -------------------------------------------------------------------------------------

    def listed(self, answer: Json) -> None:
        """What is there now; the selection stays where it can."""
        self.models = tuple(Model.of(one) for one in answer["models"])
        self.offers = tuple(Offer.of(one) for one in answer["catalogue"])
        self.used = answer["model"]
        if self.selected != NEW:
            there = {one.name: one for one in (*self.offers, *self.models)}
            name = self.selected.name if isinstance(self.selected, Model | Offer) else self.used
            self.selected = there.get(name) or (self.models[0] if self.models else None)
        self.tell(Topic.MODELS)
        self.tell(Topic.STAGE)

    def imported(self, answer: Json) -> None:
        """The files have become a model, which is looked at next; a list follows."""
        name = answer["name"]
        self.files = ()
        self.notes[name] = tuple(answer["notes"])
        self.selected = Model(name, False, 0, "", 0, "", tuple(answer["lines"]))

    def downloaded(self, answer: Json) -> None:
        """A download has become a model; a list follows."""
        self.downloads.pop(answer["name"], None)
        self.notes[answer["name"]] = tuple(answer["notes"])

    def described(self, model: str, answer: Json) -> None:
        """A model's directions, some of them with a new strip; the others keep theirs."""
        old = {one.vector: one.strip for one in self.directions.get(model, ()) if one.vector}
        strips = {name: picture["id"] for name, picture in answer["strips"].items()}
        self.directions[model] = tuple(
            Direction(
                one["name"],
                one["label"],
                one["vector"],
                one["hidden"],
                strips.get(one["name"], old.get(one["vector"], "")),
            )
            for one in answer["directions"]
        )
        if answer["notes"]:
            self.notes[model] = tuple(answer["notes"])
        self.tell(Topic.DIRECTIONS)
        self.tell(Topic.STAGE)

    def downloading(self, name: str, event: Json | None = None) -> None:
        """A download begins, or has come further; any other one is paused by that."""
        for other, found in self.downloads.items():
            if other != name:
                self.downloads[other] = replace(found, is_running=False)
        if event is None:
            self.problem = None
            self.downloads[name] = replace(self.downloads.get(name, Download()), is_running=True)
        elif event.get("event") == "progress":
            self.downloads[name] = Download(event["fraction"], event["message"])
        self.tell(Topic.STAGE)

    def paused(self, name: str, problem: Problem | None = None) -> None:
        if name in self.downloads:
            self.downloads[name] = replace(self.downloads[name], is_running=False)
        self.problem = problem or self.problem
        self.tell(Topic.STAGE)
