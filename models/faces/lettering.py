"""Captions, words and watermarks: they lie in the picture, not before the person."""

from __future__ import annotations

import math
import string

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from models.faces.occluder_canvas import Canvas, over
from models.faces.sitter import Sitter

_WORDS = ("PREVIEW", "SAMPLE", "© photo", "DRAFT", "NEWS", "LIVE", "proof", "Nr.", "wow!!", "lol", "do not copy",
          "happy birthday", "2024-08-17", "12:45", "Exclusive", "you & me", "?", "STOCK", "hello", "SALE -50%")  # fmt: skip
_SLANT = 0.55  # radians, of repeated watermarks at most


def draw_text(sitter: Sitter, canvas: Canvas, rng: np.random.Generator) -> None:
    """A caption, a big word, or a repeated translucent watermark, with or without a stroke."""
    side, style = sitter.canvas_size, rng.choice(3, p=(0.4, 0.3, 0.3))
    text = " ".join(_word(rng) for _ in range(int(rng.integers(1, 4 if style == 0 else 2))))
    height = side * (rng.uniform(0.06, 0.13), rng.uniform(0.14, 0.34), rng.uniform(0.06, 0.12))[style]
    stroke = int(rng.integers(1, 1 + max(1, round(height / 12)))) if rng.random() < 0.5 else 0
    fill, outline = _lettering(text, height, stroke)
    if style == 2:
        gap = rng.uniform(0.3, 1.2, 2) * height
        fill, outline = (_repeated(image, side, gap) for image in (fill, outline))
    angle = rng.uniform(-_SLANT, _SLANT) if style == 2 else rng.normal(0, 0.12) * (rng.random() < 0.4)
    low = rng.choice((0.1, 0.5, 0.85), p=(0.25, 0.35, 0.4))
    middle = (
        np.array([rng.normal(0.5, 0.12), low + rng.normal(0, 0.05)]) * side
        if style < 2
        else np.full(2, side / 2)
    )
    inside, around = (_pasted(image, side, middle, angle) for image in (fill, outline))
    opacity = rng.uniform(0.25, 0.7) if style == 2 else rng.choice((1.0, rng.uniform(0.6, 1)))
    colour = np.ones(3) if rng.random() < 0.45 else rng.uniform(0, 1, 3)
    edge = np.zeros(3) if colour.mean() > 0.4 else np.ones(3)
    if style == 0 and rng.random() < 0.3:  # a bar behind the caption
        bar = np.abs(np.mgrid[:side, :side][0] - middle[1]) < 0.75 * height
        over(canvas, bar, np.broadcast_to(sitter.light_of(edge), (int(bar.sum()), 3)), rng.uniform(0.4, 1))
    for stencil, ink in ((around, edge), (inside, colour)):
        where = stencil > 0.02
        light = np.broadcast_to(sitter.light_of(ink), (int(where.sum()), 3))
        over(canvas, where, light, opacity * stencil[where], stencil[where])


def _word(rng: np.random.Generator) -> str:
    if rng.random() < 0.6:
        return str(_WORDS[rng.integers(len(_WORDS))])
    letters = string.ascii_letters + string.digits
    return "".join(letters[k] for k in rng.integers(0, len(letters), int(rng.integers(2, 9))))


def _lettering(text: str, height: float, stroke: int) -> tuple[np.ndarray, np.ndarray]:
    """Stencils 0…1 of the letters, and of letters with their stroke."""
    font = ImageFont.load_default(max(6, round(height)))
    left, top, right, bottom = font.getbbox(text, stroke_width=stroke)
    result = []
    for width in (0, stroke):
        image = Image.new("L", (int(right - left) + 4, int(bottom - top) + 4))
        ImageDraw.Draw(image).text((2 - left, 2 - top), text, fill=255, font=font, stroke_width=width)
        result.append(np.asarray(image, np.float32) / 255)
    return result[0], result[1] if stroke else np.zeros_like(result[0])


def _repeated(image: np.ndarray, side: int, gap: np.ndarray) -> np.ndarray:
    padded = np.pad(image, ((0, int(gap[1]) + 1), (0, int(gap[0]) + 1)))
    wanted = 3 * side // 2
    rows, columns = -(-wanted // padded.shape[0]), -(-wanted // padded.shape[1])
    shifted = [np.roll(np.tile(padded, (1, columns)), row * padded.shape[1] // 2, 1) for row in range(rows)]
    return np.concatenate(shifted)[:wanted]


def _pasted(image: np.ndarray, side: int, middle: np.ndarray, angle: float) -> np.ndarray:
    """side,side: `image` with its middle at `middle`, turned."""
    turned = Image.fromarray(np.round(image * 255).astype(np.uint8))
    if angle:
        turned = turned.rotate(math.degrees(angle), Image.Resampling.BICUBIC, expand=True)
    whole = Image.new("L", (side, side))
    whole.paste(turned, (round(middle[0] - turned.width / 2), round(middle[1] - turned.height / 2)))
    return np.asarray(whole, np.float32) / 255
