#!/usr/bin/env python3
"""What GIMP runs: `plug-ins/likeness/likeness.py`, which must have its run bit.

The folder is loaded as the package `likeness`, so that its modules say `from .client import Client` here as in
the repository, where the package is `plugin.likeness`.
"""

import importlib.util
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent


def load_package(folder: Path) -> None:
    """Put `folder` into `sys.modules` as the package `likeness`."""
    places = [str(folder)]
    spec = importlib.util.spec_from_file_location(
        "likeness", folder / "__init__.py", submodule_search_locations=places
    )
    package = importlib.util.module_from_spec(spec)
    sys.modules["likeness"] = package
    spec.loader.exec_module(package)


if __name__ == "__main__":
    load_package(FOLDER)
    from likeness import batch, forgetting, gimpfu_compat, models, procedures, restoring, settings

    procedures.declare()
    restoring.declare()
    models.declare()
    settings.declare()
    forgetting.declare()
    batch.declare()
    gimpfu_compat.main()
