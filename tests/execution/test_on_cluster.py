import pytest

from lenet.runs import code
from lenet.runs.identity import library_versions

pytestmark = pytest.mark.slow  # distributed is imported, which takes seconds


def test_what_decides_bits_is_the_kind_of_processor_the_libraries_and_the_code_of_a_training():
    from lenet.execution import on_cluster

    known = on_cluster.what_decides_bits()
    assert known.keys() == {"processor"} | library_versions().keys() | code.digests("train").keys()
    assert "src/lenet/training/lenet_1998/kernels.py" in known


def test_differences_are_told_by_name_and_of_code_no_digests():
    from lenet.execution import on_cluster

    expected = {"keras": "3.1", "numpy": "2.0", "src/lenet/a.py": "1f", "src/lenet/b.py": "2f", "src/lenet/c.py": "3f"}
    found = {"keras": "3.0", "numpy": "2.0", "src/lenet/a.py": "9f", "src/lenet/c.py": "3f"}
    assert on_cluster._differences(expected, found) == (
        "keras 3.0 instead of 3.1; other code in src/lenet/a.py, src/lenet/b.py"
    )
    assert on_cluster._differences(expected, expected) == ""
