"""Choose the misread test images that the page shows, and collect what the page says about each image."""

from dataclasses import dataclass

import numpy as np

from lenet.evaluation.study import Study

_IMAGES_PER_KIND = 24
_WRITERS, _IMAGES_PER_WRITER = 6, 12


@dataclass(frozen=True)
class MisreadImage:
    """A test image that some networks misread.

    index: the image's index in the test set. taken_for: the most frequent wrong answer. original_errors: how many
    networks of the variant `study.original` misread the image. top_errors: the same for the variant `study.top`.
    """

    index: int
    label: int
    taken_for: int
    original_errors: int
    top_errors: int


@dataclass(frozen=True)
class HardWriter:
    """A writer whose images are often misread.

    number: the writer's number in NIST's data. group: "employees" or "students". image_count: how many test images the
    writer wrote. error_percent: the mean error of the networks of `study.featured` on these images. images: the
    writer's most misread images.
    """

    number: int
    group: str
    image_count: int
    error_percent: float
    images: list[MisreadImage]


def images_by_kind(study: Study) -> dict[str, tuple[int, list[MisreadImage]]]:
    """Sort the misread test images into three kinds: misread only by `study.original`, only by `study.top`, or by both.

    A variant misreads an image if at least half of the variant's networks misread it. Return kind → (how many images
    are of this kind, the images to show). At most `_IMAGES_PER_KIND` images are shown. They are the images that the
    most networks misread, in descending order.
    """
    original, top = study.original, study.top
    counts = {variant: study.wrong[variant].sum(axis=0) for variant in (original, top)}
    misread = {variant: 2 * count >= len(study.wrong[variant]) for variant, count in counts.items()}
    # For each kind: which images belong to it, and the variant whose wrong answers are shown.
    kinds = {
        f"Only {original} misreads": (misread[original] & ~misread[top], original),
        f"Only {top} misreads": (misread[top] & ~misread[original], top),
        "Both misread": (misread[original] & misread[top], original),
    }
    total = counts[original] + counts[top]
    count_and_images = {}
    for kind, (is_of_kind, variant) in kinds.items():
        indices = np.flatnonzero(is_of_kind)
        worst = indices[np.argsort(-total[indices], kind="stable")][:_IMAGES_PER_KIND]
        images = [_misread_image(study, index, variant) for index in worst]
        count_and_images[kind] = (len(indices), images)
    return count_and_images


def hard_writers(study: Study) -> list[HardWriter]:
    """Return the writers whose images are misread most often by the networks of `study.featured` together.

    The list is empty if the writers are not known.
    """
    if not study.writers.are_known:
        return []
    # Only the featured variants count. If all did, a new variant could need pictures that do not exist, and
    # `make report` draws none.
    writers, error_rates = study.writers, np.concatenate([study.wrong[name] for name in study.featured]).mean(axis=0)
    totals = np.bincount(writers.writer_of_image, error_rates)
    return [_hard_writer(study, writer, error_rates) for writer in np.argsort(-totals, kind="stable")[:_WRITERS]]


def _hard_writer(study: Study, writer: int, error_rates: np.ndarray) -> HardWriter:
    """Describe a writer. error_rates: float (images,), the share of featured networks that misread each test image."""
    written = np.flatnonzero(study.writers.writer_of_image == writer)
    worst = written[np.argsort(-error_rates[written], kind="stable")][:_IMAGES_PER_WRITER]
    return HardWriter(
        number=int(study.writers.numbers[writer]),
        group=study.writers.titles[study.writers.groups[writer]],
        image_count=len(written),
        error_percent=100 * float(error_rates[written].mean()),
        images=[_misread_image(study, index, _worst_variant(study, index)) for index in worst if error_rates[index]],
    )


def _worst_variant(study: Study, index: int) -> str:
    """Return the featured variant with the largest share of networks that misread the image."""
    return max(study.featured, key=lambda variant: study.wrong[variant][:, index].mean())


def shown_indices(study: Study) -> list[int]:
    """Return the indices of the misread test images that the page shows."""
    images = [image for _, images_of_kind in images_by_kind(study).values() for image in images_of_kind]
    images += [image for writer in hard_writers(study) for image in writer.images]
    return sorted({image.index for image in images})


def picture_name(index: int) -> str:
    return f"digit-{index}"


def _misread_image(study: Study, index: int, variant: str) -> MisreadImage:
    """Describe a test image that some networks of a variant misread, with their most frequent wrong answer."""
    misread = study.misread[variant]
    (position,) = np.flatnonzero(misread.indices == index)
    label, answers = int(misread.labels[position]), misread.answers[:, position]
    taken_for = int(np.bincount(answers[answers != label], minlength=10).argmax())
    original_errors, top_errors = (int(study.wrong[name][:, index].sum()) for name in (study.original, study.top))
    return MisreadImage(int(index), label, taken_for, original_errors, top_errors)
