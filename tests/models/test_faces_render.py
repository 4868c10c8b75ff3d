"""Pictures and their labels agree, and numbers do what their name says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.faces import head_data
from models.faces.labels import Region, Render
from models.faces.parameters import Face, age_of
from models.faces.render import render
from models.faces.sampling import sample
from models.faces.shape import head_scale, vertices
from models.faces.skin import skin_look

SIZE = 64
PLAIN = Face(age=0.6, hairlen=-1.5, mel=0.15)


@pytest.fixture(scope="module")
def plain() -> Render:
    return render(PLAIN, SIZE)


def landmark(picture: Render, name: str) -> np.ndarray:
    return picture.landmarks[head_data.load().landmark_names.index(name)]


def region_at(picture: Render, point: np.ndarray) -> Region:
    return Region(int(picture.segmentation[int(point[1]), int(point[0])]))


def area(picture: Render, *regions: Region) -> int:
    return int(np.isin(picture.segmentation, regions).sum())


def test_the_same_face_is_the_same_picture(plain: Render):
    again = render(PLAIN, SIZE)
    assert again.image.tobytes() == plain.image.tobytes()
    assert again.segmentation.tobytes() == plain.segmentation.tobytes()


def test_shapes_and_types(plain: Render):
    assert plain.image.shape == (SIZE, SIZE, 3)
    assert plain.image.dtype == plain.segmentation.dtype == np.uint8
    assert plain.five.shape == (5, 2)
    assert len(plain.landmarks) == len(head_data.load().landmark_names)


@pytest.mark.parametrize("index", range(6))
def test_the_crop_is_ffhq_s(index: int):
    five = render(replace(sample(9, index), asym=(0.0,) * 4), SIZE).five
    eyes, mouth = five[:2].mean(0), five[3:].mean(0)
    down = mouth - eyes
    across = five[1] - five[0] + [down[1], -down[0]]
    half = max(np.linalg.norm(five[1] - five[0]) * 2.0, np.linalg.norm(down) * 1.8)
    assert np.allclose(eyes + 0.1 * down, SIZE / 2, atol=0.05)
    assert half == pytest.approx(SIZE / 2, abs=0.05)
    assert across[1] / across[0] == pytest.approx(0, abs=1e-3)


def test_landmarks_lie_where_the_segmentation_says(plain: Render):
    assert region_at(plain, plain.five[0]) == Region.EYES
    assert region_at(plain, plain.five[1]) == Region.EYES
    assert region_at(plain, plain.five[2]) == Region.SKIN
    assert region_at(plain, landmark(plain, "lip_bottom_2") - [0, 1.5]) == Region.LIPS
    assert landmark(plain, "eye_left_inner")[0] > landmark(plain, "eye_right_inner")[0]


def test_every_region_is_there_when_asked_for():
    face = replace(PLAIN, beard=1.0, beardlen=0.4, glasses=1.0, jaw=0.6, browth=1.0, gl=(0, 0, 0, 1.0))
    assert set(np.unique(render(face, SIZE).segmentation)) == {int(region) for region in Region}


def test_smiling_raises_the_corners_and_shows_teeth(plain: Render):
    smiling = render(replace(PLAIN, smile=1.0), SIZE)

    def lift(picture: Render) -> float:
        return float(landmark(picture, "nose_3")[1] - picture.five[3:, 1].mean())

    assert lift(smiling) > lift(plain) + 0.02 * SIZE
    assert area(smiling, Region.MOUTH) > area(plain, Region.MOUTH)


def test_closing_the_eyes_hides_them(plain: Render):
    assert area(render(replace(PLAIN, blink=1.0), SIZE), Region.EYES) < 0.15 * area(plain, Region.EYES)


def test_turning_moves_the_nose_and_opening_the_jaw_the_chin(plain: Render):
    turned = render(replace(PLAIN, yaw=0.4), SIZE)
    assert turned.five[2, 0] > plain.five[2, 0] + 0.04 * SIZE
    opened = render(replace(PLAIN, jaw=0.6), SIZE)
    assert area(opened, Region.MOUTH) > area(plain, Region.MOUTH) + 4


def test_old_skin_has_more_relief_than_young():
    def detail(age: float) -> float:
        picture = render(replace(PLAIN, age=age_of(age), hairline=0.5), 2 * SIZE)
        grey = picture.image.mean(2)
        second = np.abs(np.diff(grey, 2, axis=0))
        skin = picture.segmentation[1:-1] == Region.SKIN
        for _ in range(4):  # away from its borders
            skin = (
                skin & np.roll(skin, 1, 0) & np.roll(skin, -1, 0) & np.roll(skin, 1, 1) & np.roll(skin, -1, 1)
            )
        return float(second[skin].mean())

    assert detail(80) > 1.5 * detail(25)


def test_hair_goes_grey_bald_and_long(plain: Render):
    def hair_light(picture: Render) -> float:
        return float(picture.image[picture.segmentation == Region.HAIR].mean())

    assert hair_light(render(replace(PLAIN, grey=1.0), SIZE)) > hair_light(plain) + 30
    assert area(render(replace(PLAIN, bald=1.0, recede=1.0), SIZE), Region.HAIR) < 0.6 * area(
        plain, Region.HAIR
    )
    assert area(render(replace(PLAIN, hairlen=0.7), SIZE), Region.HAIR) > 1.5 * area(plain, Region.HAIR)


def test_skin_darkens_and_light_comes_from_its_side():
    def skin(picture: Render, columns: slice = slice(None)) -> float:
        return float(picture.image[:, columns][picture.segmentation[:, columns] == Region.SKIN].mean())

    pale, dark = (render(replace(PLAIN, mel=mel), SIZE) for mel in (0.05, 0.8))
    assert skin(pale) > skin(dark) + 50
    left = render(replace(PLAIN, light=-1.0, soft=0.0), SIZE)
    assert skin(left, slice(SIZE // 2)) > skin(left, slice(SIZE // 2, None)) + 15


def test_saturated_backgrounds_stay_saturated():
    red = render(replace(PLAIN, bg=(0.9, 0.05, 0.05) * 4, bgcol=(0.9, 0.05, 0.05)), SIZE)
    background = red.image[red.segmentation == Region.BACKGROUND].mean(0)
    assert background[0] > 3 * background[1]


def test_masculine_jaws_and_necks_are_wider_and_brows_lower():
    shaped = {male: vertices(replace(PLAIN, age=age_of(30), male=male)) for male in (0.0, 1.0)}
    scale = {male: head_scale(points) for male, points in shaped.items()}

    def between(male: float, one: str, other: str) -> float:
        data = head_data.load()
        first, second = (data.landmarks[data.landmark_names.index(name)] for name in (one, other))
        return float(np.linalg.norm(shaped[male][first] - shaped[male][second]) / scale[male])

    assert between(1.0, "jaw_3", "jaw_13") > 1.08 * between(0.0, "jaw_3", "jaw_13")
    assert between(1.0, "brow_left_2", "eye_left_above_outer") < between(
        0.0, "brow_left_2", "eye_left_above_outer"
    )


def test_the_lower_face_grows_most():
    child, adult = (vertices(replace(PLAIN, age=age_of(old))) for old in (5, 25))

    def share(points: np.ndarray) -> float:
        data = head_data.load()
        eyes, chin, temple = (
            points[data.landmarks[data.landmark_names.index(name)]]
            for name in ("eye_left_inner", "jaw_8", "jaw_0")
        )
        width = 2 * abs(float(temple[0]))
        return float(eyes[1] - chin[1]) / width

    assert share(child) < 0.93 * share(adult)


def test_lines_come_gradually_from_thirty_on():
    look = [skin_look(replace(PLAIN, age=age_of(old))).old for old in (22, 35, 48, 61, 74)]
    assert look[0] == 0
    assert np.diff(look).min() > 0.15
