"""`torch.save` files without torch: the zip form (since 1.6) and the older one.

Source of the formats: torch/serialization.py, `_save`, `_legacy_save`.

Zip: one folder with `data.pkl`, where tensors refer to storages by ('storage', type, key, device, count), and
`data/KEY`, the storages' bytes. Older: five pickles (a magic number, 1001, facts about the machine, the value, the
storages' keys), then for each key its count as int64 and its bytes. The older form is also what NVIDIA's pickles hold
inside themselves, one for each storage.
"""

from __future__ import annotations

import struct
from typing import Any

from engine.errors import FileDamaged, FileUnsafe, FileUnsupported
from engine.weights.importers.archive import read_archive
from engine.weights.importers.inert import NAMES, ElementType, Storage
from engine.weights.importers.pickles import Budget, Callee, PickleReader

MAGIC = 0x1950A86A20F9469CFC6C
_VERSION = 1001
_COUNT = struct.Struct("<q")


def read_zip(data: memoryview) -> Any:
    """The value in a file of the zip form. Raises `FileUnsafe`, `FileDamaged`, `FileUnsupported`."""
    entries = read_archive(data)
    pickles = [name for name in entries if name.count("/") == 1 and name.endswith("/data.pkl")]
    if len(pickles) != 1:
        raise FileUnsupported(
            "It is a zip file, but no checkpoint: it does not hold one data.pkl.", "Give the checkpoint itself."
        )
    root = pickles[0].removesuffix("data.pkl")
    if f"{root}constants.pkl" in entries or any(name.startswith(f"{root}code/") for name in entries):
        raise FileUnsupported(
            "It is a TorchScript programme, not a checkpoint.", "Give the state dict that it was made from."
        )
    if bytes(entries.get(f"{root}byteorder", memoryview(b"little"))).strip() != b"little":
        raise FileUnsupported("Its numbers have another byte order.", "Save it again on this machine.")
    storages: dict[str, Storage] = {}

    def storage_of(what: Any) -> Storage:
        key, storage = _reference(what)
        if key in storages:
            return _same(storages[key], storage)
        content = entries.get(f"{root}data/{key}")
        if content is None:
            raise FileDamaged(f"Its storage {key[:40]} is missing.")
        storage.fill(content, key[:40])
        storages[key] = storage
        return storage

    return _one_value(PickleReader(entries[pickles[0]], NAMES, storage_of), len(entries[pickles[0]]))


def read_pickled(data: memoryview) -> Any:
    """The value in a plain pickle, or in a file of torch's older form. Raises as `read_zip`."""
    budget = Budget()

    def load_from_bytes(content: Any) -> Any:
        """Stands in for `torch.storage._load_from_bytes`; what is inside may hold nothing of that kind again."""
        if not isinstance(content, memoryview):
            raise ValueError("no bytes")
        if not is_older_form(content):
            raise FileUnsafe("A storage in its pickle is no file of torch's.")
        return _read_older_form(content, budget, NAMES)

    names = {
        **NAMES,
        "torch.storage _load_from_bytes": Callee("torch.storage._load_from_bytes", load_from_bytes),
    }
    if is_older_form(data):
        return _read_older_form(data, budget, NAMES)
    return _one_value(PickleReader(data, names, budget=budget), len(data))


def is_older_form(data: memoryview) -> bool:
    head = bytes(data[:16])
    return head[:1] == b"\x80" and MAGIC.to_bytes(10, "little") in head


def _read_older_form(data: memoryview, budget: Budget, names: dict[str, Any]) -> Any:
    storages: dict[str, Storage] = {}

    def storage_of(what: Any) -> Storage:
        key, storage = _reference(what)
        if key not in storages:
            storages[key] = storage
        return _same(storages[key], storage)

    reader = PickleReader(data, names, storage_of, budget)
    magic, version, machine, value, keys = (reader.read() for _ in range(5))
    if magic != MAGIC or version != _VERSION or type(machine) is not dict or type(keys) is not list:
        raise FileDamaged("It begins like a file of torch's and goes on otherwise.")
    if machine.get("little_endian") is not True:
        raise FileUnsupported("Its numbers have another byte order.", "Save it again on this machine.")
    at = reader.position
    for key in keys:
        storage = storages.pop(key, None) if isinstance(key, str) else None
        if storage is None:
            raise FileDamaged("It holds a storage that none of its tensors uses.")
        if at + _COUNT.size > len(data) or _COUNT.unpack(data[at : at + _COUNT.size])[0] != storage.count:
            raise FileDamaged(f"Its storage {key[:40]} is cut, or has another size than promised.")
        at += _COUNT.size
        end = at + storage.count * storage.element.bytes
        storage.fill(data[at:end], key[:40])
        at = end
    if storages or at != len(data):
        raise FileDamaged("It has fewer storages than promised, or bytes after them.")
    return value


def _reference(what: Any) -> tuple[str, Storage]:
    """What a persistent id promises. In the older form a view of another storage may follow; nobody writes it."""
    match what:
        case ("storage", ElementType() as element, str(key), str(), int(count)) if 0 <= count < 1 << 40:
            return key, Storage(element, count)
        case ("storage", ElementType() as element, str(key), str(), int(count), None) if 0 <= count < 1 << 40:
            return key, Storage(element, count)
    raise FileDamaged("A tensor in it refers to what is no storage.")


def _same(known: Storage, again: Storage) -> Storage:
    if (known.element, known.count) != (again.element, again.count):
        raise FileDamaged("It describes one of its storages in two ways.")
    return known


def _one_value(reader: PickleReader, length: int) -> Any:
    value = reader.read()
    if reader.position != length:
        raise FileUnsafe("Bytes follow the end of its pickle.")
    return value
