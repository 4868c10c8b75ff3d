from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from engine.faces.detect import Face, FaceDetector
from tests.faces.references import PHOTOS


def scatter(face: Face, expected: Face) -> float:
    """Greatest distance between the five points, as a fraction of the eye distance."""
    return float(np.linalg.norm(face.points - expected.points, axis=1).max() / expected.eye_distance)


def moved(face: Face, offset: tuple[float, float] = (0, 0), scale: float = 1.0) -> Face:
    x, y, w, h = face.box
    box = (x * scale + offset[0], y * scale + offset[1], w * scale, h * scale)
    return Face(box, face.score, face.points * scale + np.array(offset))


def resized(image: np.ndarray, scale: float) -> np.ndarray:
    size = (round(image.shape[1] * scale), round(image.shape[0] * scale))
    return np.array(Image.fromarray(image).resize(size, Image.Resampling.LANCZOS))


@pytest.mark.parametrize("name", PHOTOS)
def test_one_face_where_it_is(detector: FaceDetector, photos: dict[str, np.ndarray], name: str) -> None:
    (face,) = detector.detect(photos[name])
    left_eye, right_eye, nose, left_corner, right_corner = face.points
    assert face.score > 0.9
    assert left_eye[0] < nose[0] < right_eye[0]
    assert left_corner[0] < nose[0] < right_corner[0]
    assert max(left_eye[1], right_eye[1]) < nose[1] < min(left_corner[1], right_corner[1])


def test_the_same_answer_every_time(
    detector: FaceDetector, photos: dict[str, np.ndarray], faces: dict[str, Face]
) -> None:
    again = detector.detect(photos["astronaut.png"])[0]
    assert again.box == faces["astronaut.png"].box
    np.testing.assert_array_equal(again.points, faces["astronaut.png"].points)


@pytest.mark.parametrize("name", PHOTOS)
@pytest.mark.parametrize("turns", [1, 2, 3])
def test_lying_and_upside_down_faces_keep_their_order(
    detector: FaceDetector, photos: dict[str, np.ndarray], faces: dict[str, Face], name: str, turns: int
) -> None:
    height, width = photos[name].shape[:2]
    (face,) = detector.detect(np.rot90(photos[name], turns))
    x, y = face.points.T
    unturned = ((width - y, x), (width - x, height - y), (y, height - x))[turns - 1]
    assert scatter(Face(face.box, 1, np.stack(unturned, 1)), faces[name]) < 0.03


@pytest.mark.parametrize("degrees", [-60, -40, 25, 40])
def test_a_turned_face(
    detector: FaceDetector, photos: dict[str, np.ndarray], faces: dict[str, Face], degrees: int
) -> None:
    name, angle = "astronaut.png", np.radians(degrees)
    face = faces[name]
    turned = Image.fromarray(photos[name]).rotate(degrees, Image.Resampling.BICUBIC)  # counter-clockwise
    found = detector.detect(np.array(turned))[0]
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    expected = (face.points - 256) @ turn + 256
    assert scatter(found, Face(face.box, 1, expected)) < 0.08


@pytest.mark.parametrize("scale", [0.5, 2.0, 7.0])
def test_size_of_the_photograph(
    detector: FaceDetector, photos: dict[str, np.ndarray], faces: dict[str, Face], scale: float
) -> None:
    """At 7.0 the photograph has 15 megapixels."""
    name = "grace_hopper.jpg"
    (face,) = detector.detect(resized(photos[name], scale))
    assert scatter(face, moved(faces[name], scale=scale)) < 0.04


@pytest.mark.parametrize("name", PHOTOS)
def test_a_face_that_fills_the_picture(
    detector: FaceDetector, photos: dict[str, np.ndarray], faces: dict[str, Face], name: str
) -> None:
    x, y, w, h = (round(v) for v in faces[name].box)
    x, y, w, h = x + w // 20, y + h // 20, w - w // 10, h - h // 10
    (face,) = detector.detect(resized(photos[name][y : y + h, x : x + w], 4.0))
    assert scatter(face, moved(faces[name], (-4.0 * x, -4.0 * y), 4.0)) < 0.15


def test_a_small_face_in_a_large_picture(
    detector: FaceDetector, photos: dict[str, np.ndarray], faces: dict[str, Face]
) -> None:
    """24 pixels wide in 3000: at 640 px it has five pixels, so that only the further passes find it."""
    canvas = np.full((2000, 3000, 3), 128, np.uint8)
    scale = 24 / faces["astronaut.png"].box[2]
    small = resized(photos["astronaut.png"], scale)
    canvas[700 : 700 + small.shape[0], 2000 : 2000 + small.shape[1]] = small
    found = detector.detect(canvas)
    assert len(found) == 1
    assert scatter(found[0], moved(faces["astronaut.png"], (2000, 700), scale)) < 0.25


def test_a_face_at_the_border(
    detector: FaceDetector, photos: dict[str, np.ndarray], faces: dict[str, Face]
) -> None:
    x, y, w, _ = faces["grace_hopper.jpg"].box
    left = round(x + 0.2 * w)
    face = detector.detect(photos["grace_hopper.jpg"][round(y) :, left:])[0]
    assert face.box[0] < 0.05 * w  # at the border, or beyond
    assert scatter(face, moved(faces["grace_hopper.jpg"], (-left, -round(y)))) < 0.25


def test_many_faces_largest_first(
    detector: FaceDetector, photos: dict[str, np.ndarray], faces: dict[str, Face]
) -> None:
    small = resized(photos["grace_hopper.jpg"], 0.3)
    canvas = np.zeros((600, 512 + small.shape[1] + 512, 3), np.uint8)
    canvas[:512, :512] = photos["astronaut.png"]
    canvas[: small.shape[0], 512 : 512 + small.shape[1]] = small
    canvas[:, -512:] = photos["grace_hopper.jpg"]
    found = detector.detect(canvas)
    assert [round(f.box[0] // 512) for f in found] == [1, 0, 1]
    assert [f.box[2] * f.box[3] for f in found] == sorted((f.box[2] * f.box[3] for f in found), reverse=True)


@pytest.mark.parametrize(
    "shape", [(1, 1), (1, 20000), (20000, 1), (12, 12), (13, 4000), (4000, 13), (640, 640)]
)
def test_pictures_without_faces(detector: FaceDetector, shape: tuple[int, int]) -> None:
    assert detector.detect(np.full((*shape, 3), 90, np.uint8)) == []


def test_noise_has_no_face(detector: FaceDetector) -> None:
    noise = np.random.default_rng(5).integers(0, 256, (500, 700, 3), np.uint8)
    assert detector.detect(noise) == []


@pytest.mark.parametrize(
    "image", [np.zeros((9, 9), np.uint8), np.zeros((9, 9, 4), np.uint8), np.zeros((9, 9, 3))]
)
def test_other_shapes_are_refused(detector: FaceDetector, image: np.ndarray) -> None:
    with pytest.raises(ValueError, match="uint8"):
        detector.detect(image)
