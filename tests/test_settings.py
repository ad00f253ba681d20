"""Each mistake in params.yaml is refused with a message of one line: where the mistake is, and what was expected."""

import copy
import math
import operator
import shutil
from functools import reduce
from pathlib import Path

import pytest
from dvc.utils.hydra import apply_overrides
from pydantic import ValidationError
from ruamel.yaml import YAML
from support.paths import ROOT

from lenet.errors import LabError
from lenet.mnist.datasets import DATASETS
from lenet.settings import Compute, Data, Preprocess, Settings, Variant, load_settings, load_sweep

COMMITTED = YAML(typ="safe").load(ROOT / "params.yaml")
VALID = {
    "data": {"dataset": "digits"},
    "seeds": [0, 3],
    "preprocess": {"validation_size": 0.1, "split_seed": 7},
    "base": COMMITTED["base"] | {"epochs": 2},
    "variants": {"plain": {}, "modern": {"activation": "relu", "dropout": 0.5}},
    "about": {"plain": "as in 1998"},
    "comparison": {
        "primary": ["modern", "plain"],
        "original": None,
        "ladder": ["plain", "modern"],
        "factorial": [],
        "published": {},
        "sweeps": [],
    },
    "compute": {"workers": "auto"},
}
SWEEP = {"about": "?", "dataset": "mnist", "from": "modern", "grids": [{"epochs": [2, 3]}], "seeds": [0], "folds": 1}


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def load(raw):
    YAML().dump(raw, Path("params.yaml"))
    return load_settings()


def sweep(**changed):
    """Change these keys of SWEEP, write the result to sweep.yaml, and load this file.

    Keys with the value `...` are left out.
    """
    content = {key: value for key, value in (SWEEP | changed).items() if value is not ...}
    YAML().dump(content, Path("sweep.yaml"))
    return load_sweep(Path("sweep.yaml"), load(VALID))


def changed(place, value, raw=VALID):
    """Return a copy of `raw` with this value at the dotted path `place`. The last key of the path may be a new key."""
    return _with(lambda section, key: operator.setitem(section, key, value), place, raw)


def renamed(place, name):
    """Return a copy of VALID in which the key at the dotted path `place` is renamed to `name`."""
    return _with(lambda section, key: operator.setitem(section, name, section.pop(key)), place, VALID)


def without(place):
    """Return a copy of VALID without the key at the dotted path `place`."""
    return _with(operator.delitem, place, VALID)


def _with(change, place, raw):
    *sections, key = place.split(".")
    raw = copy.deepcopy(raw)
    change(reduce(operator.getitem, sections, raw), key)
    return raw


def refusal(raw, load=load):
    """Check that `load` refuses the content `raw` with a message of one line; return this message."""
    with pytest.raises(LabError) as caught:
        load(raw)
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    return message


def test_a_valid_file_gives_typed_settings():
    settings = load(VALID)
    assert settings.data == Data(dataset="digits")
    assert settings.preprocess == Preprocess(validation_size=0.1, split_seed=7)
    assert settings.seeds == (0, 3)
    assert settings.about == {"plain": "as in 1998"}
    assert settings.compute == Compute(workers="auto")


def test_a_variant_has_the_settings_of_the_base_except_its_own_changes():
    settings = load(VALID)
    base = settings.base.model_dump()
    assert settings.variants["plain"].model_dump() == base
    assert settings.variants["modern"].model_dump() == base | {"activation": "relu", "dropout": 0.5}
    assert list(settings.variants) == ["plain", "modern"]


def test_a_sweeps_recipe_has_the_settings_of_its_variant_except_its_own_changes():
    modern = load(VALID).variants["modern"].model_dump()
    assert sweep().recipe.model_dump() == modern
    assert sweep(recipe={"pooling": "max"}).recipe.model_dump() == modern | {"pooling": "max"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"from": "modren"}, "from: unknown variant modren: did you mean modern?"),
        ({"from": ...}, "the key `from` is missing: add the variant that the recipe starts from"),
        ({"dataset": "mnits"}, "dataset: unknown data set mnits: did you mean mnist?"),
        ({"training_curves": {"epochs": [1, 3]}}, "training_curves: epochs: 3: a recipe has only 2 epochs"),
        ({"recipe": {"activaton": "relu"}}, "recipe.activaton: unknown key: did you mean activation?"),
        ({"recipe": "fast"}, "recipe: 'fast' is not accepted, expected a mapping"),
        ({"recipe": {"train_on": "train_and_validation"}}, "train_on: a sweep measures on the validation split"),
        ({"grids": [{"epoch": [1]}]}, "grids: epoch: unknown key: did you mean epochs?"),
        ({"grids": [{"damping": [0.1, 0.2]}]}, "grids: damping=0.1: damping has no effect on this recipe: remove it"),
        ({"grids": [{"epochs": [0]}]}, "grids: epochs=0: epochs: 0 is not accepted, expected a number greater"),
        ({"grids": [{"epochs": list(range(1, 50)), "batch_size": list(range(1, 50))}]}, "grids: more than 1,000"),
        ({"factorials": [["a", "b", "c", "d"]]}, "factorials: a: unknown recipe: expected one of: epochs=2, epochs=3"),
    ],
)
def test_an_invalid_sweep_is_refused_and_the_message_names_the_place(changes, message):
    assert refusal(changes, lambda changes: sweep(**changes)).startswith(f"sweep.yaml: {message}")


@pytest.mark.parametrize("written", ["1e-3", "1E-3", ".001", "+1e-3", "1"])
def test_a_number_may_be_written_in_any_usual_way(written):
    load(VALID)
    text = Path("params.yaml").read_text()
    Path("params.yaml").write_text(text.replace("learning_rate: 0.01", f"learning_rate: {written}"))
    rate = load_settings().base.learning_rate
    assert (rate, type(rate)) == (float(written), float)


@pytest.mark.parametrize("size", [600, 0.25])
def test_the_validation_size_is_a_count_or_a_fraction(size):
    settings = load(changed("preprocess.validation_size", size))
    assert (settings.preprocess.validation_size, type(settings.preprocess.validation_size)) == (size, type(size))


@pytest.mark.parametrize(
    ("place", "name", "hint"),
    [
        ("data", "dta", "did you mean data?"),
        ("preprocess.split_seed", "splitseed", "did you mean split_seed?"),
        ("base.optimizer", "optimiser", "did you mean optimizer?"),
        ("variants.modern.activation", "activaton", "did you mean activation?"),
        ("comparison.ladder", "lader", "did you mean ladder?"),
        ("compute.workers", "zzz", "expected one of: workers"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_known_key_or_all_known_keys(place, name, hint):
    where = ".".join([*place.split(".")[:-1], name])
    assert refusal(renamed(place, name)) == f"params.yaml: {where}: unknown key: {hint}"


@pytest.mark.parametrize("name", ["int", "constrained"])
def test_a_mistake_is_reported_with_its_place_if_the_variant_is_named_like_a_type_of_pydantic(name):
    message = refusal(changed(f"variants.{name}", {"activaton": "relu"}))
    assert message == f"params.yaml: variants.{name}.activaton: unknown key: did you mean activation?"


@pytest.mark.parametrize(
    ("place", "value", "expected"),
    [
        ("data", "digits", "a mapping"),
        ("data.dataset", None, "a valid string"),
        ("preprocess.split_seed", True, "a valid integer"),
        ("preprocess.validation_size", 0, "greater than or equal to 1"),
        ("preprocess.validation_size", 1.0, "less than 1"),
        ("seeds", 3, "a list"),
        ("about.plain", 1998, "a valid string"),
        ("base.optimizer", None, "a valid string"),
        ("base.learning_rate", 0, "greater than 0"),
        ("base.learning_rate", "many", "a valid number"),
        ("base.learning_rate", math.nan, "a finite number"),
        ("base.learning_rate", 1e300, "less than or equal to 1000000"),
        ("base.epochs", 20.0, "a valid integer"),
        ("base.epochs", [1], "a valid integer"),
        ("base.copies", 10**30, "less than or equal to 99"),
        ("base.translation", 15, "less than or equal to 14"),
        ("variants.plain", None, "a mapping"),
        ("variants.modern.activation", "gelu", "'tanh', 'scaled_tanh', 'relu' or 'silu'"),
        ("variants.modern.dropout", 1, "less than 1"),
        ("compute.workers", "all", "a valid integer or 'auto'"),
        ("compute.workers", 0, "greater than or equal to 1 or 'auto'"),
    ],
)
def test_a_wrong_value_is_refused_and_the_message_says_what_was_expected(place, value, expected):
    place_and_value, _, expectation = refusal(changed(place, value)).partition(" is not accepted, expected ")
    shown = "an empty value" if value is None else repr(value)
    assert place_and_value == f"params.yaml: {place}: {shown}"
    assert expected in expectation


@pytest.mark.parametrize(
    ("seeds", "message"),
    [
        ([0, -1], "seeds.1: -1 is not accepted, expected a number greater than or equal to 0"),
        ([2**31], "seeds.0: 2147483648 is not accepted, expected a number less than 2147483648"),
        (
            ["0"],
            "seeds.0: '0' is not accepted, expected a valid integer (a number in quotes is text: remove the quotes)",
        ),
        ([], "seeds: [] is not accepted, expected at least 1 item, not 0"),
        ([5, 3, 5], "seeds: 5 is listed twice: remove one of them"),
    ],
)
def test_invalid_seeds_are_refused_with_their_place_in_the_list(seeds, message):
    assert refusal(changed("seeds", seeds)) == f"params.yaml: {message}"


@pytest.mark.parametrize("place", ["base.learning_rate", "variants.modern.dropout", "compute.workers"])
def test_a_number_in_quotes_is_refused_with_the_advice_to_remove_the_quotes(place):
    message = refusal(changed(place, "1e-3"))
    assert message.startswith(f"params.yaml: {place}: '1e-3' is not accepted")
    assert message.endswith("(a number in quotes is text: remove the quotes)")


@pytest.mark.parametrize("name", ["../../elsewhere", "/tmp/elsewhere", "a\n", ".a", "é", "Tanh-SGD", "a" * 65])
def test_a_name_that_is_not_a_safe_file_name_is_refused(name):
    for place, value in (("variants", {name: {}}), ("comparison.sweeps", [name]), ("data.dataset", name)):
        assert refusal(changed(place, value)).startswith(f"params.yaml: {place}")


@pytest.mark.parametrize(
    "place", ["data", "preprocess.split_seed", "seeds", "base", "base.epochs", "variants", "comparison.primary"]
)
def test_a_missing_key_is_refused_and_named(place):
    assert refusal(without(place)) == f"params.yaml: {place} is missing: add it"


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("loss", "squared_distance", "loss: squared_distance needs `output: rbf`"),
        ("optimizer", "sdlm", "pixels: optimizer sdlm trains only with pixels: published"),
        ("optimizer", "adm", "optimizer: unknown optimizer adm: did you mean adam?"),
        ("schedule", "published", "schedule: published cannot be used with optimizer sgd"),
        ("copies", 9, "copies: 9: only optimizer sdlm trains on copies: set copies: 0"),
    ],
)
def test_settings_that_do_not_fit_together_are_refused(key, value, message):
    assert refusal(changed(f"base.{key}", value)).startswith(f"params.yaml: base.{message}")
    assert refusal(changed(f"variants.plain.{key}", value)).startswith(f"params.yaml: variants.plain.{message}")


def test_copies_without_distortions_are_refused():
    settings = load_settings(ROOT / "params.yaml").variant("lenet5_1998").model_dump()
    with pytest.raises(ValidationError, match="copies: 9: without a distortion all copies are equal"):
        Variant.model_validate(settings | {"copies": 9})


@pytest.mark.parametrize(
    ("name", "hint"), [("digts", "did you mean digits?"), ("cifar", f"expected one of: {', '.join(DATASETS)}")]
)
def test_an_unknown_data_set_is_refused_with_the_nearest_known_one(name, hint):
    message = refusal(changed("data.dataset", name))
    assert message == f"params.yaml: data.dataset: unknown data set {name}: {hint}"


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ("about.plian", "?", "about.plian: `variants` has no plian: if it was removed, remove this line too"),
        ("comparison.published.plain", {"error_percent": 1, "sorce": "?"}, "comparison.published.plain.sorce: unknown"),
        ("comparison.ladder", ["plain", "moder"], "comparison.ladder: unknown variant moder: did you mean modern?"),
        ("comparison.ladder", ["plain", "plain"], "comparison.ladder: plain is listed twice: remove one of them"),
        ("comparison.ladder", [], "comparison.ladder: [] is not accepted, expected "),
        ("comparison.primary", ["plain"], "comparison.primary: expected two variants (the first is"),
        ("comparison.primary", ["plain", "modern"], "comparison.primary: plain is the baseline, which others are"),
        ("comparison.primary", ["moder", "plain"], "comparison.primary: unknown variant moder: did you mean modern?"),
        ("comparison.original", "moder", "comparison.original: unknown variant moder: did you mean modern?"),
        ("comparison.factorial", ["plain", "modern"], "comparison.factorial: expected four variants (with neither"),
        (
            "comparison.factorial",
            ["plain", "modern", "a", "b"],
            "comparison.factorial: unknown variant a: expected one of: plain",
        ),
        ("variants", {}, "variants: {} is not accepted, expected "),
    ],
)
def test_an_invalid_comparison_or_a_name_of_an_unknown_variant_is_refused(place, value, message):
    assert refusal(changed(place, value)).startswith(f"params.yaml: {message}")


def test_a_missing_file_is_refused_and_the_message_says_where_to_run_the_command(tmp_path):
    with pytest.raises(LabError) as caught:
        load_settings()
    assert str(caught.value) == (
        f"params.yaml is missing in {tmp_path}: run from the project's folder, or `git restore params.yaml`"
    )


@pytest.mark.parametrize("content", [None, [1], "hello", 3])
def test_a_file_that_is_not_a_mapping_is_refused_as_a_whole(content):
    assert refusal(content).startswith("params.yaml: the whole file: ")


def test_an_unknown_variant_is_refused_with_the_nearest_known_one():
    settings = load(VALID)
    assert settings.variant("modern") is settings.variants["modern"]
    with pytest.raises(LabError, match=r"^params.yaml: unknown variant modren: did you mean modern\?$"):
        settings.variant("modren")


def test_settings_cannot_be_changed_after_loading():
    settings = load(VALID)
    for section in (settings, settings.base):
        with pytest.raises(ValidationError, match="frozen"):
            section.seeds = (1,)


def test_no_setting_has_a_default():
    sections = [Settings, *(field.annotation for field in Settings.model_fields.values())]
    models = [section for section in sections if hasattr(section, "model_fields")]
    assert len(models) == 6  # the whole, data, preprocess, base, comparison, compute
    assert [name for model in models for name, field in model.model_fields.items() if not field.is_required()] == []


def test_committed_variants_list_only_settings_that_differ_from_the_base_and_all_are_described():
    base = COMMITTED["base"]
    restated = {f"{name}.{key}" for name, own in COMMITTED["variants"].items() for key in own if own[key] == base[key]}
    assert restated == set()
    assert list(COMMITTED["about"]) == list(COMMITTED["variants"])


def test_the_committed_variants_of_1998_differ_only_where_their_names_say_so():
    """params.yaml repeats the shared settings in each of these variants. An edit could change only some of the copies.

    A merge key of YAML would avoid the copies, but `dvc exp run --set-param` would replace the merge key by copies.
    """
    variants = {name: variant.model_dump() for name, variant in load_settings(ROOT / "params.yaml").variants.items()}

    def changes(variant):
        return {key for key, value in variants[variant].items() if value != variants["lenet5_1998"][key]}

    distortions = {"translation", "scaling", "squeezing", "shear", "copies"}
    assert changes("lenet5_1998_54000") == {"train_on"}
    assert changes("lenet5_1998_distorted") == distortions
    training = {"initialization", "loss", "optimizer", "learning_rate", "damping", "schedule", "batch_size", "order"}
    assert changes("lenet5_1998_sgd") == training | {"train_on"}


def test_dvc_changes_one_line_when_it_sets_a_parameter():
    shutil.copy(ROOT / "params.yaml", "params.yaml")
    before = Path("params.yaml").read_text().splitlines()
    apply_overrides(Path("params.yaml"), ["variants.relu_adam.learning_rate=0.0005"])
    after = Path("params.yaml").read_text().splitlines()
    changed_lines = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    assert changed_lines == [("    learning_rate: 0.001", "    learning_rate: 0.0005")]
