"""The cache of kernels is renewed whenever a module changes whose kernels or constants others compile in."""

from __future__ import annotations

import ast
from pathlib import Path

from models.faces import compiled

PACKAGE = Path(compiled.__file__).parent


def imported(tree: ast.Module) -> dict[str, str]:
    """Name in a module → file of this package that it comes from."""
    found: dict[str, str] = {}
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("models.faces"):
            for name in node.names:
                home = name.name if node.module == "models.faces" else node.module.rpartition(".")[2]
                found[name.asname or name.name] = f"{home}.py"
    return found


def used_in_kernels(tree: ast.Module) -> set[str]:
    """Names that stand in the bodies of a module's kernels."""
    return {
        leaf.id
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and any("kernel" in ast.dump(mark) for mark in node.decorator_list)
        for statement in node.body
        for leaf in ast.walk(statement)
        if isinstance(leaf, ast.Name)
    }


def test_every_module_that_other_kernels_use_is_hashed():
    for path in sorted(PACKAGE.glob("*.py")):
        tree = ast.parse(path.read_text())
        sources = imported(tree)
        for name in used_in_kernels(tree) & set(sources):
            assert sources[name] in compiled.SHARED, f"{path.name} compiles in {name} of {sources[name]}"


def test_the_folder_s_name_follows_the_sources():
    assert compiled.cache_folder() == compiled.cache_folder()
    assert compiled.cache_folder().name.startswith("faces-kernels-")
