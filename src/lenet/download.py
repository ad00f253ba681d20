"""Stage 1. Reads nothing; writes data/raw/, the four IDX files of the data set that params.yaml names.

They are downloaded from the first source that serves them, or made from what is installed here, as scikit-learn's
bundled digits. Takes seconds on a usual connection; at worst three minutes per source.
"""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from lenet import errors
from lenet.errors import DataUnreachableError
from lenet.mnist import datasets
from lenet.mnist.datasets import Dataset
from lenet.mnist.idx import to_idx
from lenet.mnist.mirrors import fetch_all, unreachable_note
from lenet.settings import load_settings
from lenet.workspace import RAW, written_whole


def raw_content(dataset: Dataset) -> dict[str, bytes]:
    """Return the content of the four files by name; raise DataUnreachableError if they cannot be downloaded."""
    if dataset.make:
        return {name: to_idx(array) for name, array in dataset.make().items()}
    return fetch_all(dataset)


def write_raw(content: Mapping[str, bytes], folder: Path) -> None:
    """Write the four files, all or none."""
    with written_whole(folder) as partial:
        partial.mkdir()
        for name, data in content.items():
            (partial / name).write_bytes(data)


def leave_note(error: DataUnreachableError) -> None:
    """Tell `make repro` why the stage stopped. A note that cannot be written is left out: the message counts."""
    note = unreachable_note()
    with suppress(OSError):
        note.parent.mkdir(exist_ok=True)
        note.write_text(f"{error}\n", encoding="utf-8")


def main() -> None:
    dataset = datasets.find(load_settings().data.dataset)
    unreachable_note().unlink(missing_ok=True)
    try:
        content = raw_content(dataset)
    except DataUnreachableError as error:
        leave_note(error)
        raise
    write_raw(content, RAW)


if __name__ == "__main__":
    errors.run(main, "interrupted: nothing of this stage was kept")
