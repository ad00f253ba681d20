from dataclasses import replace

from support.builders import study, variant_result, without_validation

from lenet.report import model_card


def test_the_card_is_of_the_run_with_the_lowest_validation_error(tmp_path):
    model_card.save_card(study({"tanh_sgd": [10.0, 12.0], "relu_adam": [4.0, 3.0]}))
    text = (tmp_path / "reports/model_card.md").read_text(encoding="utf-8")
    assert text.startswith("# Model card of the champion\n\n`relu_adam`, seed 1: ")


def test_the_card_tells_scores_and_recall_of_each_class_and_fits_into_mlflows_description():
    result = variant_result("tanh_sgd", errors=[12.0])
    text = model_card.card(result, result.seeds[0], "<script>alert(1)</script>\n# a & b" + " about" * 30)
    # A description is text, whatever is in it.
    assert text.startswith("`tanh_sgd`, seed 0: &lt;script&gt;alert(1)&lt;/script&gt; # a &amp; b about")
    assert "| validation error | 12.00 % |" in text
    assert "| test error (100 digits) | 12.00 % |" in text
    assert "| 0 | 10 | 80.00 |\n| 1 | 10 | 80.00 |\n| 2 | 10 | 90.00 |\n" in text
    assert "61,706 trainable parameters" in text
    assert len(text) < 5000


def test_without_a_candidate_the_card_says_so(tmp_path):
    made = study({"tanh_sgd": [10.0]})
    model_card.save_card(replace(made, results={name: without_validation(one) for name, one in made.results.items()}))
    assert "there is no champion" in (tmp_path / "reports/model_card.md").read_text(encoding="utf-8")
