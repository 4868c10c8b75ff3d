"""Where refining begins when there is an encoder."""

from __future__ import annotations

import pytest
import torch

from engine.inversion.mask import NOWHERE
from engine.inversion.refine import Fit, fit_shape, landmark_weights, refine
from engine.networks.parameter_encoder import ParameterEncoder, ParameterEncoderConfig, ParameterEncoding
from tests.faces_inverted import Studio


class Saying(ParameterEncoder):
    """An encoder that always says the same code [1,P]."""

    def __init__(self, code: torch.Tensor) -> None:
        super().__init__(ParameterEncoderConfig(32, (8, 8, 8, 8), (1, 1, 1), code.shape[1], 2, 1, 0))
        self.said = code

    def forward(self, image: torch.Tensor) -> ParameterEncoding:
        nothing = torch.zeros(1, 0)
        return ParameterEncoding(self.said, nothing, nothing, nothing, ())


@pytest.fixture(scope="module")
def truth(studio: Studio) -> torch.Tensor:
    """c [1,P] of a face that is not the mean one."""
    drawn = torch.randn(1, len(studio.model.parameters.names), generator=torch.Generator().manual_seed(4))
    return studio.model.parameters.within(0.7 * drawn @ studio.model.parameters.cholesky.T)


def begun(studio: Studio, truth: torch.Tensor, encoder: ParameterEncoder | None, steps: int = 0) -> Fit:
    with torch.no_grad():
        crop, landmarks = studio.model.generate(truth), studio.model.landmark_map(truth)[0]
    return refine(studio.model, crop, landmarks, steps, lambda _: None, encoder=encoder)


def test_with_no_steps_a_right_answer_stays(studio: Studio, truth: torch.Tensor) -> None:
    assert torch.equal(begun(studio, truth, Saying(truth)).c, truth)


def test_a_wrong_answer_is_passed_over(studio: Studio, truth: torch.Tensor) -> None:
    without = begun(studio, truth, None).c
    assert torch.equal(begun(studio, truth, Saying(torch.full_like(truth, 30.0))).c, without)


def test_landmarks_correct_the_shape_of_an_answer(studio: Studio, truth: torch.Tensor) -> None:
    model = studio.model
    shape = torch.tensor([name in ("yaw", "pitch", "smile", "jaw") for name in model.parameters.names])
    answer = torch.where(shape, truth * 0, truth)
    found = begun(studio, truth, Saying(answer)).c
    assert not torch.equal(found, answer)
    wanted = model.landmark_map(truth)

    def error(c: torch.Tensor) -> float:
        return float((model.landmark_map(c) - wanted).norm(dim=2).mean())

    assert error(found) < 0.5 * error(answer)
    assert (found - truth).norm() < (begun(studio, truth, None).c - truth).norm()


def test_an_encoder_is_nearer_without_a_step_than_the_mean_after_some(
    studio: Studio, truth: torch.Tensor
) -> None:
    wanted = studio.model.generate(truth)

    def error(fit: Fit) -> float:
        return float((studio.model.generate(fit.c) - wanted).abs().mean())

    near = Saying(0.8 * truth)
    assert error(begun(studio, truth, near)) < 0.7 * error(begun(studio, truth, None, 5))


def test_the_fit_about_the_mean_is_the_fit_about_no_face(studio: Studio, truth: torch.Tensor) -> None:
    landmarks = studio.model.landmark_map(truth)[0].detach()
    weights = landmark_weights(landmarks, NOWHERE)
    plain, about = (
        fit_shape(studio.model, landmarks, weights, near) for near in (None, torch.zeros_like(truth))
    )
    assert torch.equal(plain, about)
    near = fit_shape(studio.model, landmarks, weights, truth)
    torch.testing.assert_close(near, truth, atol=1e-3, rtol=0)
