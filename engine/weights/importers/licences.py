"""Terms of public checkpoints, by the sha256 of the file as it was published."""

from __future__ import annotations

_NVIDIA = "NVIDIA Source Code Licence, non-commercial"
_INSIDE = "MIT; the generator inside is NVIDIA's, non-commercial"

PUBLISHED = {
    "a205a346e86a9ddaae702e118097d014b7b8bd719491396a162cca438f2f524c": ("ffhq.pkl (StyleGAN2-ADA)", _NVIDIA),
    "bae494ef77e32a9cd1792a81a3c167692a0e64f6bcd8b06592ff42917e2ed46e": (
        "stylegan2-ffhq-config-f.pt",
        _NVIDIA,
    ),
    "d2b1c92f41ce8a64c55f7a75ef06c4c0eef9e17b1eb29aae8c10fb37b3e60478": (
        "stylegan2-ffhq-512x512.pkl",
        _NVIDIA,
    ),
    "2ace1d9a8c05c10a399bcd500b8dda118f759ff1aac89dbdab7435f2136a0999": ("e4e_ffhq_encode.pt", _INSIDE),
    "f786ac5cf18fcdbc5c57c9f3f12cbedca69381fbdf5694dd132294e3133749d7": ("psp_ffhq_encode.pt", _INSIDE),
    "89afa8b3255be61425714397be11f07b34312d76ea22382ecf80001da617da5b": ("restyle_e4e_ffhq_encode.pt", _INSIDE),
    "a035c768259b98ab1ce0e646312f48b9e1e218197a0f80ac6765e88f8b6ddf28": (
        "model_ir_se50.pth",
        "MIT code; the terms of the training data are unclear",
    ),
}
UNKNOWN = "not known; see where you got it"
