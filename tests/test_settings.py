"""Each mistake in params.yaml is refused in one line, which says where it is and what belongs there."""

import io
import math
import operator
from functools import reduce
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from ruamel.yaml import YAML
from support.fuzz import damaged, edited, result_or_refusal
from support.params import edit_params
from support.paths import ROOT

from lenet.errors import LabError
from lenet.mnist.datasets import DATASETS
from lenet.settings import Compute, Data, Preprocess, Settings, Sweep, Variant, checked, load_settings

GOOD = """\
data:
  dataset: digits
preprocess:
  validation_size: 0.1
  split_seed: 7
seeds: [0, 3]
about:
  plain: as in 1998
base: &base
  input_size: 32
  pixels: standardised
  activation: tanh
  pooling: average
  c3: full
  output: softmax
  initialization: glorot
  loss: cross_entropy
  optimizer: sgd
  learning_rate: 0.01
  schedule: constant
  damping: 0.02
  rubbish: 10.0
  weight_decay: 0.0
  batch_size: 32
  epochs: 2
  order: fresh
  dropout: 0.0
  train_on: train
  translation: 0.0
  scaling: 0.0
  squeezing: 0.0
  shear: 0.0
  rotation: 0.0
  elastic: 0.0
  copies: 0
variants:
  plain:
    <<: *base
  modern:
    <<: *base
    activation: relu
    dropout: 0.5
comparison:
  primary: [modern, plain]
  ladder: [plain, modern]
  factorial: []
  published: {}
  sweeps: []
compute:
  workers: auto
"""


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def load(text):
    Path("params.yaml").write_text(text, encoding="utf-8")
    return load_settings()


def changed(place, value):
    """Return GOOD with another value at a dotted place, which may be new."""

    def change(section, key):
        section[key] = value

    return _with(change, place)


def renamed(place, name):
    """Return GOOD with another name for the key at a dotted place."""

    def change(section, key):
        section[name] = section.pop(key)

    return _with(change, place)


def without(place):
    """Return GOOD without the key at a dotted place."""
    return _with(operator.delitem, place)


def _with(change, place):
    *sections, key = place.split(".")
    Path("params.yaml").write_text(GOOD, encoding="utf-8")
    with edit_params() as params:
        change(reduce(operator.getitem, sections, params), key)
    return Path("params.yaml").read_text(encoding="utf-8")


def rewritten(old, new):
    """Return GOOD with other characters: for tests of how a value is written, and of what is not valid YAML."""
    assert GOOD.count(old) == 1, f"{old!r} is there {GOOD.count(old)} times"
    return GOOD.replace(old, new)


def complaint(text):
    with pytest.raises(LabError) as caught:
        load(text)
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    return message


def test_a_good_file_gives_typed_settings():
    settings = load(GOOD)
    assert settings.data == Data(dataset="digits")
    assert settings.preprocess == Preprocess(validation_size=0.1, split_seed=7)
    assert settings.seeds == (0, 3)
    assert settings.about == {"plain": "as in 1998"}
    assert settings.compute == Compute(workers="auto")


def test_merge_keys_are_expanded_and_a_variants_own_keys_win():
    variants = load(GOOD).variants
    base = load(GOOD).base.model_dump()
    assert variants["plain"].model_dump() == base
    assert variants["modern"].model_dump() == base | {"activation": "relu", "dropout": 0.5}


def test_variants_keep_the_order_of_the_file():
    assert list(load(GOOD).variants) == ["plain", "modern"]


@pytest.mark.parametrize("written", ["1e-3", "1E-3", "1.0e-3", "0.001", ".001", "+1e-3"])
def test_a_number_may_be_written_in_any_usual_way(written):
    assert load(rewritten("learning_rate: 0.01", f"learning_rate: {written}")).base.learning_rate == 0.001


@pytest.mark.parametrize("written", ["1", "1.0"])
def test_a_whole_number_will_do_for_a_fraction(written):
    rate = load(rewritten("learning_rate: 0.01", f"learning_rate: {written}")).base.learning_rate
    assert (rate, type(rate)) == (1.0, float)


@pytest.mark.parametrize("size", [600, 1, 0.25])
def test_the_validation_size_is_a_count_or_a_fraction(size):
    settings = load(changed("preprocess.validation_size", size))
    assert (settings.preprocess.validation_size, type(settings.preprocess.validation_size)) == (size, type(size))


def test_workers_may_be_counted():
    assert load(changed("compute.workers", 3)).compute.workers == 3


def test_a_variant_need_not_be_described():
    assert load(changed("about", {})).about == {}


@pytest.mark.parametrize(
    ("place", "name", "hint"),
    [
        ("data", "dta", "did you mean data?"),
        ("data.dataset", "datset", "did you mean dataset?"),
        ("preprocess.split_seed", "splitseed", "did you mean split_seed?"),
        ("comparison.ladder", "lader", "did you mean ladder?"),
        ("variants.modern.activation", "activaton", "did you mean activation?"),
        ("compute.workers", "wrokers", "did you mean workers?"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_known_one(place, name, hint):
    where = ".".join([*place.split(".")[:-1], name])
    assert complaint(renamed(place, name)) == f"params.yaml: {where}: unknown key: {hint}"


def test_an_unknown_key_of_the_base_is_refused_with_the_nearest_known_one():
    message = complaint(changed("base.optimiser", "sgd"))
    assert message == "params.yaml: base.optimiser: unknown key: did you mean optimizer?"


def test_an_unknown_key_like_no_other_is_refused_with_all_known_ones():
    assert complaint(changed("compute.zzz", 1)) == "params.yaml: compute.zzz: unknown key: known: workers"


@pytest.mark.parametrize("key", ["learning_rate", "batch_size", "epochs", "dropout"])
@pytest.mark.parametrize("bad", [True, None, "many", [1], {"a": 1}, math.nan, math.inf, -1], ids=str)
def test_what_is_not_a_number_in_range_is_refused_with_its_place(key, bad):
    message = complaint(changed(f"base.{key}", bad))
    assert message.startswith(f"params.yaml: base.{key}")
    assert ", expected " in message


@pytest.mark.parametrize(
    ("place", "value", "expected"),
    [
        ("data", "digits", "a mapping"),
        ("data.dataset", None, "a valid string"),
        ("preprocess.split_seed", -1, "greater than or equal to 0"),
        ("preprocess.split_seed", True, "a valid integer"),
        ("preprocess.validation_size", 0, "greater than or equal to 1"),
        ("preprocess.validation_size", 1.0, "less than 1"),
        ("preprocess.validation_size", True, "a valid integer"),
        ("seeds", 3, "a list"),
        ("seeds", None, "a list"),
        ("about.plain", 1998, "a valid string"),
        ("base.optimizer", None, "'sgd', 'adam', 'muon' or 'sdlm'"),
        ("base.learning_rate", 0, "greater than 0"),
        ("base.learning_rate", math.inf, "a finite number"),
        ("base.batch_size", 0, "greater than or equal to 1"),
        ("base.batch_size", 1.5, "a valid integer"),
        ("base.epochs", 20.0, "a valid integer"),
        ("variants.plain", None, "a mapping"),
        ("variants.plain", "fast", "a mapping"),
        ("variants.modern.activation", "gelu", "'tanh', 'scaled_tanh', 'relu' or 'silu'"),
        ("variants.modern.activation", True, "'tanh', 'scaled_tanh', 'relu' or 'silu'"),
        ("variants.modern.dropout", 1, "less than 1"),
        ("variants.modern.dropout", -0.1, "greater than or equal to 0"),
        ("compute", None, "a mapping"),
        ("compute.workers", 0, "greater than or equal to 1 or 'auto'"),
        ("compute.workers", "all", "a valid integer or 'auto'"),
        ("compute.workers", True, "a valid integer or 'auto'"),
        ("compute.workers", 10**30, "less than or equal to 1000000 or 'auto'"),
        ("preprocess.validation_size", 10**30, "less than or equal to 1000000"),
        ("preprocess.split_seed", 10**30, "less than 2147483648"),
        ("base.batch_size", 10**30, "less than or equal to 1000000"),
        ("base.epochs", 10**9, "less than or equal to 1000000"),
        ("base.learning_rate", 1e300, "less than or equal to 1000000"),
        ("base.damping", 1e300, "less than or equal to 1000000"),
        ("base.rubbish", 1e300, "less than or equal to 1000000"),
        ("base.copies", 10**30, "less than or equal to 99"),
    ],
)
def test_what_does_not_belong_there_is_refused_with_what_does(place, value, expected):
    found, _, expectation = complaint(changed(place, value)).partition(" is not accepted, expected ")
    assert found == f"params.yaml: {place}: {value!r}"
    assert expected in expectation


@pytest.mark.parametrize(
    ("seed", "expected"),
    [
        (-1, "greater than or equal to 0"),
        (True, "a valid integer"),
        (0.5, "a valid integer"),
        (2**31, "less than 2147483648"),
    ],
)
def test_a_bad_seed_is_refused_with_its_place_in_the_list(seed, expected):
    message = complaint(changed("seeds", [0, seed]))
    assert message.startswith(f"params.yaml: seeds.1: {seed!r} is not accepted, expected ")
    assert expected in message


def test_a_variants_name_of_other_characters_is_refused_with_the_pattern():
    message = complaint(renamed("variants.plain", "Tanh-SGD"))
    assert message.startswith("params.yaml: variants.Tanh-SGD: 'Tanh-SGD' is not accepted, expected ")
    assert "^[a-z][a-z0-9_]*$" in message


@pytest.mark.parametrize("name", ["../../elsewhere", "/tmp/elsewhere", "a/b", "a\n", ".a", "é"])
def test_a_name_that_leads_out_of_its_folder_is_refused(name):
    sections = {key: value for key, value in YAML(typ="safe").load(GOOD).items() if key != "about"}
    for changed_ in (
        {"variants": {name: sections["base"]}},
        {"comparison": sections["comparison"] | {"sweeps": [name]}},
        {"data": {"dataset": name}},
    ):
        with pytest.raises(LabError, match=r"^params\.yaml: (variants|comparison\.sweeps|data\.dataset)"):
            checked(sections | {"about": {}} | changed_, Settings, Path("params.yaml"))


def test_a_variants_name_too_long_for_a_files_is_refused_with_the_length_allowed():
    message = complaint(renamed("variants.plain", "a" * 250))
    assert message.endswith("… is not accepted, expected string should have at most 64 characters")


def test_more_seeds_than_anybody_needs_are_refused_without_listing_them():
    message = complaint(changed("seeds", list(range(1001))))
    assert "expected tuple should have at most 1000 items" in message
    assert len(message) < 400


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ("base.learning_rate", "1e-3"),
        ("base.batch_size", "32"),
        ("variants.modern.dropout", "0.5"),
        ("preprocess.validation_size", "0.1"),
        ("compute.workers", "2"),
    ],
)
def test_a_number_in_quotes_is_refused_with_the_advice_to_remove_them(place, text):
    message = complaint(changed(place, text))
    assert message.startswith(f"params.yaml: {place}: '{text}' is not accepted")
    assert message.endswith("(a number in quotes is text: remove the quotes)")


def test_a_seed_in_quotes_is_refused_with_the_advice_to_remove_them():
    message = complaint(changed("seeds", ["0"]))
    assert message.startswith("params.yaml: seeds.0: '0' is not accepted")
    assert message.endswith("(a number in quotes is text: remove the quotes)")


@pytest.mark.parametrize(
    "place",
    [
        "data",
        "preprocess.split_seed",
        "seeds",
        "about",
        "variants",
        "comparison",
        "comparison.primary",
        "comparison.factorial",
        "comparison.sweeps",
        "compute",
    ],
)
def test_what_is_missing_is_named(place):
    assert complaint(without(place)) == f"params.yaml: {place} is missing: add it"


def test_what_a_variant_neither_has_nor_inherits_is_named():
    message = complaint(changed("variants.plain", {"activation": "tanh"}))
    assert message == "params.yaml: variants.plain.input_size is missing: add it"


@pytest.mark.parametrize(
    ("key", "value", "complaint_"),
    [
        ("loss", "squared_distance", "base.loss: squared_distance is measured to the codes of"),
        ("optimizer", "sdlm", "base.pixels: optimizer sdlm trains the network of 1998 alone, with"),
        ("schedule", "published", "base.schedule: published does not go with optimizer sgd"),
        ("copies", 9, "base.copies: 9: only sdlm trains on distortions made once; the others: 0"),
    ],
)
def test_settings_that_do_not_fit_together_are_refused(key, value, complaint_):
    assert complaint(changed(f"base.{key}", value)).startswith(f"params.yaml: {complaint_}")


@pytest.mark.parametrize(
    ("key", "too_much"), [("translation", 15), ("scaling", 1.5), ("rotation", 2), ("elastic", 20), ("shear", -0.1)]
)
def test_distortions_beyond_all_reason_are_refused(key, too_much):
    message = complaint(changed(f"base.{key}", too_much))
    assert message.startswith(f"params.yaml: base.{key}: {too_much} is not accepted")


@pytest.mark.parametrize(
    ("name", "hint"), [("digts", "did you mean digits?"), ("cifar", f"known: {', '.join(DATASETS)}")]
)
def test_an_unknown_data_set_is_refused_with_the_nearest_known_one(name, hint):
    message = complaint(changed("data.dataset", name))
    assert message == f"params.yaml: data.dataset: no data set {name}: {hint}"


def test_no_seeds_are_refused():
    message = complaint(changed("seeds", []))
    assert message == "params.yaml: seeds: there are none: list at least one, as in [0]"


def test_a_seed_listed_twice_is_refused_by_its_number():
    message = complaint(changed("seeds", [5, 3, 5]))
    assert message == "params.yaml: seeds: 5 is there twice: list each one once"


def test_a_misspelt_key_of_a_published_error_is_refused_with_the_nearest_known_one():
    message = complaint(changed("comparison.published", {"plain": {"error_percent": 0.95, "sorce": "a paper"}}))
    assert message == "params.yaml: comparison.published.plain.sorce: unknown key: did you mean source?"


def test_copies_without_distortions_are_refused(tmp_path):
    settings = load_settings(ROOT / "params.yaml").variant("lenet5_1998").model_dump()
    with pytest.raises(ValidationError, match="copies: 9: without a range of distortions all copies are alike"):
        Variant.model_validate(settings | {"copies": 9})


def test_the_description_of_an_unknown_variant_is_refused_with_the_nearest_known_one():
    message = complaint(renamed("about.plain", "plian"))
    assert message == "params.yaml: about.plian: no such variant: did you mean plain?"


@pytest.mark.parametrize(
    ("key", "names", "complaint_"),
    [
        ("ladder", ["plain", "moder"], "no variant moder: did you mean modern?"),
        ("ladder", ["plain", "plain"], "plain is there twice: list each variant once"),
        ("ladder", [], "[] is not accepted, expected "),
        ("primary", ["plain"], "two variants make a difference: one, and what it is compared with; or []"),
        ("primary", ["plain", "modern"], "plain is what others are compared with: name it second"),
        ("primary", ["plain", "plain"], "plain is there twice: list each variant once"),
        ("primary", ["moder", "plain"], "no variant moder: did you mean modern?"),
        ("factorial", ["plain", "modern"], "four variants make a 2×2: neither change, the"),
        ("factorial", ["plain", "modern", "a", "b"], "no variant a: known: plain, modern"),
    ],
)
def test_a_comparison_of_what_is_not_there_is_refused(key, names, complaint_):
    assert complaint(changed(f"comparison.{key}", names)).startswith(f"params.yaml: comparison.{key}: {complaint_}")


def test_a_study_without_variants_is_refused():
    assert complaint(changed("variants", {})).startswith("params.yaml: variants")


def test_a_missing_file_is_refused_with_the_place_to_run_from(tmp_path):
    with pytest.raises(LabError) as caught:
        load_settings()
    assert str(caught.value) == (
        f"params.yaml is missing here ({tmp_path}): run from the project's folder, or `git restore params.yaml`"
    )


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (rewritten("seeds: [0, 3]", "seeds: [0, 3"), "line 7"),  # the list is still open where `about:` begins
        (rewritten("  epochs: 2", "\tepochs: 2"), "line 25"),
        ("a: 1\nb: *nowhere\n", "line 2"),
        (rewritten("  epochs: 2\n", "  epochs: 2\n  epochs: 3\n"), "line 26"),
    ],
    ids=["open list", "tab", "unknown alias", "key twice"],
)
def test_broken_yaml_is_refused_with_its_line(text, line):
    message = complaint(text)
    assert message.startswith("params.yaml is not valid YAML: ")
    assert line in message


def test_a_file_that_is_not_text_is_refused():
    Path("params.yaml").write_bytes(b"\xff\xfe\x00data")
    with pytest.raises(LabError, match=r"^params\.yaml is not valid YAML: 'utf-8' codec [^\n]*$"):
        load_settings()


@pytest.mark.parametrize("text", ["", "# nothing but a comment\n", "null\n", "- 1\n", "hello\n", "3\n"])
def test_a_file_that_is_not_a_mapping_is_refused_as_a_whole(text):
    message = complaint(text)
    assert message.startswith("params.yaml: the whole file: ")
    assert ", expected a mapping" in message


def test_a_key_given_twice_in_a_variant_is_refused():
    twice = rewritten("    activation: relu\n", "    activation: relu\n    activation: tanh\n")
    assert "activation" in complaint(twice)


def test_a_date_that_does_not_exist_is_refused():
    assert complaint(rewritten("learning_rate: 0.01", "learning_rate: 2020-13-01")).startswith("params.yaml")


@pytest.mark.parametrize("name", ["int", "float", "constrained"])
def test_a_mistake_is_found_whatever_the_variants_name(name):
    message = complaint(changed(f"variants.{name}", {"activaton": "relu"}))
    assert message == f"params.yaml: variants.{name}.activaton: unknown key: did you mean activation?"


def test_another_file_than_params_yaml_is_named_in_the_message():
    with pytest.raises(LabError, match=r"^elsewhere\.yaml is missing here"):
        load_settings(Path("elsewhere.yaml"))


def test_a_variant_is_found_by_its_name():
    settings = load(GOOD)
    assert settings.variant("modern") is settings.variants["modern"]


def test_an_unknown_variant_is_refused_with_the_nearest_known_one():
    with pytest.raises(LabError) as caught:
        load(GOOD).variant("modren")
    assert str(caught.value) == "params.yaml: unknown variant modren: did you mean modern?"


@pytest.mark.parametrize("section", ["data", "preprocess", "base", "compute"])
def test_no_section_can_be_changed_after_loading(section):
    part = getattr(load(GOOD), section)
    name = next(iter(type(part).model_fields))
    with pytest.raises(ValidationError, match="frozen"):
        setattr(part, name, getattr(part, name))


def test_settings_are_frozen_as_a_whole():
    settings = load(GOOD)
    with pytest.raises(ValidationError, match="frozen"):
        settings.seeds = (1,)
    assert settings.seeds == (0, 3)


def test_no_setting_has_a_default():
    sections = [Settings, *(field.annotation for field in Settings.model_fields.values())]
    models = [section for section in sections if hasattr(section, "model_fields")]
    assert len(models) == 6  # the whole, data, preprocess, base, comparison, compute
    assert [name for model in models for name, field in model.model_fields.items() if not field.is_required()] == []


def restated(text):
    """Return variant.key for every key that a variant gives although what it merges has that very value."""
    raw = YAML(typ="rt", pure=True).load(io.StringIO(text))
    found = []
    for name, variant in raw["variants"].items():
        (merged,) = variant.merge
        found += [f"{name}.{key}" for key, value in variant.non_merged_items() if merged[key] == value]
    return found


def test_a_restated_value_would_be_noticed():
    assert restated(GOOD) == []
    assert restated(changed("variants.modern.dropout", 0.0)) == ["modern.dropout"]


def test_no_committed_variant_restates_an_inherited_value():
    assert restated((ROOT / "params.yaml").read_text(encoding="utf-8")) == []


def test_the_committed_file_loads_and_describes_every_variant():
    settings = load_settings(ROOT / "params.yaml")
    assert list(settings.about) == list(settings.variants)


def test_the_committed_study_has_a_baseline_equal_to_its_base():
    settings = load_settings(ROOT / "params.yaml")
    assert settings.base in settings.variants.values()


COMMITTED = {
    Settings: YAML(typ="safe").load(ROOT / "params.yaml"),
    Sweep: YAML(typ="safe").load(ROOT / "sweeps/lenet5_1998/sweep.yaml"),
}


@pytest.mark.parametrize("kind", COMMITTED)
@given(data=st.data())
def test_whatever_is_edited_in_a_file_of_settings_it_is_valid_or_refused_in_one_line(kind, data):
    raw = data.draw(edited(COMMITTED[kind]))
    settings, refusal = result_or_refusal(LabError, checked, raw, kind, Path("some.yaml"))
    if refusal:
        assert refusal.startswith("some.yaml: ")
    else:
        assert kind.model_validate(settings.model_dump()) == settings


@pytest.mark.filterwarnings("ignore::ruamel.yaml.error.YAMLWarning")
@given(content=damaged(GOOD.encode()))
def test_whatever_is_damaged_in_a_file_of_settings_it_is_valid_or_refused_in_one_line(content):
    Path("params.yaml").write_bytes(content)
    settings, refusal = result_or_refusal(LabError, load_settings)
    if refusal:
        assert refusal.startswith("params.yaml")
    else:
        assert Settings.model_validate(settings.model_dump()) == settings
