from lenet.errors import counted, did_you_mean, shortened


def test_the_nearest_known_name_is_suggested_or_all_known_names_if_none_is_near():
    assert did_you_mean("tanh_sdg", ["relu_adam", "tanh_sgd"]) == "did you mean tanh_sgd?"
    assert did_you_mean("zzz", iter(["relu_adam", "tanh_sgd"])) == "expected one of: relu_adam, tanh_sgd"


def test_only_a_text_that_is_too_long_is_cut():
    assert [shortened(text, 3) for text in ("one", "four")] == ["one", "fou…"]


def test_a_noun_has_an_s_unless_there_is_exactly_one():
    assert [counted(number, "run") for number in (0, 1, 2)] == ["0 runs", "1 run", "2 runs"]
