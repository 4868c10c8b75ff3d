"""Every error that reaches a user: a stable code, a sentence, a remedy.

    LikenessError
    ├── PhotoError
    │   ├── PhotoUnreadable        photo_unreadable    damaged, or not a picture
    │   └── PhotoTooLarge          photo_too_large     the header claims more pixels than we take
    ├── NoFace                     no_face             nothing found, or not the face that was asked for
    ├── BadRequest                 bad_request         a value that makes no sense; says which
    ├── UnknownDirection           unknown_direction   the model has no direction of that name
    ├── UnknownModel               unknown_model       no model of that name is installed
    ├── ModelDamaged               model_damaged       its files do not hold what they promise
    ├── ModelNotUsable             model_not_usable    installed and whole, but not for what is asked
    ├── ImportRefused              import_refused      files that a user brings; nothing was installed
    │   ├── FileUnreadable         file_unreadable     missing, empty, a folder, a link, no permission
    │   ├── FileDamaged            file_damaged        cut, or lengths and checksums that do not fit
    │   ├── FileUnsafe             file_unsafe         it would run code, or exhaust the machine
    │   ├── FileUnsupported        file_unsupported    harmless, but nothing that we can use; says why
    │   └── TensorUnfit            tensor_unfit        names the tensor that does not fit
    ├── DownloadFailed             download_failed     no address gave the file that was expected
    ├── LicenceNotAccepted         licence_not_accepted  nothing was downloaded
    ├── InversionError
    │   ├── InversionDamaged       inversion_damaged   a file, parasite or cache entry that lies
    │   └── InversionMissing       inversion_missing   not in the cache
    ├── EngineError
    │   ├── EngineUnavailable      engine_unavailable  nobody answers and none could be started
    │   ├── VersionMismatch        version_mismatch    plug-in and engine speak different protocols
    │   ├── Unauthorized           unauthorized        no token, or a wrong one
    │   ├── Busy                   busy                the queue is full
    │   ├── WorkerLost             worker_lost         the process that computes died
    │   └── DialogLost             dialog_lost         the dialog's process died or could not start
    ├── OutOfMemory                out_of_memory       device or host
    ├── DiskFull                   disk_full           nothing was written; earlier files are as they were
    └── InternalError              internal            a defect of ours; the log has the traceback

Codes are part of the protocol and never change their meaning. Cancelling is not an error.
"""

from __future__ import annotations


class LikenessError(Exception):
    """Base of all errors meant for users.

    `sentence` says what happened, `remedy` what to do about it; both are complete sentences or empty.
    """

    code = "internal"

    def __init__(self, sentence: str, remedy: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.sentence} {self.remedy}".strip()

    def to_dict(self) -> dict[str, str]:
        """The form in which an error crosses the socket."""
        return {"code": self.code, "sentence": self.sentence, "remedy": self.remedy}


class PhotoError(LikenessError):
    """Something about the photograph itself."""


class PhotoUnreadable(PhotoError):
    code = "photo_unreadable"


class PhotoTooLarge(PhotoError):
    code = "photo_too_large"


class NoFace(LikenessError):
    code = "no_face"


class BadRequest(LikenessError):
    code = "bad_request"


class UnknownDirection(LikenessError):
    code = "unknown_direction"


class UnknownModel(LikenessError):
    code = "unknown_model"


class ModelDamaged(LikenessError):
    code = "model_damaged"


class ModelNotUsable(LikenessError):
    code = "model_not_usable"


class ImportRefused(LikenessError):
    code = "import_refused"


class FileUnreadable(ImportRefused):
    code = "file_unreadable"


class FileDamaged(ImportRefused):
    code = "file_damaged"

    def __init__(
        self,
        sentence: str,
        remedy: str = "Fetch the file again from its publisher, and compare its size and checksum with what is said there.",
    ) -> None:
        super().__init__(sentence, remedy)


class FileUnsafe(ImportRefused):
    code = "file_unsafe"

    def __init__(
        self,
        sentence: str,
        remedy: str = "Do not use this file; get it from its publisher, or ask for it as safetensors.",
    ) -> None:
        super().__init__(sentence, remedy)


class FileUnsupported(ImportRefused):
    code = "file_unsupported"


class TensorUnfit(ImportRefused):
    code = "tensor_unfit"


class DownloadFailed(LikenessError):
    code = "download_failed"


class LicenceNotAccepted(LikenessError):
    code = "licence_not_accepted"


class InversionError(LikenessError):
    """Something about a stored inversion."""


class InversionDamaged(InversionError):
    code = "inversion_damaged"


class InversionMissing(InversionError):
    code = "inversion_missing"


class EngineError(LikenessError):
    """Something about the processes behind the socket."""


class EngineUnavailable(EngineError):
    code = "engine_unavailable"


class VersionMismatch(EngineError):
    code = "version_mismatch"


class Unauthorized(EngineError):
    code = "unauthorized"


class Busy(EngineError):
    code = "busy"


class WorkerLost(EngineError):
    code = "worker_lost"


class DialogLost(EngineError):
    code = "dialog_lost"


class OutOfMemory(LikenessError):
    code = "out_of_memory"


class DiskFull(LikenessError):
    code = "disk_full"


class InternalError(LikenessError):
    code = "internal"


def _tree(cls: type[LikenessError]) -> dict[str, type[LikenessError]]:
    found = {cls.code: cls}
    for sub in cls.__subclasses__():
        found |= {code: c for code, c in _tree(sub).items() if code != cls.code}
    return found


def from_dict(data: dict[str, str]) -> LikenessError:
    """Rebuild an error that came over the socket; an unknown code becomes a plain `LikenessError`."""
    cls = _tree(LikenessError).get(data.get("code", ""), LikenessError)
    error = cls(data.get("sentence", "The engine reported an error without words."), data.get("remedy", ""))
    error.code = data.get("code", error.code)
    return error
