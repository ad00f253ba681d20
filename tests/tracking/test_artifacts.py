import numpy as np
from mlflow.models import Model
from support.builders import digits_of_the_test, identity, predictions, seed_result

from lenet.runs.files import files_of, write_files
from lenet.tracking import artifacts


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


def test_a_runs_network_is_put_together_as_keras_saves_it_and_answers_as_it_did(network, digits, tmp_path):
    import mlflow

    from lenet.network.model import load_model

    write_files(tmp_path / "run", files_of(identity(), network))
    trained = load_model(tmp_path / "run/model.json", tmp_path / "run/model.weights.h5")
    with artifacts.keras_model(tmp_path / "run", Model(), identity().versions) as written:
        answers = mlflow.pyfunc.load_model(str(written)).predict(digits.images)
        assert mlflow.keras.load_model(str(written)).to_json() == network.architecture
    np.testing.assert_array_equal(answers, trained.predict(digits.images, verbose=0))
