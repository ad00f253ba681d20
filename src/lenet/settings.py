"""params.yaml and sweep.yaml as frozen, validated settings. This module has no values of its own.

A variant is the base and what differs from it; a sweep's recipe is a variant and what differs from that.
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


def _each_once(values: tuple[Any, ...]) -> tuple[Any, ...]:
    # By comparing, since values of a grid need not be hashable; lists are short.
    if twice := [value for number, value in enumerate(values) if value in values[:number]]:
        raise PydanticCustomError("twice", "{value} is there twice: list each one once", {"value": twice[0]})
    return values


# The longest list, and the largest number of a recipe: nobody needs more.
_MOST = 1_000
_LARGEST = 1_000_000

Seed = Annotated[int, Field(ge=0, lt=2**31)]
Seeds = Annotated[tuple[Seed, ...], Field(strict=False, max_length=_MOST), AfterValidator(_each_once)]
Count = Annotated[int, Field(ge=1, le=_LARGEST)]
Positive = Annotated[float, Field(gt=0, le=_LARGEST)]
Fraction = Annotated[float, Field(gt=0, lt=1)]
Range = Annotated[float, Field(ge=0, le=1)]
# It is part of the names of files, which may have only 143 characters on some systems.
VariantName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]
Names = Annotated[tuple[VariantName, ...], Field(strict=False), AfterValidator(_each_once)]

# Stochastic diagonal Levenberg–Marquardt is compiled for this network and no other.
_SDLM = {
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


# Optimizer → the engine that trains with it, a folder of training/. Training in mini-batches has a file per optimizer;
# its name is known without importing it.
_OPTIMIZERS = Path(__file__).parent / "training" / "batches" / "optimizers"
ENGINES = dict.fromkeys(sorted(file.stem for file in _OPTIMIZERS.glob("[!_]*.py")), "batches") | {"sdlm": "lenet_1998"}


def _has_a_file(optimizer: str) -> str:
    if optimizer not in ENGINES:
        raise PydanticCustomError(
            "unknown", "no optimizer {name}: {hint}", {"name": optimizer, "hint": did_you_mean(optimizer, ENGINES)}
        )
    return optimizer


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Data(_Section):
    """The data set that the study runs on, by its name in `DATASETS`."""

    dataset: str

    @model_validator(mode="after")
    def _is_known(self) -> "Data":
        try:
            datasets.find(self.dataset)
        except LabError as error:
            raise ValueError(f"dataset: {error}") from None
        return self


class Preprocess(_Section):
    """The stratified validation split, taken from the training set."""

    validation_size: Count | Fraction
    split_seed: Seed


class Variant(_Section):
    """One recipe: a flat mapping, so that DVC and MLflow show flat columns. params.yaml says what each key means."""

    input_size: Literal[28, 32]
    pixels: Literal["standardised", "unit", "centred", "published"]
    activation: Literal["tanh", "scaled_tanh", "relu", "silu"]
    pooling: Literal["average", "max", "trainable"]
    c3: Literal["full", "table_1"]
    output: Literal["softmax", "rbf"]
    initialization: Literal["glorot", "fan_in", "root_fan_in", "authors"]

    loss: Literal["cross_entropy", "squared_distance"]
    optimizer: Annotated[str, AfterValidator(_has_a_file)]
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
        """The folder of training/ that trains this recipe."""
        return ENGINES[self.optimizer]

    @model_validator(mode="after")
    def _fits_together(self) -> "Variant":
        if self.loss == "squared_distance" and self.output != "rbf":
            raise ValueError("loss: squared_distance is measured to the codes of output: rbf")
        if self.optimizer == "sdlm":
            for name, value in _SDLM.items():
                if getattr(self, name) != value:
                    raise ValueError(f"{name}: optimizer sdlm trains only the network of 1998, with {name}: {value}")
        if self.copies and self.optimizer != "sdlm":
            raise ValueError(f"copies: {self.copies}: only optimizer sdlm trains on copies: set copies: 0")
        if self.copies and not any(
            (self.translation, self.scaling, self.squeezing, self.shear, self.rotation, self.elastic)
        ):
            raise ValueError(
                f"copies: {self.copies}: without distortions all copies are alike: set a range, or copies: 0"
            )
        if (self.schedule == "published") != (self.optimizer == "sdlm"):
            raise ValueError(f"schedule: {self.schedule} does not go with optimizer {self.optimizer}")
        return self


class Published(_Section):
    """A test error on MNIST that others report for a variant's recipe, who reports it, and a note."""

    error_percent: Annotated[float, Field(gt=0, lt=100)]
    source: Annotated[str, Field(min_length=1)]
    note: str = ""


class ComparisonSettings(_Section):
    """What the report compares, by names of variants and sweeps; params.yaml says what each key means."""

    primary: Names
    original: VariantName | None
    ladder: Annotated[Names, Field(min_length=1)]
    factorial: Names
    published: dict[VariantName, Published]
    sweeps: Names

    @model_validator(mode="after")
    def _well_formed(self) -> "ComparisonSettings":
        if len(self.primary) not in (0, 2):
            raise ValueError("primary: expected two variants, one and what it is compared with, or []")
        if self.primary and self.primary[0] == self.ladder[0]:
            raise ValueError(f"primary: {self.ladder[0]} is what others are compared with: name it second")
        if len(self.factorial) not in (0, 4):
            raise ValueError("factorial: expected four variants: neither change, the first, the second, both; or []")
        return self


class Compute(_Section):
    """How many workers train at once. It changes no result."""

    workers: Count | Literal["auto"]


class Settings(_Section):
    """All of params.yaml; a variant has the base's settings where it changes nothing."""

    data: Data
    seeds: Seeds
    preprocess: Preprocess
    base: Variant
    variants: Annotated[dict[VariantName, Variant], Field(min_length=1)]
    about: dict[str, str]
    comparison: ComparisonSettings
    compute: Compute

    @model_validator(mode="after")
    def _cross_check(self) -> "Settings":
        if not self.seeds:
            raise ValueError("seeds: there are none: list at least one, as in [0]")
        for name in self.about:
            if name not in self.variants:
                raise ValueError(f"about.{name}: no such variant: {did_you_mean(name, self.variants)}")
        compared = self.comparison
        for key, names in (
            ("primary", compared.primary),
            ("original", [compared.original] if compared.original else []),
            ("ladder", compared.ladder),
            ("factorial", compared.factorial),
            ("published", compared.published),
        ):
            for name in names:
                if name not in self.variants:
                    raise ValueError(f"comparison.{key}: no variant {name}: {did_you_mean(name, self.variants)}")
        return self

    def variant(self, name: str) -> Variant:
        """Return the settings of a variant; raise LabError, with the nearest known name, if there is none."""
        if name not in self.variants:
            raise LabError(f"{PARAMS}: unknown variant {name}: {did_you_mean(name, self.variants)}")
        return self.variants[name]


Values = Annotated[tuple[Any, ...], Field(min_length=1, max_length=_MOST, strict=False), AfterValidator(_each_once)]
Grid = Annotated[dict[str, Values], Field(min_length=1)]
Four = Annotated[tuple[str, ...], Field(min_length=4, max_length=4, strict=False), AfterValidator(_each_once)]


def _has_effect(key: str, recipe: Variant) -> bool:
    """Say whether a setting has an effect on a recipe; two have one only in the training of 1998."""
    if key == "rubbish":
        return recipe.optimizer == "sdlm" and recipe.loss == "cross_entropy"
    return key != "damping" or recipe.optimizer == "sdlm"


class Sweep(_Section):
    """All of a sweep.yaml: a recipe, grids of values to try in its place, from which seeds and on how many folds.

    recipe: the variant that `from` names, with what differs from it. factorials: designs of 2×2, each four recipes by
    name: neither change, the first, the second, both.
    """

    about: str
    recipe: Variant
    grids: Annotated[tuple[Grid, ...], Field(min_length=1, strict=False)]
    seeds: Annotated[Seeds, Field(min_length=1)]
    folds: Annotated[int, Field(ge=1, le=10)]
    factorials: Annotated[tuple[Four, ...], Field(strict=False)] = ()

    @model_validator(mode="after")
    def _can_be_tried(self) -> "Sweep":
        if sum(math.prod(map(len, grid.values())) for grid in self.grids) > _MOST:
            raise ValueError(f"grids: more than {_MOST:,} recipes: try fewer values")
        for name in self.varied:
            if name not in Variant.model_fields:
                raise ValueError(f"grids: {name}: unknown key: {did_you_mean(name, list(Variant.model_fields))}")
        if "train_on" in self.varied or self.recipe.train_on != "train":
            raise ValueError("recipe.train_on: a sweep measures on validation digits, which needs train_on: train")
        recipes = self.recipes()
        for name, recipe in recipes.items():
            if without_effect := [key for key in self.varied if f"{key}=" in name and not _has_effect(key, recipe)]:
                raise ValueError(f"grids: {name}: {without_effect[0]} has no effect on this recipe")
        for name in (name for four in self.factorials for name in four):
            if name not in recipes:
                raise ValueError(f"factorials: {name}: no such recipe: {did_you_mean(name, recipes)}")
        return self

    @property
    def varied(self) -> list[str]:
        """The settings that are tried, each once."""
        return list(dict.fromkeys(name for grid in self.grids for name in grid))

    @property
    def drawn_along(self) -> str | None:
        """The number of which every grid tries at least three values: results are drawn along it."""
        for name, values in self.grids[0].items():
            if isinstance(values[0], int | float) and all(len(grid.get(name, ())) > 2 for grid in self.grids):
                return name
        return None

    def recipes(self) -> dict[str, Variant]:
        """Return the recipes of all grids by name, as in "batch_size=32 epochs=10"; a grid is all combinations.

        The first takes the first values of the first grid. Raises ValueError where a recipe is not valid.
        """
        recipes = {}
        combinations = (
            dict(zip(grid, values, strict=True)) for grid in self.grids for values in itertools.product(*grid.values())
        )
        for changed in combinations:
            name = " ".join(f"{key}={value}" for key, value in changed.items())
            try:
                recipes[name] = Variant.model_validate(self.recipe.model_dump() | changed)
            except ValidationError as error:
                raise ValueError(f"grids: {name}: {_first_mistake(error, changed, Variant)}") from None
        return recipes


def load_settings(path: Path = PARAMS) -> Settings:
    """Read and check params.yaml; raise LabError where it cannot be read, or with the first mistake's dotted path."""
    raw = read_yaml(path, f"run from the project's folder, or `git restore {path}`")
    return checked(_with_base(raw), Settings, path)


def _with_base(raw: Any) -> Any:
    """Return the content of params.yaml, each variant completed from the base; what is not a mapping stays."""
    if not (isinstance(raw, dict) and isinstance(raw.get("base"), dict) and isinstance(raw.get("variants"), dict)):
        return raw
    variants = {
        name: raw["base"] | changes if isinstance(changes, dict) else changes
        for name, changes in raw["variants"].items()
    }
    return raw | {"variants": variants}


def load_sweep(path: Path, settings: Settings) -> Sweep:
    """Read and check a sweep.yaml; raise LabError where it cannot be read, or with the first mistake's dotted path."""
    raw = read_yaml(path, f"`make sweep NAME={path.parent.name} FROM=tanh_sgd` starts one from a variant's recipe")
    return checked(_with_variant(raw, settings, path), Sweep, path)


def _with_variant(raw: Any, settings: Settings, path: Path) -> Any:
    """Return the content of a sweep.yaml, its recipe completed from the variant that `from` names.

    Raises LabError where there is no such variant.
    """
    if not isinstance(raw, dict):
        return raw
    if "from" not in raw:
        raise LabError(f"{path}: from is missing: name the variant that the recipe starts from")
    variant, changes = raw["from"], raw.get("recipe", {})
    if variant not in settings.variants:
        raise LabError(f"{path}: from: no variant {variant}: {did_you_mean(str(variant), settings.variants)}")
    recipe = settings.variants[variant].model_dump() | changes if isinstance(changes, dict) else changes
    return {key: value for key, value in raw.items() if key != "from"} | {"recipe": recipe}


_Whole = TypeVar("_Whole", Settings, Sweep)


def checked(raw: Any, kind: type[_Whole], path: Path) -> _Whole:
    """Return what a file holds as settings; raise LabError with the dotted path of the first mistake."""
    try:
        return kind.model_validate(raw)
    except ValidationError as error:
        raise LabError(f"{path}: {shortened(in_one_line(_first_mistake(error, raw, kind)), 1000)}") from None


def _first_mistake(error: ValidationError, raw: Any, kind: type[_Section]) -> str:
    """Say in one line where the first mistake in a section of that kind is and what was expected there."""
    # A misspelt key is both unknown and missing: the unknown one is what to correct.
    mistakes = sorted(error.errors(), key=lambda mistake: mistake["type"] != "extra_forbidden")
    first = mistakes[0]
    where = _place(first, raw)
    dotted = ".".join(where)
    match first["type"]:
        case "extra_forbidden":
            return f"{dotted}: unknown key: {did_you_mean(where[-1], _keys_expected_at(where[:-1], kind))}"
        case "missing":
            return f"{dotted} is missing: add it"
        case "twice" | "unknown":
            return f"{dotted}: {first['msg']}"
        case "value_error":
            return ".".join([*where, str(first["ctx"]["error"])])
    same_place = [
        m["msg"][:1].lower() + m["msg"][1:] for m in mistakes if m["loc"][: len(where)] == first["loc"][: len(where)]
    ]
    expected = " or ".join(dict.fromkeys(text.removeprefix("input should be ") for text in same_place))
    expected = re.sub(r"valid dictionary or instance of \w+", "mapping", expected).replace("valid tuple", "list")
    quoted = " (a number in quotes is text: remove the quotes)" if _is_quoted_number(first["input"]) else ""
    given = shortened(repr(first["input"]), 200)
    return f"{dotted or 'the whole file'}: {given} is not accepted, expected {expected}{quoted}"


def _place(mistake: Mapping[str, Any], raw: Any) -> list[str]:
    """Return the keys that lead to a mistake, without what pydantic adds to them (the branches of a union)."""
    where: list[str] = []
    for part in mistake["loc"]:
        inside = isinstance(raw, dict) and part in raw
        if inside or isinstance(part, int):
            raw = raw[part]
            where.append(str(part))
    return [*where, str(mistake["loc"][-1])] if mistake["type"] == "missing" else where


def _keys_expected_at(where: list[str], kind: type[_Section]) -> list[str]:
    section: Any = kind
    for part in where:
        # The values of a mapping are alike, whatever their names.
        section = section.model_fields[part].annotation if hasattr(section, "model_fields") else get_args(section)[-1]
    return list(section.model_fields) if hasattr(section, "model_fields") else []


def _is_quoted_number(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    try:
        float(value)
    except ValueError:
        return False
    return True
