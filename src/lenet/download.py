"""Stage 1: write data/raw/, the four IDX files of the data set that params.yaml names.

Each of MNIST's files is downloaded from the first source that serves this file. The bundled digits are made from the
installed scikit-learn. Takes seconds on a usual connection, and at most three minutes per source.
"""

from lenet import program
from lenet.errors import DataUnreachableError
from lenet.mnist import datasets
from lenet.mnist.datasets import Dataset
from lenet.mnist.idx import to_idx
from lenet.mnist.mirrors import fetch_all, unreachable_note_path
from lenet.settings import load_settings
from lenet.workspace import RAW, atomic_write


def raw_content(dataset: Dataset) -> dict[str, bytes]:
    """Return the content of the four raw files: {file name: bytes}.

    If a download fails, raise DataUnreachableError, or a plain LabError if the user named a mirror.
    """
    if dataset.make:
        return {name: to_idx(array) for name, array in dataset.make().items()}
    return fetch_all(dataset)


def main() -> None:
    dataset, note = datasets.find(load_settings().data.dataset), unreachable_note_path()
    note.unlink(missing_ok=True)
    try:
        content = raw_content(dataset)
    except DataUnreachableError as error:
        note.parent.mkdir(exist_ok=True)
        note.write_text(f"{error}\n", encoding="utf-8")
        raise
    with atomic_write(RAW) as partial:  # all four files, or none
        partial.mkdir()
        for name, data in content.items():
            (partial / name).write_bytes(data)


if __name__ == "__main__":
    program.run(main, "interrupted: `dvc repro` runs this stage again")
