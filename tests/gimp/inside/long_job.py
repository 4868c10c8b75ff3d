"""A job that takes long enough to be killed in the middle of it."""

from scene import invert, load

image = load("astronaut.png")
invert(image, image.get_layers()[0], refine_steps=5000)
