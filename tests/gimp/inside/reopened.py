"""The scenario of a second GIMP: an .xcf reopened later, on a machine whose engine has an empty cache."""

from scene import described, edit, load, play


def scenario_reopened():
    image = load("kept.xcf")
    layers = image.get_layers()
    opened = [described(layer) for layer in layers]
    same = edit(image, layers[0], {"smile": 1.0})
    unchanged = described(image.get_layers()[0])
    other = edit(image, image.get_layers()[0], {"smile": -1.0})
    return {
        "opened": opened,
        "same": {"status": same["status"], "error": same.get("error"), "layer": unchanged},
        "other": {"status": other["status"], "layers": [described(layer) for layer in image.get_layers()]},
    }


play(globals())
