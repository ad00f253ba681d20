import pytest

from lenet.runs import code
from lenet.runs.identity import library_versions

pytestmark = pytest.mark.slow  # distributed is imported, which takes seconds


def test_what_decides_bits_is_the_kind_of_processor_the_libraries_and_the_code_of_a_training():
    from lenet.execution import on_cluster

    known = on_cluster.what_decides_bits()
    assert known.keys() == {"processor"} | library_versions().keys() | code.digests("train").keys()
    assert "src/lenet/training/sdlm_kernels.py" in known
