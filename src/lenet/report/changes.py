"""Put changes of settings into words, for people who have not read params.yaml."""

from collections.abc import Mapping

from lenet.settings import Variant
from lenet.training.distortion import DISTORTION_SETTINGS

# Setting → (value before, value after).
Changes = Mapping[str, tuple[object, object]]

_WORDS = {
    ("activation", "tanh"): "tanh",
    ("activation", "relu"): "ReLU",
    ("activation", "silu"): "SiLU",
    ("optimizer", "sgd"): "SGD",
    ("optimizer", "adam"): "Adam",
    ("optimizer", "muon"): "Muon",
    ("pooling", "average"): "average pooling",
    ("pooling", "max"): "max pooling",
    ("pooling", "blur"): "blurred pooling",
    ("schedule", "cosine"): "a falling learning rate",
}


def describe(changes: Changes) -> str:
    """Describe the new values, as in "ReLU and Adam"."""
    return _in_words({name: after for name, (_, after) in changes.items()}, _distortion(changes, new=True))


def describe_briefly(changes: Changes) -> str:
    """Like `describe`, but only with the settings that have an everyday word. If none has one, describe all."""
    worded = {
        name: (before, after)
        for name, (before, after) in changes.items()
        if name in DISTORTION_SETTINGS or (name, str(after)) in _WORDS
    }
    return describe(worded or changes)


def describe_replaced(changes: Changes) -> str:
    """Describe the old values, as in "tanh and SGD"."""
    return _in_words({name: before for name, (before, _) in changes.items()}, _distortion(changes, new=False))


def describe_beside(changes: Changes, recipe: Variant) -> str:
    """Describe the new values and the activation and optimizer that stay, as in "Adam with ReLU"."""
    stays = {name: getattr(recipe, name) for name in ("activation", "optimizer") if name not in changes}
    return describe(changes) + (f" with {_in_words(stays)}" if stays else "")


def _distortion(changes: Changes, new: bool) -> str:
    """Describe the distortions before a change or after it. Empty if they stay as they are."""
    ranges = [changes[name] for name in DISTORTION_SETTINGS if name in changes]
    if not ranges:
        return ""
    before, after = (any(each[place] for each in ranges) for place in (0, 1))
    if before and after:
        return "other distortions" if new else "the distortions before"
    return "distorted images" if (after if new else before) else "undistorted images"


def _in_words(settings: Mapping[str, object], distortion: str = "") -> str:
    """Put settings into words. The learning rate is left out beside the optimizer that needs it."""
    told = [
        _WORDS.get((name, str(value)), f"{name} {value}")
        for name, value in settings.items()
        if name not in DISTORTION_SETTINGS and not (name == "learning_rate" and "optimizer" in settings)
    ]
    told += [distortion] if distortion else []
    return ", ".join(told[:-1]) + (" and " if told[:-1] else "") + told[-1] if told else ""
