import numpy as np
import pytest
from mlflow.models import Model
from support.builders import digits_of_the_test, identity, predictions, seed_result
from support.paths import ROOT

from lenet.runs.files import files_of, write_files
from lenet.tracking import artifacts

VERSIONS = identity().versions


def test_the_page_of_the_confusion_has_the_counts_and_each_classs_recall():
    page = artifacts.confusion_page("tanh_sgd seed 0", seed_result(error=3.0).confusion)
    assert "<h1>tanh_sgd seed 0: confusion</h1>" in page
    zero, *_ = [row for row in page.split("<tr>") if row.startswith("<th>0<td class=right>")]
    assert zero.startswith("<th>0<td class=right>9<td style='background:rgba(213, 94, 0, 1.00)'>1<td")
    assert zero.rstrip().endswith("<td class=recall>90.00")
    assert page.count("<td class=recall>100.00") == 7


def test_the_page_of_mistakes_shows_the_most_confident_ones():
    probabilities = predictions(1, 100, wrong=3).probabilities[0]
    probabilities[2] *= 0.5
    page = artifacts.mistakes_page("tanh_sgd seed 0", probabilities, digits_of_the_test())
    captions = [part.partition("<")[0] for part in page.split("<figcaption>")[1:]]
    assert captions == ["0 as 1: 91 %", "1 as 2: 91 %", "2 as 3: 46 %"]
    assert page.count("src='data:image/png;base64,") == 3


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder of a run with fresh weights of the network of 1998, whose layers are this project's, and its model."""
    from lenet.network import determinism

    determinism.prepare()
    from lenet.mnist.splits import Statistics
    from lenet.network.model import build_model, load_model
    from lenet.settings import load_settings
    from lenet.training.trained_run import TrainedRun

    folder = tmp_path_factory.mktemp("trained")
    model = build_model(
        load_settings(ROOT / "params.yaml").variant("lenet5_1998"), Statistics("digits", 0.1, 0, {}, 40, 80)
    )
    model.save_weights(folder / "of.weights.h5")
    run = TrainedRun((folder / "of.weights.h5").read_bytes(), model.to_json(), seed_result().history)
    write_files(folder / "run", files_of(identity(), run))
    return folder / "run", load_model(folder / "run/model.json", folder / "run/model.weights.h5")


@pytest.mark.slow
def test_a_runs_network_is_put_together_as_keras_saves_it_and_answers_as_it_did(trained, digits):
    import mlflow

    folder, network = trained
    with artifacts.keras_model(folder, Model(), VERSIONS) as written:
        loaded = mlflow.pyfunc.load_model(str(written))
        answers = loaded.predict(digits.images)
        keras_network = mlflow.keras.load_model(str(written))
    np.testing.assert_array_equal(answers, network.predict(digits.images, verbose=0))
    assert keras_network.to_json() == network.to_json()
