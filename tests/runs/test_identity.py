import json
from dataclasses import asdict, replace

import pytest
from support.builders import identity


def test_the_digest_follows_from_the_content_alone():
    assert identity().digest == identity().digest
    assert len(identity().digest) == 64


@pytest.mark.parametrize(
    "change",
    [
        {"variant": "other"},
        {"seed": 1},
        {"settings": {"epochs": 3}},
        {"data": replace(identity().data, dataset="other")},
        {"code": "other"},
        {"versions": {"tensorflow": "0"}},
    ],
)
def test_whatever_decides_the_bits_changes_the_digest(change):
    assert replace(identity(), **change).digest != identity().digest


def test_seeds_of_a_variant_share_a_family_and_nothing_else_does():
    assert identity(seed=0).family == identity(seed=1).family
    assert identity(variant="relu_adam").family != identity(variant="tanh_sgd").family


def test_an_identity_survives_json():
    raw = json.loads(json.dumps(asdict(identity())))
    assert type(identity()).from_json(raw).digest == identity().digest
