"""DESIGN.md's arrows: who may import whom, and who must stay free of torch."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# Torch-free and small: every process may have them.
SHARED = {
    "engine.errors",
    "engine.messages",
    "engine.paths",
    "engine.settings",
    "engine.private",
    "engine.spool",
    "engine.storage",
    "engine.forgetting",
    "engine.logs",
}
NETWORKS = {"engine.networks"}
FACES = {"engine.faces"}
WEIGHTS = {"engine.weights", *NETWORKS, *SHARED}
INVERSION = {"engine.inversion", *WEIGHTS, *FACES}
EDITING = {"engine.editing", "engine.blending", *INVERSION}
CLIENT = {"plugin.likeness"}

# Who (the longest name that fits) may import what of ours; `engine.errors` and one's own package always.
ALLOWED: dict[str, set[str]] = {
    "engine.errors": set(),
    "engine.messages": set(),
    "engine.paths": set(),
    "engine.settings": {"engine.paths", "engine.storage"},
    "engine.private": {"engine.paths"},
    "engine.spool": {"engine.messages", "engine.paths", "engine.storage"},
    "engine.storage": set(),
    "engine.forgetting": {"engine.messages", "engine.paths", "engine.private", "engine.storage"},
    "engine.logs": set(),
    "engine.compose": {"engine.messages"},
    "engine.flow_colours": set(),
    "engine.photo": {"engine.storage"},
    "engine.networks": set(),
    "engine.faces": set(),
    "engine.weights": WEIGHTS,
    "engine.inversion": INVERSION,
    "engine.blending": {"engine.faces"},
    "engine.editing": EDITING,
    "engine.training": {"engine.photo", *EDITING},
    "engine.evaluation": {"engine.training", *EDITING},
    "engine.worker": {"engine.flow_colours", *EDITING},
    "engine.worker.link": {"engine.worker.stop", *SHARED},
    "engine.worker.stop": set(),
    "engine.service": {"engine.worker.link", *SHARED, *CLIENT},
    "engine.cli": {
        *("engine.service", "engine.photo", "engine.compose", "engine.flow_colours", "installer.profiles"),
        *SHARED,
        *CLIENT,
    },
    "engine.cli.batch": {"engine.batch", "engine.cli.report", "engine.photo", *SHARED},
    "engine.batch": {"engine.photo", "engine.worker.link", *SHARED},
    "engine.batch.cluster": {"engine.batch.editor", *SHARED},
    "engine.batch.editor": {"engine.worker", "engine.weights", "engine.photo", "engine.compose", *SHARED},
    "engine.cli.train": {"engine.cli.report", "engine.evaluation", "engine.settings", "engine.training"},
    "engine.__main__": {"engine.cli"},
    "plugin.dialogs": {"engine.photo", "engine.compose", *SHARED, *CLIENT},
    "plugin.catalogue": {"plugin.likeness"},
    "plugin.likeness": set(),
    "installer": {"engine.photo", *SHARED, *CLIENT},
    "installer.profiles": set(),
}

TORCH_FREE = (
    "engine.service.server",
    "engine.worker.link",
    "engine.cli",
    "engine.cli.train",
    "engine.cli.photographs",
    "engine.cli.batch",
    "engine.cli.doctor",
    "engine.compose",
    "engine.photo",
    "engine.spool",
    "plugin.likeness.launch",
    "plugin.dialogs.__main__",
)


def modules() -> Iterator[tuple[str, Path]]:
    for package in ("engine", "plugin", "installer"):
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def imports_of(name: str, path: Path) -> Iterator[str]:
    """All modules that a file imports, wherever in it, as absolute names."""
    package = name if path.stem == "__init__" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            # `from engine import paths` imports a module, `from engine import __version__` does not.
            yield from (
                f"{module}.{alias.name}" if is_module(f"{module}.{alias.name}") else module
                for alias in node.names
            )


def is_module(name: str) -> bool:
    path = ROOT / name.replace(".", "/")
    return path.with_suffix(".py").exists() or path.is_dir()


def within(name: str, allowed: str) -> bool:
    return name == allowed or name.startswith(f"{allowed}.")


def rule_for(name: str) -> str | None:
    return max((rule for rule in ALLOWED if within(name, rule)), key=len, default=None)


ALL = dict(modules())
PACKAGES = {"engine", "plugin"}  # what their __init__ holds anyone may have


@pytest.mark.parametrize("name", sorted(set(ALL) - PACKAGES - {"installer"}))
def test_directions(name: str) -> None:
    rule = rule_for(name)
    assert rule, f"{name} has no rule in ALLOWED"
    allowed = {"engine.errors", rule, *ALLOWED[rule]}
    for imported in imports_of(name, ALL[name]):
        if imported.split(".")[0] in ("engine", "plugin", "installer") and imported not in PACKAGES:
            assert any(within(imported, one) for one in allowed), f"{name} imports {imported}"


def test_rules_name_what_exists() -> None:
    """A rule for a module that has gone would wait for somebody to make it again, and allow it anything."""
    for rule, allowed in ALLOWED.items():
        for name in (rule, *allowed):
            assert name in ALL, f"there is no {name} (rule of {rule})"
    assert set(TORCH_FREE) <= set(ALL)


def test_networks_stand_alone() -> None:
    for name, path in ALL.items():
        if within(name, "engine.networks"):
            for imported in imports_of(name, path):
                top = imported.split(".")[0]
                allowed = top in sys.stdlib_module_names or top == "torch"
                assert allowed or within(imported, "engine.networks"), f"{name} imports {imported}"


def test_profiles_use_the_standard_library_only() -> None:
    for imported in imports_of("installer.profiles", ALL["installer.profiles"]):
        assert imported.split(".")[0] in sys.stdlib_module_names, imported


def test_inside_gimp_only_the_standard_library_and_gi() -> None:
    for name, path in ALL.items():
        if within(name, "plugin.likeness"):
            for imported in imports_of(name, path):
                top = imported.split(".")[0]
                # `likeness` is what the folder is called where it is loaded by GIMP.
                allowed = top in sys.stdlib_module_names or top in ("gi", "likeness")
                allowed = allowed or within(imported, "plugin.likeness")
                assert allowed, f"{name} imports {imported}"


def test_inside_gimp_imports_of_ours_are_relative() -> None:
    """There the folder is a package of another name."""
    for name, path in ALL.items():
        if within(name, "plugin.likeness"):
            text = path.read_text("utf-8")
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.ImportFrom) and not node.level:
                    assert (node.module or "").split(".")[0] not in ("plugin", "engine"), name


@pytest.mark.parametrize("name", TORCH_FREE)
def test_free_of_torch(name: str) -> None:
    program = f"import sys, {name}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT).returncode == 0
