"""The vector: named, ordered, invertible, and drawn from its two numbers alone."""

from __future__ import annotations

import math

import numpy as np
import pytest

from models.faces.parameters import Face, age_of, encoded, linear, names, years
from models.faces.sampling import sample


def test_the_vector_has_a_name_for_every_number_and_none_twice():
    assert len(names()) == len(set(names())) == len(Face().vector())


def test_a_face_comes_back_from_its_vector():
    face = sample(3, 5)
    again = Face.from_vector(face.vector())
    assert np.array_equal(again.vector(), face.vector())


def test_a_vector_of_another_length_is_refused():
    with pytest.raises(ValueError, match="numbers"):
        Face.from_vector(np.zeros(3, np.float32))


def test_samples_depend_on_seed_and_index_only():
    assert sample(1, 7) == sample(1, 7)
    assert sample(1, 7) != sample(1, 8)
    assert sample(1, 7) != sample(2, 7)


def test_samples_are_finite_and_reach_from_children_to_old_age():
    faces = [sample(0, index) for index in range(400)]
    assert all(np.isfinite(face.vector()).all() for face in faces)
    ages = np.array([years(face.age) for face in faces])
    assert ages.min() < 8
    assert ages.max() > 80
    assert all(face.beard == face.moustache == face.goatee == 0 for face in faces if years(face.age) < 17)
    assert 0.35 < np.mean([face.male > 0.5 for face in faces]) < 0.65


@pytest.mark.parametrize("old", [1, 10, 25, 60, 90])
def test_years_and_age_are_inverse(old: int):
    assert years(age_of(old)) == pytest.approx(old)


def test_colours_survive_the_way_to_linear_light_and_back():
    colour = np.linspace(0, 1, 30).reshape(10, 3)
    assert np.allclose(encoded(linear(colour)), colour, atol=1e-4)


def test_numbers_without_effect_do_not_vary():
    faces = [sample(4, index) for index in range(400)]
    assert {face.lipcol for face in faces if face.makeup == 0} == {0.0}
    assert {face.wear for face in faces if years(face.age) < 25} == {0.0}
    assert {face.sweep for face in faces if math.exp(face.hairlen) > 0.8} == {0.0}
    assert {face.behind for face in faces if math.exp(face.hairlen) < 0.5} == {0.5}
    edgeless = [face for face in faces if face.bgedge[1] >= 2]
    assert {(*face.bgedge, *face.bgcol) for face in edgeless} == {(*Face().bgedge, *Face().bgcol)}
    assert 0.3 < len(edgeless) / len(faces) < 0.7


def test_children_neither_go_bald_nor_paint_themselves():
    children = [face for face in (sample(4, index) for index in range(400)) if years(face.age) < 15]
    assert len(children) > 20
    assert all(face.recede == face.bald == face.grey == face.makeup == 0 for face in children)


def test_brows_and_hair_go_with_presentation():
    adults = [face for face in (sample(4, index) for index in range(400)) if years(face.age) > 18]
    masculine, feminine = ([face for face in adults if (face.male > 0.5) is sex] for sex in (True, False))
    assert np.mean([f.browth for f in masculine]) > np.mean([f.browth for f in feminine]) + 0.3
    assert np.mean([f.hairlen for f in masculine]) < np.mean([f.hairlen for f in feminine]) - 1
    assert max(min(face.male, 1 - face.male) for face in adults) < 0.45
