from dataclasses import replace

from support.builders import study, variant_result, without_validation

from lenet.report import model_card


def test_the_card_is_of_the_run_with_the_lowest_validation_error(tmp_path):
    model_card.save_card(study({"tanh_sgd": [10.0, 12.0], "relu_adam": [4.0, 3.0]}))
    text = (tmp_path / "reports/model_card.md").read_text(encoding="utf-8")
    assert text.startswith("# Model card of the champion\n\n`relu_adam`, seed 1: ")


def test_the_card_has_scores_and_recalls_and_is_short_enough_for_mlflows_description():
    result = variant_result("tanh_sgd", errors=[12.0])
    text = model_card.card(result, result.seeds[0], "<script>alert(1)</script>\n# a & b" + " about" * 30)
    # HTML and Markdown in a description become plain text.
    assert text.startswith("`tanh_sgd`, seed 0: &lt;script&gt;alert(1)&lt;/script&gt; # a &amp; b about")
    assert "| validation error | 12.00 % |" in text
    assert "| test error (100 images) | 12.00 % |" in text
    assert "| 0 | 10 | 80.00 |\n| 1 | 10 | 80.00 |\n| 2 | 10 | 90.00 |\n" in text
    assert "61,706 trainable parameters" in text
    assert len(text) < 5000


def test_the_card_says_that_there_is_no_champion_if_no_run_has_a_validation_error(tmp_path):
    one_variant = study({"tanh_sgd": [10.0]})
    model_card.save_card(
        replace(
            one_variant,
            results={variant: without_validation(result) for variant, result in one_variant.results.items()},
        )
    )
    assert "there is no champion" in (tmp_path / "reports/model_card.md").read_text(encoding="utf-8")
