"""Photographs as files: read into upright 8-bit RGB with all that is needed to write them back.

Pixels are gamma-encoded as they stand in the file; a colour profile is kept and written back, not applied
(except for CMYK and Lab, which have no RGB of their own).
"""

from __future__ import annotations

import io
import math
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, UnidentifiedImageError, features

from engine.errors import PhotoTooLarge, PhotoUnreadable
from engine.photo import exif, jpeg
from engine.photo.encoding import SUFFIXES, WITH_ALPHA, encode, output_format, profile_space
from engine.storage import shared_mode, write_whole

__all__ = ["LARGEST", "SUFFIXES", "Photo", "load_photo", "save_photo"]

LARGEST = 200_000_000  # pixels; a header that claims more is refused before anything is decoded
Image.MAX_IMAGE_PIXELS = LARGEST  # Pillow's own limit, lower, would be in the way

# Only these are opened: Pillow's other readers are little used, and some of them start other programs.
READABLE = ["JPEG", "PNG", "TIFF", "WEBP", "BMP", "GIF", *(["AVIF"] if features.check("avif") else [])]
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # EXIF orientation → what makes it upright

CONVERTED = ("CMYK", "LAB")  # layouts without an RGB of their own

# TIFF tags that say something about the picture, not about how the file stores it.
EXIF_DIRECTORY, GPS_DIRECTORY = 34665, 34853
DESCRIPTIVE_TAGS = (270, 271, 272, 305, 306, 315, 316, 33432, EXIF_DIRECTORY, GPS_DIRECTORY)


@dataclass(frozen=True)
class Source:
    """The file that a photograph was read from, and what tells whether it still is that file."""

    path: Path
    size: int
    modified_ns: int

    @classmethod
    def of(cls, path: Path | str) -> Source:
        facts = Path(path).stat()
        return cls(Path(path).absolute(), facts.st_size, facts.st_mtime_ns)

    def is_as_read(self) -> bool:
        try:
            return Source.of(self.path) == self
        except OSError:
            return False


@dataclass(frozen=True, eq=False)
class Photo:
    """A photograph as it was read.

    pixels: [H,W,3] uint8 RGB, upright. alpha: [H,W] uint8 or None.
    format: Pillow's name of the file's type. mode: Pillow's name of the file's pixel layout.
    orientation: the EXIF orientation, 1..8, that has been applied to the pixels.
    exif: the EXIF block as it was read, or empty. icc_profile: the colour profile, or None.
    dpi: pixels per inch, x and y, or None.
    grey16: [H,W] uint16, the original values of a grey 16-bit file, upright, or None.
    notes: sentences for the user about what working in 8-bit RGB loses.
    source: the file, and its state when it was read.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None
    format: str
    mode: str
    orientation: int
    exif: bytes
    icc_profile: bytes | None
    dpi: tuple[float, float] | None
    grey16: np.ndarray | None
    notes: tuple[str, ...]
    source: Source

    @property
    def is_grey(self) -> bool:
        """Whether the file held no colours."""
        return self.mode in ("1", "L", "LA", "La", "I", "F") or self.mode.startswith("I;16")


def load_photo(path: Path | str) -> Photo:
    """Read a photograph: JPEG, PNG, TIFF, WebP, BMP, AVIF, or the first picture of a GIF (or of a phone's MPO).

    Raises:
        PhotoTooLarge: the header claims more than 200 million pixels.
        PhotoUnreadable: no such file, no picture, damaged, cut short, or values that have no place in 8 bits.
    """
    name = _printable(path)
    try:
        source = Source.of(path)
        with Image.open(path, formats=READABLE) as image:
            if image.width * image.height > LARGEST:
                raise _too_large(name)
            return _read(image, name, source)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_large(name) from error
    except (PhotoUnreadable, PhotoTooLarge, MemoryError):
        raise
    except FileNotFoundError as error:
        raise PhotoUnreadable(f"There is no file “{name}”.", "Check its name and folder.") from error
    except IsADirectoryError as error:
        raise PhotoUnreadable(f"“{path}” is a folder, not a photograph.", "Name a file.") from error
    except UnidentifiedImageError as error:
        remedy = "Use a JPEG, PNG, TIFF, WebP, BMP, AVIF or GIF file."
        raise PhotoUnreadable(f"“{name}” is not a picture of a known type.", remedy) from error
    except Exception as error:  # on damaged files Pillow's decoders raise anything
        remedy = "Open it in GIMP and export it anew, or use another copy."
        raise PhotoUnreadable(f"“{name}” cannot be read ({error}).", remedy) from error


def save_photo(photo: Photo, pixels: np.ndarray, path: Path | str) -> None:
    """Write new pixels in place of a photograph's own, with its transparency, EXIF and colour profile.

    The file appears whole or not at all. Where no pixel has changed and the type is the photograph's own, it is
    the photograph's file, byte for byte. PNG, TIFF, WebP and BMP keep every pixel. JPEG from JPEG is encoded as
    the photograph was (see `engine.photo.jpeg`), from other types at quality 95, 4:4:4. EXIF is kept but for its
    orientation (the pixels are upright) and its thumbnail (of the old ones).

    Args:
        photo: as it was read.
        pixels: [H,W,3] uint8 RGB, of the photograph's size.
        path: its suffix decides the type; without one it is the photograph's own, or PNG.

    Raises:
        BadRequest: the suffix is of no type that can be written, or of one that cannot hold so long a picture.
        DiskFull, OSError: the file cannot be written.
    """
    if pixels.dtype != np.uint8 or pixels.shape != photo.pixels.shape:
        raise ValueError(f"expected uint8 {photo.pixels.shape}, not {pixels.dtype} {pixels.shape}")
    kind = output_format(Path(path), photo.format)
    target = Path(os.path.realpath(path))
    changed = (pixels != photo.pixels).any(-1)
    is_own = kind == ("JPEG" if photo.format == "MPO" else photo.format) and photo.source.is_as_read()
    if is_own and photo.orientation == 1 and photo.mode not in CONVERTED and not changed.any():
        write_whole(target, photo.source.path.read_bytes(), shared_mode(target))
        return
    image, how = _to_image(photo, pixels, kind), None
    if is_own and kind == "JPEG":
        turn = TURNS.get(photo.orientation)
        alike = jpeg.like_source(photo.source.path, image, changed, photo.orientation, turn)
        image, how = alike or (image, None)
    encoded = encode(image, kind, exif.upright(photo.exif), photo.icc_profile, photo.dpi, how)
    write_whole(target, encoded, shared_mode(target))


def _read(image: Image.Image, name: str, source: Source) -> Photo:
    """Decode an opened file."""
    kind, mode = image.format or "", image.mode
    sixteen = mode.startswith("I;16") or ";16" in repr(getattr(image, "tile", ""))  # the decoder's layout
    block, orientation = _exif_of(image)
    notes = ["Only the first picture of the file is used."] if getattr(image, "n_frames", 1) > 1 else []
    image.load()
    profile = image.info.get("icc_profile") or None
    # Pillow turns TIFFs upright by itself, and then no longer tells their orientation.
    turn = image.getexif().get(exif.ORIENTATION, 1) if kind == "TIFF" else orientation
    upright = image.transpose(TURNS[turn]) if turn in TURNS else image
    if mode in CONVERTED:
        upright, profile = _through_profile(upright, profile), None
        notes.append(f"The photograph's {mode} colours were converted to sRGB.")
    elif sixteen:
        notes.append("The photograph's 16 bits per colour are edited as 8.")
    rgb, alpha, grey16 = _to_rgb(upright, name)
    return Photo(
        pixels=rgb, alpha=alpha, format=kind, mode=mode, orientation=orientation, exif=block,
        icc_profile=profile, dpi=_dpi_of(image), grey16=grey16, notes=tuple(notes), source=source,
    )  # fmt: skip


def _to_rgb(image: Image.Image, name: str) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
    """RGB [H,W,3] uint8, alpha [H,W] uint8 or None, grey [H,W] uint16 or None."""
    if image.mode.startswith("I") or image.mode == "F":
        values = np.asarray(image)
        if image.mode == "F":
            grey, grey16, most = values * 255.0, None, 255.0
        else:
            grey, grey16, most = values / 257.0, values.astype(np.uint16), 255.0
        if not (np.isfinite(grey).all() and grey.min() >= 0 and grey.max() <= most):
            raise PhotoUnreadable(
                f"“{name}” holds values beyond those of a photograph.", "Export it from GIMP with 8 or 16 bits."
            )
        return np.repeat(np.rint(grey).astype(np.uint8)[..., None], 3, 2), None, grey16
    if image.has_transparency_data:
        rgba = np.array(image.convert("RGBA"))
        return np.ascontiguousarray(rgba[..., :3]), rgba[..., 3].copy(), None
    return np.array(image.convert("RGB")), None, None


def _through_profile(image: Image.Image, profile: bytes | None) -> Image.Image:
    """CMYK or Lab → sRGB, by the file's own profile if it has a fitting one."""
    srgb = ImageCms.createProfile("sRGB")
    if image.mode == "LAB":
        source = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    elif profile and profile_space(profile) == image.mode:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    else:
        return image.convert("RGB")
    converted = ImageCms.profileToProfile(image, source, srgb, outputMode="RGB")
    return image.convert("RGB") if converted is None else converted


def _to_image(photo: Photo, pixels: np.ndarray, kind: str) -> Image.Image:
    """The picture to be encoded: grey if it was and still is, with its transparency where the type has it."""
    grey = photo.is_grey and bool((pixels == pixels[..., :1]).all())
    if grey and photo.grey16 is not None and kind in ("PNG", "TIFF"):
        changed = pixels[..., 0] != photo.pixels[..., 0]
        return Image.fromarray(np.where(changed, pixels[..., 0].astype(np.uint16) * 257, photo.grey16))
    image = Image.fromarray(np.ascontiguousarray(pixels[..., 0] if grey else pixels))
    if photo.alpha is None:
        return image
    alpha = Image.fromarray(photo.alpha)
    if kind in WITH_ALPHA:
        image.putalpha(alpha)
        return image
    return Image.composite(image, Image.new(image.mode, image.size, "white"), alpha)


def _exif_of(image: Image.Image) -> tuple[bytes, int]:
    """The EXIF block of a file not yet decoded, and its orientation."""
    block = image.info.get("exif")
    if isinstance(block, bytes) and block:
        return block, exif.orientation_of(block)
    tags = image.getexif()
    orientation = tags.get(exif.ORIENTATION, 1)
    kept = Image.Exif()
    for tag in DESCRIPTIVE_TAGS:
        if tag in (EXIF_DIRECTORY, GPS_DIRECTORY):
            if directory := tags.get_ifd(tag):
                kept.get_ifd(tag).update(directory)
                kept[tag] = directory
        elif tag in tags:
            kept[tag] = tags[tag]
    return (kept.tobytes() if len(kept) else b""), orientation if orientation in TURNS else 1


def _dpi_of(image: Image.Image) -> tuple[float, float] | None:
    try:
        x, y = (float(v) for v in image.info["dpi"])
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    return (x, y) if all(math.isfinite(v) and 1 <= v <= 65_535 for v in (x, y)) else None


def _printable(path: Path | str) -> str:
    """A file's name for a sentence; bytes that are no UTF-8 become �."""
    return os.fsencode(Path(path).name).decode("utf-8", "replace")


def _too_large(name: str) -> PhotoTooLarge:
    return PhotoTooLarge(
        f"“{name}” claims to have more than {LARGEST // 10**6} million pixels.",
        "Scale it down, or crop it, first.",
    )
