import numpy as np
from mlflow.models import Model
from support.builders import identity, noise_test_split, predictions, seed_result

from lenet.runs.files import run_files, write_files
from lenet.tracking import artifacts


def test_the_confusion_page_shows_the_counts_and_the_recall_of_each_class():
    page = artifacts.confusion_page("tanh_sgd seed 0", seed_result(error=3.0).confusion)
    assert "<h1>tanh_sgd seed 0: confusion</h1>" in page
    row_of_zeros, *_ = [row for row in page.split("<tr>") if row.startswith("<th>0<td class=right>")]
    assert row_of_zeros.startswith("<th>0<td class=right>9<td style='background:rgba(213, 94, 0, 1.00)'>1<td")
    assert row_of_zeros.rstrip().endswith("<td class=recall>90.00")
    assert page.count("<td class=recall>100.00") == 7


def test_the_mistakes_page_shows_the_most_confident_mistakes_first():
    probabilities = predictions(1, 100, wrong=3).probabilities[0]
    probabilities[2] *= 0.5
    page = artifacts.mistakes_page("tanh_sgd seed 0", probabilities, noise_test_split())
    captions = [part.partition("<")[0] for part in page.split("<figcaption>")[1:]]
    assert captions == ["0 as 1: 91 %", "1 as 2: 91 %", "2 as 3: 46 %"]
    assert page.count("src='data:image/png;base64,") == 3


def test_the_published_keras_model_predicts_the_same_as_the_trained_network(network, digits, tmp_path):
    import mlflow

    from lenet.network.model import load_model

    write_files(tmp_path / "run", run_files(identity(), network))
    trained = load_model(tmp_path / "run/model.json", tmp_path / "run/model.weights.h5")
    with artifacts.keras_model(tmp_path / "run", Model(), identity().versions) as folder:
        probabilities = mlflow.pyfunc.load_model(str(folder)).predict(digits.images)
        assert mlflow.keras.load_model(str(folder)).to_json() == network.architecture
    np.testing.assert_array_equal(probabilities, trained.predict(digits.images, verbose=0))
