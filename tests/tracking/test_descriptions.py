from support.builders import settings

from lenet.tracking import descriptions


def test_a_variant_says_what_differs_from_the_baseline_and_nothing_else():
    text = descriptions.of_variant("ReLU", settings(activation="relu"), 6, "tanh_sgd", settings())
    assert "means over 6 seeds" in text
    assert "Against `tanh_sgd`: `activation` tanh → relu.\n" in text


def test_the_baseline_says_that_it_is():
    text = descriptions.of_variant("", settings(), 1, "tanh_sgd", settings())
    assert "one seed" in text
    assert "Its settings are those of `tanh_sgd`" in text


def test_a_setting_that_the_baseline_does_not_know_is_shown_too():
    text = descriptions.of_variant("", settings(width=2), 1, "tanh_sgd", settings())
    assert "`width` – → 2" in text


def test_a_cited_paper_becomes_a_link():
    text = descriptions.of_variant("Adam (Kingma and Ba 2015)", settings(), 1, "tanh_sgd", settings())
    assert text.startswith("Adam ([Kingma and Ba 2015](https://doi.org/10.48550/arXiv.1412.6980))\n")


def test_every_page_leads_to_the_paper_and_names_its_data():
    for describe in (descriptions.of_experiment, descriptions.of_model):
        assert "https://doi.org/10.1109/5.726791" in describe("mnist")
        assert "MNIST" in describe("mnist")
        assert "1,797 digits" in describe("digits")


def test_a_version_says_which_run_it_is_and_what_goes_in_and_comes_out():
    text = descriptions.of_version("relu_adam", "both defaults", 3, 0.98765)
    assert text.startswith("`relu_adam`, seed 3: both defaults\n")
    assert "**0.99 %**" in text
    assert "uint8 (n, 28, 28)" in text
    assert "float32 (n, 10)" in text
