"""The command line, on an engine with a fake worker (tests/service/fake_worker.py says what that makes)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from engine.cli import main
from engine.paths import Home
from installer.profiles import find_profiles, plugin_problem
from tests.conftest import LivingEngine, end_home, new_home
from tests.service.engines import start, wait_until, worker_pid

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def shared() -> Iterator[LivingEngine]:
    home = new_home()
    living = LivingEngine(home, start(home))
    (home.inversions / f"{'ab' * 32}.safetensors").write_bytes(b"an inversion")
    yield living
    end_home(home)


@pytest.fixture
def engine(shared: LivingEngine, monkeypatch: pytest.MonkeyPatch) -> LivingEngine:
    monkeypatch.setenv("LIKENESS_HOME", str(shared.home.root))
    return shared


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "a photo.png"
    pixels = np.random.default_rng(3).integers(0, 256, (40, 30, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = main([str(argument) for argument in arguments])
    said = capsys.readouterr()
    return code, said.out, said.err


def run_json(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, dict[str, Any]]:
    code, out, err = run(capsys, *arguments, "--json")
    assert err == ""
    assert out.count("\n") == 1
    return code, json.loads(out)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nonsense"],
        ["invert", "photo.png"],
        ["edit", "photo.png", "-o", "out.png"],
        ["edit", "photo.png", "-o", "folder/", "--set", "smile=1"],
        ["restore", "photo.png", "--region", "mask.png", "-o", "folder/"],
        ["invert", "photo.png", "-o", "out", "--flow", "folder/"],
        ["models", "export", "default", "-o", "folder/"],
        ["edit", "photo.png", "-o", "out.png", "--set", "smile"],
        ["edit", "photo.png", "-o", "out.png", "--set", "smile=much"],
        ["edit", "photo.png", "-o", "out.png", "--set", "smile=nan"],
        ["edit", "photo.png", "-o", "out.png", "--set", "=1"],
        ["edit", "photo.png", "-o", "out.png", "--set", "smile=1", "--keep-identity", "1.5"],
        ["edit", "photo.png", "-o", "out.png", "--set", "smile=1", "--blend", "paint"],
        ["batch", "photos", "-o", "out"],
        ["batch", "photos", "-o", "out", "--set", "smile=1", "--jobs", "0"],
        ["invert", "photo.png", "-o", "out", "--face", "-1"],
        ["invert", "photo.png", "-o", "out", "--refine-steps", "1.5"],
        ["restore", "photo.png", "-o", "out.png"],
        ["restore", "photo.png", "--region", "mask.png"],
        ["dialog", "paint", "photo.png"],
    ],
)
def test_wrong_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert capsys.readouterr().err


def test_invert(engine: LivingEngine, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "new" / "folder"
    code, data = run_json(capsys, "invert", photo, "-o", folder, "--face", 1, "--refine-steps", 5)
    assert code == 0
    names = ["result.png", "generated.png", "invertibility_mask.png", "inversion.safetensors"]
    assert data["written"] == [str(folder / name) for name in names]
    assert data["faces"][0].keys() >= {
        "number",
        "box",
        "landmark_error",
        "invertibility_mask_area",
        "from_cache",
        "inversion",
    }
    assert data["seconds"] >= 0
    before = np.asarray(Image.open(photo))
    result, generated, mask = (np.asarray(Image.open(folder / name)) for name in names[:3])
    assert np.array_equal(result[:20], 255 - before[:20])
    assert np.array_equal(result[20:], before[20:])
    assert np.array_equal(generated, 255 - before)
    assert mask.shape == (40, 30)
    assert (mask[:20] == 0).all()
    assert (mask[20:] == 255).all()
    assert (folder / "inversion.safetensors").read_bytes() == b"an inversion"


def test_edit(engine: LivingEngine, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "out.tif"
    code, out, err = run(capsys, "edit", photo, "--set", "smile=1.0", "--set", "age=-0.5", "-o", output)
    assert code == 0
    assert str(output) in out
    assert "Working…" in err
    before, after = np.asarray(Image.open(photo)), np.asarray(Image.open(output))
    assert np.array_equal(after[:20], 255 - before[:20])
    assert np.array_equal(after[20:], before[20:])
    _, data = run_json(capsys, "edit", photo, "--set", "age=-0.5", "-o", output)
    assert data["faces"][0]["edits"] == {"age": -0.5}


def test_warnings_are_said(
    engine: LivingEngine, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit = ("edit", photo, "-o", tmp_path / "out.png", "--set")
    assert run(capsys, *edit, "age=-2")[1].endswith("\nThe face fits badly.\n")
    data = run_json(capsys, *edit, "age=-2")[1]
    assert data["notes"] == ["The face fits badly."]
    assert data["faces"][0]["warning"] == "The face fits badly."
    assert run_json(capsys, *edit, "age=1")[1]["notes"] == []


def test_restore(engine: LivingEngine, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mask, output = tmp_path / "mask.png", tmp_path / "out.png"
    region = np.zeros((40, 30), np.uint8)
    region[5:9, 3:7] = 255
    Image.fromarray(region).save(mask)
    restore = ("restore", photo, "--region", mask, "-o", output)
    code, data = run_json(capsys, *restore)
    assert code == 0
    assert data.keys() == {"written", "model", "rect", "faces", "seconds", "notes"}
    assert (data["written"], data["notes"]) == ([str(output)], [])
    before, after = np.asarray(Image.open(photo)), np.asarray(Image.open(output))
    assert np.array_equal(after[region > 0], 255 - before[region > 0])
    assert np.array_equal(after[region == 0], before[region == 0])
    Image.fromarray(region // 2).save(mask)
    assert run(capsys, *restore)[1].endswith(f"Written: {output}\nSome of it is smooth.\n")


def test_a_region_of_another_size_starts_no_engine(
    home: Home, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mask = tmp_path / "mask.png"
    Image.new("L", (30, 41)).save(mask)
    code, data = run_json(capsys, "restore", photo, "--region", mask, "-o", tmp_path / "out.png")
    assert (code, data["error"]["code"]) == (1, "bad_request")
    assert "30 × 41 pixels, the photograph 30 × 40" in data["error"]["sentence"]
    assert not home.connection_file.exists()


def test_unknown_direction(
    engine: LivingEngine, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(capsys, "edit", photo, "--set", "wings=1", "-o", tmp_path / "out.png")
    assert (code, out) == (1, "")
    assert "wings" in err
    assert "smile, age" in err
    assert not (tmp_path / "out.png").exists()


def test_no_face(engine: LivingEngine, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, data = run_json(capsys, "edit", photo, "--set", "fail=1", "-o", tmp_path / "out.png")
    assert code == 1
    assert data["error"]["code"] == "no_face"
    assert data["error"]["remedy"]


def test_what_cannot_be_read_or_written_starts_no_engine(
    home: Home, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit = ("--set", "smile=1", "-o")
    assert run(capsys, "edit", tmp_path / "none.png", *edit, tmp_path / "out.png")[0] == 1
    assert "no folder" in run(capsys, "edit", photo, *edit, tmp_path / "none" / "out.png")[2]
    assert "cannot be written as “.xyz”" in run(capsys, "edit", photo, *edit, tmp_path / "out.xyz")[2]
    assert "is a folder" in run(capsys, "edit", photo, *edit, tmp_path)[2]
    before = photo.read_bytes()
    assert "overwrite the photograph" in run(capsys, "edit", photo, *edit, photo)[2]
    assert photo.read_bytes() == before
    code, _, err = run(capsys, "invert", photo, "-o", photo / "folder")
    assert code == 1
    assert "cannot be made" in err
    assert not home.connection_file.exists()


def test_dialog(engine: LivingEngine, photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    accepted = photo.rename(photo.with_name("accept"))  # the fake dialog goes by the title, the file's name
    code, data = run_json(capsys, "dialog", "edit", accepted)
    assert code == 0
    assert data["written"] == [str(photo.with_name("accept-edited"))]
    code, data = run_json(capsys, "dialog", "edit", accepted)
    assert data["written"] == [str(photo.with_name("accept-edited-2"))]
    closed = accepted.rename(photo.with_name("close"))
    code, data = run_json(capsys, "dialog", "edit", closed, "-o", photo.with_name("out.png"))
    assert (code, data["error"]["code"]) == (1, "cancelled")
    assert not photo.with_name("out.png").exists()


def test_directions(engine: LivingEngine, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "directions")
    assert code == 0
    assert "smile" in out
    assert run_json(capsys, "directions")[1]["directions"][0]["minimum"] == -2
    code, data = run_json(capsys, "directions", "--model", "other")
    assert (code, data["error"]["code"]) == (1, "unknown_model")


def test_status_and_stop(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "status") == (1, "", "No engine is running.\n")
    assert run(capsys, "stop") == (0, "No engine is running.\n", "")
    start(home)
    code, out, _ = run(capsys, "status")
    assert code == 0
    assert out.startswith("Engine 0.")
    assert run_json(capsys, "status")[1]["protocol"] == 1
    assert run_json(capsys, "stop") == (0, {"stopped": True})
    assert run(capsys, "status")[0] == 1


def test_serve_when_one_runs(engine: LivingEngine) -> None:
    said = subprocess.run(
        [sys.executable, "-m", "engine", "serve", "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert said.returncode == 0
    assert json.loads(said.stdout)["running"]


@pytest.fixture
def heeded_sigint() -> Iterator[None]:
    """Children heed SIGINT, also where the tests run in the background of a shell, which has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heeded_sigint")
def test_interrupted(engine: LivingEngine, photo: Path, tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "engine"), "edit", str(photo), "--set", "seconds=10", "-o", "out.png"]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        wait_until(lambda: any(job["state"] == "running" for job in engine.client.status()["jobs"]))
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=10)
    assert process.returncode == 130
    assert out == ""
    assert "Traceback" not in err
    wait_until(lambda: engine.client.status()["jobs"] == [])
    assert not (tmp_path / "out.png").exists()


def test_f24_names_that_are_not_utf8(
    engine: LivingEngine, photo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = photo.rename(Path(os.fsdecode(os.fsencode(photo.parent) + b"/caf\xe9.png")))
    output = odd.with_name(odd.stem + "-2.png")
    assert run(capsys, "edit", odd, "--set", "smile=1", "-o", output)[0] == 0
    assert output.exists()
    assert run_json(capsys, "edit", odd, "--set", "smile=1", "-o", output)[1]["written"] == [str(output)]


def test_doctor(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    code, data = run_json(capsys, "doctor")
    subjects = {finding["subject"] for finding in data["findings"]}
    assert {"Python", "torch", "home", "disk", "memory", "engine", "GIMP"} <= subjects
    assert code == (0 if data["healthy"] else 1)
    home.create()
    home.inversions.chmod(0o755)
    home.settings_file.write_text('{"threads": "many"}')
    code, out, _ = run(capsys, "doctor")
    assert code == 1
    assert "bad   home" in out
    assert "bad   settings" in out


def test_doctor_names_the_workers_device(engine: LivingEngine, capsys: pytest.CaptureFixture[str]) -> None:
    worker_pid(engine.client)
    findings = run_json(capsys, "doctor")[1]["findings"]
    assert "is ready on fake." in next(f["sentence"] for f in findings if f["subject"] == "engine")


def test_gimp_profiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    profile = tmp_path / ".config/GIMP/3.0"
    flatpak = tmp_path / ".var/app/org.gimp.GIMP/config/GIMP/3.2"
    snap = tmp_path / "snap/gimp/current/.config/GIMP/3.0"
    for folder in (profile, flatpak, snap, tmp_path / ".config/GIMP/2.10", tmp_path / ".config/GIMP/3.x"):
        folder.mkdir(parents=True)
    found = find_profiles(tmp_path, "linux")
    assert [(p.folder, p.sandboxed) for p in found] == [(profile, False), (flatpak, True), (snap, True)]
    assert "not installed" in plugin_problem(profile)
    folder = profile / "plug-ins" / "likeness"
    folder.mkdir(parents=True)
    script = folder / "likeness.py"
    script.touch(0o644)
    assert "run bit" in plugin_problem(profile)
    script.chmod(0o755)
    assert "location.json" in plugin_problem(profile)
    (folder / "location.json").write_text(json.dumps({"home": "/x", "command": [sys.executable, "serve"]}))
    assert plugin_problem(profile) == ""
