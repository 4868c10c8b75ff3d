"""The service with its real worker: what needs torch, and what the cache keeps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from engine.paths import Home
from plugin.likeness.client import Client
from plugin.likeness.launch import ensure_engine
from tests.conftest import START, LivingEngine
from tests.service.engines import Run, wait_until

PHOTO = Path(__file__).parents[1] / "photos" / "astronaut.png"


def send_photo(client: Client) -> str:
    pixels = np.asarray(Image.open(PHOTO).convert("RGBA"))
    return client.send_picture(pixels.shape[1], pixels.shape[0], "RGBA u8", pixels.tobytes())["id"]


def test_detect(real_engine: LivingEngine) -> None:
    request = {"kind": "detect", "picture": send_photo(real_engine.client)}
    faces = real_engine.client.run(request, lambda event: None)["faces"]
    assert [face["number"] for face in faces] == [1]
    assert real_engine.client.status()["worker"]["device"]


def test_cancel(real_engine: LivingEngine) -> None:
    client = real_engine.client
    run = Run(client, {"kind": "invert", "picture": send_photo(client), "refine_steps": 5000})
    wait_until(lambda: run.events and run.events[-1].get("fraction", 0) > 0.05, 60)
    client.hang_up()
    wait_until(lambda: client.status()["worker"]["state"] == "ready")


def test_inversions_outlive_the_engine(home: Home) -> None:
    client = ensure_engine(home.root, START)
    request = {"kind": "invert", "refine_steps": 1}
    first = client.run(request | {"picture": send_photo(client)}, lambda event: None)["faces"][0]
    assert not first["from_cache"]
    kept = client.inversion(first["inversion"])
    pid = client.status()["pid"]
    client.stop()
    client = ensure_engine(home.root, START)
    assert client.status()["pid"] != pid
    again = client.run(request | {"picture": send_photo(client)}, lambda event: None)["faces"][0]
    assert again["from_cache"]
    assert again["inversion"] == first["inversion"]
    assert again["layer"] == first["layer"]
    assert client.inversion(first["inversion"]) == kept
    assert client.add_inversion(kept)["id"] == first["inversion"]
