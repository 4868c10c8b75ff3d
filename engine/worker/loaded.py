"""The models in memory: loaded once, and again when their files have changed; generators on the device that suits them.

A generator computes where its weights are and answers where its latent is (`Generator.skip_images`): all else of an
inversion or an edit stays on the CPU. Weights are mapped from their files, so a model that rests costs no memory that
the machine could not take back.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import torch

from engine.errors import BadRequest
from engine.paths import Home
from engine.settings import Settings, load_settings
from engine.weights.direction_vectors import VECTORS
from engine.weights.directions import TABLE
from engine.weights.model_inverters import Inverters, inverter_files, load_inverters
from engine.weights.models import Model, open_model
from engine.weights.store import WEIGHTS, model_folder

MOST = 2
SMALL_RESOLUTION = 256  # px up to which a generator is quickest on the CPU
DEVICES = ("auto", "cuda", "mps", "cpu")

Stamp = tuple[tuple[int, int], ...]


def choose_device(wish: str) -> torch.device:
    """The device that the setting `device` names, for “auto” the best one that is there. Raises `BadRequest`."""
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if wish == "auto":
        return torch.device(next(name for name, is_there in there.items() if is_there))
    if not there.get(wish):
        names = ", ".join(name for name, is_there in there.items() if is_there)
        raise BadRequest(
            f"The setting “device” is “{wish[:20]}”, which this machine does not have.",
            f"Set it to “auto”, or to what is there: {names}.",
        )
    return torch.device(wish)


class LoadedModels:
    """`on_drop` is called when a model has gone from here: whoever still holds it lets go of it then."""

    def __init__(self, home: Home, settings: Settings, on_drop: Callable[[], None]) -> None:
        self._home = home
        self._settings = settings
        self._on_drop = on_drop
        self._loaded: OrderedDict[str, tuple[Stamp, Model, Inverters]] = OrderedDict()
        self.device = choose_device(settings.device)

    def get(self, name: str | None) -> Model:
        """The model; None: the one in the settings, as they are now. Raises as `open_model`, and `BadRequest`."""
        if name is None:
            name = (
                load_settings(self._home).model if self._home.settings_file.exists() else self._settings.model
            )
        folder = model_folder(name, self._home)
        stamp = _stamp(folder)
        known = self._loaded.get(name)
        if known is None or known[0] != stamp:
            self._drop(name)
            while len(self._loaded) >= MOST:
                self._drop(next(iter(self._loaded)))
            model = self._open(name)
            self._loaded[name] = stamp, model, load_inverters(model, folder)
        self._loaded.move_to_end(name)
        return self._loaded[name][1]

    def inverters(self, model: Model) -> Inverters:
        """What inverts into a model that `get` gave last."""
        return self._loaded[model.name][2]

    def _open(self, name: str) -> Model:
        model = open_model(name, self._home, torch.device("cpu"))
        if self._settings.device != "auto" or model.resolution > SMALL_RESOLUTION:
            model.generator.to(self.device)
        return model

    def _drop(self, name: str) -> None:
        if self._loaded.pop(name, None) is not None:
            self._on_drop()


def _stamp(folder: Path) -> Stamp:
    """When a model's files were written, and how large they are."""
    files = (*(folder / name for name in (WEIGHTS, TABLE, VECTORS)), *inverter_files(folder))
    states = (path.stat() for path in files if path.exists())
    return tuple((state.st_mtime_ns, state.st_size) for state in states)
