import pytest

from benchmarks.limit import Work, count
from lenet.mnist.splits import Statistics
from lenet.settings import load_settings


@pytest.fixture(scope="module")
def lenet_5():
    from support.paths import ROOT

    from lenet.network.model import build_model

    return build_model(load_settings(ROOT / "params.yaml").base, Statistics("digits", 0.1, 0, {}, 40.0, 80.0))


def test_forward_each_weight_is_multiplied_and_added_once_at_each_position(lenet_5):
    c1, c3, full = 28 * 28 * 150, 10 * 10 * 2400, 400 * 120 + 120 * 84 + 84 * 10
    assert count(lenet_5).forward == 2 * (c1 + c3 + full)


def test_backward_takes_twice_as_much_but_for_the_gradients_of_the_image(lenet_5):
    work = count(lenet_5)
    assert work.backward == 2 * work.forward - 2 * 28 * 28 * 150


def test_each_unit_of_a_hidden_layer_takes_one_tanh(lenet_5):
    assert count(lenet_5).tanh == 28 * 28 * 6 + 10 * 10 * 16 + 120 + 84


def test_digits_that_are_only_validated_on_cost_the_forward_pass():
    work = Work(forward=2, backward=4, tanh=10)
    assert work.seconds(trained=3, validated=0, flops=1, tanh=1e9) == pytest.approx(18)
    assert work.seconds(trained=0, validated=3, flops=1, tanh=5) == pytest.approx(6 + 6)
