"""Read params.yaml and sweep.yaml, and return their settings as validated objects that cannot change.

All values come from the files. A variant in params.yaml lists only the settings that it changes in the section `base`.
The recipe in a sweep.yaml lists only the settings that it changes in a variant of params.yaml. The other settings are
filled in before the validation.
"""

import itertools
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from lenet.errors import LabError, did_you_mean, in_one_line, shortened
from lenet.mnist import datasets
from lenet.workspace import PARAMS
from lenet.yaml_files import read_yaml


def _without_duplicates(values: tuple[Any, ...]) -> tuple[Any, ...]:
    # Compares instead of using a set: a grid's values may be unhashable. The lists are short.
    if duplicates := [value for index, value in enumerate(values) if value in values[:index]]:
        raise PydanticCustomError("duplicate", "{value} is listed twice: remove one of them", {"value": duplicates[0]})
    return values


# The longest list of seeds, values or recipes, and the largest number in a recipe.
_MAX_ITEMS = 1_000
_MAX_NUMBER = 1_000_000

Seed = Annotated[int, Field(ge=0, lt=2**31)]
Seeds = Annotated[
    tuple[Seed, ...], Field(strict=False, min_length=1, max_length=_MAX_ITEMS), AfterValidator(_without_duplicates)
]
Count = Annotated[int, Field(ge=1, le=_MAX_NUMBER)]
Positive = Annotated[float, Field(gt=0, le=_MAX_NUMBER)]
Fraction = Annotated[float, Field(gt=0, lt=1)]
Range = Annotated[float, Field(ge=0, le=1)]
# File names contain the variant's name, and some file systems allow only 143 characters.
VariantName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]
Names = Annotated[tuple[VariantName, ...], Field(strict=False), AfterValidator(_without_duplicates)]

# Optimizer sdlm accepts only these values: its compiled loops compute this network and no other.
_SETTINGS_OF_SDLM = {
    "input_size": 32,
    "pixels": "published",
    "activation": "scaled_tanh",
    "pooling": "trainable",
    "c3": "table_1",
    "output": "rbf",
    "batch_size": 1,
    "dropout": 0.0,
    "weight_decay": 0.0,
}


# Optimizer → its engine: the folder of training/ that trains with it. The engine `batches` has a file for each of its
# optimizers. Only the names of the files are read here; nothing is imported.
_OPTIMIZERS = Path(__file__).parent / "training" / "batches" / "optimizers"
ENGINES = dict.fromkeys(sorted(file.stem for file in _OPTIMIZERS.glob("[!_]*.py")), "batches") | {"sdlm": "lenet_1998"}


def _known_optimizer(optimizer: str) -> str:
    if optimizer not in ENGINES:
        raise PydanticCustomError(
            "unknown", "unknown optimizer {name}: {hint}", {"name": optimizer, "hint": did_you_mean(optimizer, ENGINES)}
        )
    return optimizer


def _known_dataset(name: str) -> str:
    try:
        return datasets.find(name).name
    except LabError as error:
        raise PydanticCustomError("unknown", "{error}", {"error": str(error)}) from None


DatasetName = Annotated[str, AfterValidator(_known_dataset)]


class _Section(BaseModel):
    """A section of a file, as an immutable object. Unknown keys, numbers in quotes and infinite numbers are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Data(_Section):
    """The data set of the study. dataset: its name in `datasets.DATASETS`."""

    dataset: DatasetName


class Preprocess(_Section):
    """How to draw the validation split from the training set. The split is stratified by class.

    validation_size: a number of images (int), or a fraction of the training set (float). split_seed: the seed of the
    random draw.
    """

    validation_size: Count | Fraction
    split_seed: Seed


class Variant(_Section):
    """One recipe: all settings of a training. params.yaml explains each key.

    No key is nested, so that DVC and MLflow show a column for each key.
    """

    input_size: Literal[28, 32]
    pixels: Literal["standardised", "unit", "centred", "published"]
    activation: Literal["tanh", "scaled_tanh", "relu", "silu"]
    pooling: Literal["average", "max", "blur", "trainable"]
    c3: Literal["full", "table_1"]
    output: Literal["softmax", "rbf"]
    initialization: Literal["glorot", "fan_in", "root_fan_in", "authors", "authors_fitted"]

    loss: Literal["cross_entropy", "squared_distance"]
    optimizer: Annotated[str, AfterValidator(_known_optimizer)]
    learning_rate: Positive
    schedule: Literal["constant", "cosine", "published"]
    damping: Positive
    rubbish: Positive
    weight_decay: Annotated[float, Field(ge=0, lt=1)]
    batch_size: Count
    epochs: Count
    dropout: Annotated[float, Field(ge=0, lt=1)]
    order: Literal["fresh", "constant"]
    train_on: Literal["train", "train_and_validation"]

    translation: Annotated[float, Field(ge=0, le=14)]
    scaling: Range
    squeezing: Range
    shear: Range
    rotation: Range
    elastic: Annotated[float, Field(ge=0, le=14)]
    copies: Annotated[int, Field(ge=0, le=99)]

    @property
    def engine(self) -> str:
        """The engine that trains this recipe: the name of a folder in training/."""
        return ENGINES[self.optimizer]

    def changes_since(self, other: "Variant") -> dict[str, tuple[object, object]]:
        """Return the settings that differ between two recipes: setting → (value in `other`, value here)."""
        before, now = other.model_dump(), self.model_dump()
        return {name: (before[name], now[name]) for name in now if before[name] != now[name]}

    @model_validator(mode="after")
    def _settings_fit_together(self) -> "Variant":
        if self.loss == "squared_distance" and self.output != "rbf":
            raise ValueError("loss: squared_distance needs `output: rbf`: set that, or another loss")
        if self.optimizer == "sdlm":
            for name, value in _SETTINGS_OF_SDLM.items():
                if getattr(self, name) != value:
                    raise ValueError(
                        f"{name}: optimizer sdlm trains only with {name}: {value}: copy the settings of lenet5_1998, "
                        "or choose another optimizer"
                    )
        if self.copies and self.optimizer != "sdlm":
            raise ValueError(f"copies: {self.copies}: only optimizer sdlm trains on copies: set copies: 0")
        if self.copies and not any(
            (self.translation, self.scaling, self.squeezing, self.shear, self.rotation, self.elastic)
        ):
            raise ValueError(
                f"copies: {self.copies}: without a distortion all copies are equal: set a distortion, or copies: 0"
            )
        if (self.schedule == "published") != (self.optimizer == "sdlm"):
            raise ValueError(
                f"schedule: {self.schedule} cannot be used with optimizer {self.optimizer}: set schedule: "
                + ("published" if self.optimizer == "sdlm" else "constant or cosine")
            )
        return self


class PublishedTraining(_Section):
    """The training error that a publication reports after a number of epochs, in percent."""

    epoch: Count
    error_percent: Annotated[float, Field(gt=0, lt=100)]


class Published(_Section):
    """The test error on MNIST that a publication reports for a variant's recipe, in percent, with its source.

    plus_minus: how far the true error may be from `error_percent`, because the publication rounds it. training: the
    training error that it reports, if it reports one.
    """

    error_percent: Annotated[float, Field(gt=0, lt=100)]
    source: Annotated[str, Field(min_length=1)]
    plus_minus: Annotated[float, Field(ge=0, lt=100)] = 0.0
    training: PublishedTraining | None = None

    @property
    def ends(self) -> tuple[float, float]:
        """The smallest and the largest error that the publication may have rounded to `error_percent`, in percent."""
        return self.error_percent - self.plus_minus, self.error_percent + self.plus_minus


class ComparisonSettings(_Section):
    """What the report compares: variants and sweeps, by their names. params.yaml explains each key."""

    primary: Names
    original: VariantName | None
    ladder: Annotated[Names, Field(min_length=1)]
    factorial: Names
    published: dict[VariantName, Published]
    sweeps: Names

    @property
    def baseline(self) -> str:
        """The first variant of `ladder`. All other variants are compared with this variant."""
        return self.ladder[0]

    @model_validator(mode="after")
    def _primary_and_factorial_are_valid(self) -> "ComparisonSettings":
        """Check that `primary` names two variants or none, and `factorial` names four variants or none.

        If `primary` names two variants, the first one must not be the baseline.
        """
        if len(self.primary) not in (0, 2):
            raise ValueError("primary: expected two variants (the first is compared with the second) or []")
        if self.primary and self.primary[0] == self.baseline:
            raise ValueError(
                f"primary: {self.baseline} is the baseline, which others are compared with: name it second"
            )
        if len(self.factorial) not in (0, 4):
            raise ValueError(
                "factorial: expected four variants (with neither change, with the first, with the second, with both) "
                "or []"
            )
        return self


class Compute(_Section):
    """How many workers train at once. The number does not change any result."""

    workers: Count | Literal["auto"]


class Settings(_Section):
    """The whole of params.yaml. Each variant has all settings: those that it does not change are equal to `base`."""

    data: Data
    seeds: Seeds
    preprocess: Preprocess
    base: Variant
    variants: Annotated[dict[VariantName, Variant], Field(min_length=1)]
    about: dict[str, str]
    comparison: ComparisonSettings
    compute: Compute

    @model_validator(mode="after")
    def _names_are_known(self) -> "Settings":
        """Check that `about` and `comparison` name only variants that exist."""
        for name in self.about:
            if name not in self.variants:
                raise ValueError(
                    f"about.{name}: `variants` has no {name}: if it was removed, remove this line too; "
                    f"otherwise: {did_you_mean(name, self.variants)}"
                )
        comparison = self.comparison
        for key, names in (
            ("primary", comparison.primary),
            ("original", [comparison.original] if comparison.original else []),
            ("ladder", comparison.ladder),
            ("factorial", comparison.factorial),
            ("published", comparison.published),
        ):
            for name in names:
                if name not in self.variants:
                    raise ValueError(f"comparison.{key}: unknown variant {name}: {did_you_mean(name, self.variants)}")
        return self

    def variant(self, name: str) -> Variant:
        """Return the settings of a variant; if the variant is unknown, raise LabError with the nearest known name."""
        if name not in self.variants:
            raise LabError(f"{PARAMS}: unknown variant {name}: {did_you_mean(name, self.variants)}")
        return self.variants[name]


# In a sweep.yaml: the values of one setting, a grid (setting → its values), and the four recipes of a 2×2 design.
GridValues = Annotated[
    tuple[Any, ...], Field(min_length=1, max_length=_MAX_ITEMS, strict=False), AfterValidator(_without_duplicates)
]
Grid = Annotated[dict[str, GridValues], Field(min_length=1)]
FactorialDesign = Annotated[
    tuple[str, ...], Field(min_length=4, max_length=4, strict=False), AfterValidator(_without_duplicates)
]


def _has_effect(key: str, recipe: Variant) -> bool:
    """Return whether a setting has an effect on a recipe.

    `damping` needs optimizer sdlm; `rubbish` needs optimizer sdlm and loss cross_entropy. For all other settings,
    return True.
    """
    if key == "rubbish":
        return recipe.optimizer == "sdlm" and recipe.loss == "cross_entropy"
    return key != "damping" or recipe.optimizer == "sdlm"


class TrainingCurves(_Section):
    """What a sweep shows of the training errors. epochs: trials.csv has the mean training error of each."""

    epochs: Annotated[tuple[Count, ...], Field(min_length=1, strict=False), AfterValidator(_without_duplicates)]
    published: PublishedTraining | None = None


class Sweep(_Section):
    """The whole of a sweep.yaml: a recipe, grids of values to try in it, the seeds, and the number of folds.

    dataset: the data set, which may be another than the study's. recipe: all settings, those of a variant with the
    sweep's own changes. The key `from` in the file names the variant.
    folds: the number of folds of the cross-validation. 1 means no cross-validation: the recipes are measured on the
    project's validation split. factorials: 2×2 designs. Each design has the names of four recipes: with neither change,
    with the first, with the second, and with both. training_curves: if given, the figure has the training curves.
    """

    about: str
    dataset: DatasetName
    recipe: Variant
    grids: Annotated[tuple[Grid, ...], Field(min_length=1, strict=False)]
    seeds: Seeds
    folds: Annotated[int, Field(ge=1, le=10)]
    factorials: Annotated[tuple[FactorialDesign, ...], Field(strict=False)] = ()
    training_curves: TrainingCurves | None = None

    @model_validator(mode="after")
    def _recipes_are_valid(self) -> "Sweep":
        """Check the grids, the recipes and `factorials`.

        The grids must not give too many recipes. Each setting in a grid must exist, and must have an effect on every
        recipe of this grid. Each recipe must be valid, and must not train on the validation split, because the sweep
        measures on this split. `factorials` must contain only names of recipes, and `training_curves` only epochs that
        all recipes have.
        """
        if sum(math.prod(map(len, grid.values())) for grid in self.grids) > _MAX_ITEMS:
            raise ValueError(f"grids: more than {_MAX_ITEMS:,} recipes: try fewer values")
        for name in self.varied_settings:
            if name not in Variant.model_fields:
                raise ValueError(f"grids: {name}: unknown key: {did_you_mean(name, list(Variant.model_fields))}")
        if "train_on" in self.varied_settings or self.recipe.train_on != "train":
            raise ValueError(
                "train_on: a sweep measures on the validation split: set `train_on: train` under `recipe`, and vary it "
                "in no grid"
            )
        recipes = self.recipes()
        for name, recipe in recipes.items():
            if without_effect := [
                key for key in self.varied_settings if f"{key}=" in name and not _has_effect(key, recipe)
            ]:
                raise ValueError(f"grids: {name}: {without_effect[0]} has no effect on this recipe: remove it")
        for name in (name for design in self.factorials for name in design):
            if name not in recipes:
                raise ValueError(f"factorials: {name}: unknown recipe: {did_you_mean(name, recipes)}")
        shortest = min(recipe.epochs for recipe in recipes.values())
        if self.training_curves and max(self.training_curves.epochs) > shortest:
            raise ValueError(
                f"training_curves: epochs: {max(self.training_curves.epochs)}: a recipe has only {shortest} epochs"
            )
        return self

    @property
    def varied_settings(self) -> list[str]:
        """The names of the settings that the grids vary, without duplicates."""
        return list(dict.fromkeys(name for grid in self.grids for name in grid))

    @property
    def x_axis_setting(self) -> str | None:
        """The name of the setting on the x-axis of the sweep's figure, or None if no setting is suitable.

        A setting is suitable if its values are numbers and every grid has at least three of them. If several settings
        are suitable, the first one is chosen.
        """
        for name, values in self.grids[0].items():
            if isinstance(values[0], int | float) and all(len(grid.get(name, ())) > 2 for grid in self.grids):
                return name
        return None

    def recipes(self) -> dict[str, Variant]:
        """Return a recipe for every combination of values in each grid: {name: recipe}.

        A name lists the values, as in "batch_size=32 epochs=10". The first recipe has the first values of the first
        grid. Raises ValueError if a recipe is not valid.
        """
        recipes = {}
        combinations = (
            dict(zip(grid, values, strict=True)) for grid in self.grids for values in itertools.product(*grid.values())
        )
        for changes in combinations:
            name = " ".join(f"{key}={value}" for key, value in changes.items())
            try:
                recipes[name] = Variant.model_validate(self.recipe.model_dump() | changes)
            except ValidationError as error:
                raise ValueError(f"grids: {name}: {_first_mistake(error, changes, Variant)}") from None
        return recipes


def load_settings(path: Path = PARAMS) -> Settings:
    """Read and validate params.yaml.

    Raises LabError if the file cannot be read or contains a mistake. The message says where the mistake is, by its
    dotted path, such as `base.epochs`.
    """
    raw = read_yaml(path, f"run from the project's folder, or `git restore {path}`")
    return _validated(_with_complete_variants(raw), Settings, path)


def _with_complete_variants(raw: Any) -> Any:
    """Return the content of params.yaml with all settings in each variant; missing settings come from `base`.

    Content that is not a mapping is returned unchanged; the validation refuses it.
    """
    if not (isinstance(raw, dict) and isinstance(raw.get("base"), dict) and isinstance(raw.get("variants"), dict)):
        return raw
    variants = {
        name: raw["base"] | changes if isinstance(changes, dict) else changes
        for name, changes in raw["variants"].items()
    }
    return raw | {"variants": variants}


def load_sweep(path: Path, settings: Settings) -> Sweep:
    """Read and validate a sweep.yaml.

    Raises LabError if the file cannot be read or contains a mistake. The message says where the mistake is, by its
    dotted path, such as `recipe.epochs`.
    """
    raw = read_yaml(path, f"`make sweep NAME={path.parent.name} FROM=tanh_sgd` creates it from a variant's recipe")
    return _validated(_with_complete_recipe(raw, settings, path), Sweep, path)


def _with_complete_recipe(raw: Any, settings: Settings, path: Path) -> Any:
    """Return the content of a sweep.yaml with all settings in the recipe.

    Settings that the recipe lacks come from the variant that `from` names. Raises LabError if `from` is missing or
    names an unknown variant.
    """
    if not isinstance(raw, dict):
        return raw
    if "from" not in raw:
        raise LabError(
            f"{path}: the key `from` is missing: add the variant that the recipe starts from, as in `from: tanh_sgd`"
        )
    variant, changes = raw["from"], raw.get("recipe", {})
    if variant not in settings.variants:
        raise LabError(f"{path}: from: unknown variant {variant}: {did_you_mean(str(variant), settings.variants)}")
    recipe = settings.variants[variant].model_dump() | changes if isinstance(changes, dict) else changes
    return {key: value for key, value in raw.items() if key != "from"} | {"recipe": recipe}


_Model = TypeVar("_Model", Settings, Sweep)


def _validated(raw: Any, model: type[_Model], path: Path) -> _Model:
    """Return the content of a file as a validated model; raise LabError with the dotted path of the first mistake."""
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        raise LabError(f"{path}: {shortened(in_one_line(_first_mistake(error, raw, model)), 1000)}") from None


def _first_mistake(error: ValidationError, raw: Any, model: type[_Section]) -> str:
    """Describe the first mistake in one line: its dotted path, and what was expected there.

    raw: the content that was validated. model: the model that refused the content.
    """
    # A misspelt key gives two mistakes: it is unknown, and the right key is missing. Report the unknown key.
    mistakes = sorted(error.errors(), key=lambda mistake: mistake["type"] != "extra_forbidden")
    first = mistakes[0]
    keys = _keys_to(first, raw)
    dotted_path = ".".join(keys)
    match first["type"]:
        case "extra_forbidden":
            return f"{dotted_path}: unknown key: {did_you_mean(keys[-1], _allowed_keys(keys[:-1], model))}"
        case "missing":
            return f"{dotted_path} is missing: add it"
        case "duplicate" | "unknown":
            return f"{dotted_path}: {first['msg']}"
        case "value_error":
            return ".".join([*keys, str(first["ctx"]["error"])])
    # One value may have several mistakes: one for each type that it may have.
    messages = [
        mistake["msg"][:1].lower() + mistake["msg"][1:]
        for mistake in mistakes
        if mistake["loc"][: len(keys)] == first["loc"][: len(keys)]
    ]
    expected = " or ".join(dict.fromkeys(text.removeprefix("input should be ") for text in messages))
    expected = re.sub(r"valid dictionary or instance of \w+", "mapping", expected).replace("valid tuple", "list")
    expected = re.sub(r"(^| or )(greater|less) than", r"\1a number \2 than", expected)
    expected = re.sub(r"(tuple|dictionary|string) should have ", "", expected).replace(" after validation", "")
    if first["type"] == "string_pattern_mismatch":
        expected = "a name of up to 64 lowercase letters, digits and _, with a letter first"
    quotes_hint = " (a number in quotes is text: remove the quotes)" if _is_quoted_number(first["input"]) else ""
    value = "an empty value" if first["input"] is None else shortened(repr(first["input"]), 200)
    return f"{dotted_path or 'the whole file'}: {value} is not accepted, expected {expected}{quotes_hint}"


def _keys_to(mistake: Mapping[str, Any], raw: Any) -> list[str]:
    """Return the keys in `raw` that lead to a mistake.

    The mistake's location also contains pydantic's additions, such as the type in a union. These are left out.
    """
    keys: list[str] = []
    for part in mistake["loc"]:
        is_key = isinstance(raw, dict) and part in raw
        if is_key or isinstance(part, int):
            raw = raw[part]
            keys.append(str(part))
    return [*keys, str(mistake["loc"][-1])] if mistake["type"] == "missing" else keys


def _allowed_keys(path: list[str], model: type[_Section]) -> list[str]:
    """Return the keys that the section at `path` may have."""
    section: Any = model
    for key in path:
        # A section is a model with fields, or a mapping such as `variants`, whose values all have one type.
        section = section.model_fields[key].annotation if hasattr(section, "model_fields") else get_args(section)[-1]
    return list(section.model_fields) if hasattr(section, "model_fields") else []


def _is_quoted_number(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    try:
        float(value)
    except ValueError:
        return False
    return True
