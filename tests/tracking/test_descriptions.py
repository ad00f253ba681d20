import math
from dataclasses import replace

from support.builders import settings, variant_result

from lenet.tracking import descriptions


def of_variant(about="", its=None, errors=(1.0, 2.0)):
    result = variant_result("tanh_sgd", errors)
    return descriptions.of_variant(result, about, "tanh_sgd", settings() if its is None else its)


def test_a_variants_first_line_is_its_result():
    assert of_variant(errors=[1.0, 2.0]).startswith("Test error **1.50 %** (95 % interval ")
    assert of_variant(errors=[1.0]).startswith("Test error **1.00 %**.\n")


def test_a_variant_that_diverged_says_so():
    result = variant_result("tanh_sgd", [90.0])
    diverged = replace(result, summary=dict(result.summary) | {"test/loss": math.nan})
    assert descriptions.of_variant(diverged, "", "tanh_sgd", settings()).startswith("The training diverged.\n")


def test_a_variant_says_what_differs_from_the_baseline_and_nothing_else():
    text = of_variant(its=settings(activation="relu"))
    assert "means over 2 seeds" in text
    assert "Changes from `tanh_sgd`: `activation` relu → tanh.\n" in text


def test_the_baseline_says_that_it_is():
    text = of_variant(errors=[1.0])
    assert "one seed" in text
    assert "It has the settings of `tanh_sgd`, the baseline" in text


def test_a_setting_that_the_baseline_does_not_know_is_shown_too():
    its = settings()
    del its["dropout"]
    assert "`dropout` – → 0.0" in of_variant(its=its)


def test_a_cited_paper_becomes_a_link():
    text = of_variant("Adam (Kingma and Ba 2015)")
    assert "\nAdam ([Kingma and Ba 2015](https://doi.org/10.48550/arXiv.1412.6980))\n" in text


def test_a_description_is_text_whatever_is_in_it():
    for text in (of_variant("<script>1</script>\n# a"), descriptions.of_sweep("<script>1</script>\n# a", "digits")):
        assert "&lt;script&gt;1&lt;/script&gt; # a" in text.splitlines()


def test_every_page_leads_to_the_paper_and_names_its_data():
    for describe in (descriptions.of_experiment, descriptions.of_model):
        assert "https://doi.org/10.1109/5.726791" in describe("mnist")
        assert "MNIST" in describe("mnist")
        assert "1,797 digits" in describe("digits")
