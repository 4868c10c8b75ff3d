"""One edit without windows: whether another version of GIMP still does what the plug-in needs."""

from gi.repository import Gimp
from scene import edited, load, opened, play, save


def scenario_an_edit():
    image, layer = opened("astronaut.png")
    result = edited("smoke", image, layer)
    save(image, "smoke.xcf")
    again = load("smoke.xcf")
    return {
        **result,
        "version": Gimp.version(),
        "reopened": [one.get_name() for one in again.get_layers()],
        "remembered": again.get_layers()[0].get_parasite_list(),
    }


play(globals())
