"""What may go wrong with files and models that a user brings; they belong under `engine.errors.LikenessError`.

LikenessError
├── ImportRefused                import_refused     the base; nothing was installed
│   ├── FileUnreadable           file_unreadable    missing, empty, a folder, a link, no permission
│   ├── FileDamaged              file_damaged       cut, or lengths and checksums that do not fit
│   ├── FileUnsafe               file_unsafe        it would run code, or exhaust the machine
│   ├── FileUnsupported          file_unsupported   harmless, but nothing that we can use; says why
│   └── TensorUnfit              tensor_unfit       names the tensor that does not fit
└── ModelNotUsable               model_not_usable   installed and whole, but the engine cannot edit with it yet
"""

from __future__ import annotations

from engine.errors import LikenessError

BRING_AGAIN = (
    "Fetch the file again from its publisher, and compare its size and checksum with what is said there."
)
DO_NOT_TRUST = "Do not use this file; get it from its publisher, or ask for it as safetensors."


class ImportRefused(LikenessError):
    code = "import_refused"


class FileUnreadable(ImportRefused):
    code = "file_unreadable"


class FileDamaged(ImportRefused):
    code = "file_damaged"

    def __init__(self, sentence: str, remedy: str = BRING_AGAIN) -> None:
        super().__init__(sentence, remedy)


class FileUnsafe(ImportRefused):
    code = "file_unsafe"

    def __init__(self, sentence: str, remedy: str = DO_NOT_TRUST) -> None:
        super().__init__(sentence, remedy)


class FileUnsupported(ImportRefused):
    code = "file_unsupported"


class TensorUnfit(ImportRefused):
    code = "tensor_unfit"


class ModelNotUsable(LikenessError):
    code = "model_not_usable"
