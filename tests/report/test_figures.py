"""Each figure shows its data. tests/test_plot.py checks that equal data give equal bytes."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import same_color
from matplotlib.image import imread
from support.builders import noise_test_split, outputs, predictions, study, variant_result, without_validation

from lenet.errors import LabError
from lenet.evaluation.trials import Trial, table
from lenet.report import figures


def draw_figure(name, errors):
    """Draw the figure `name`. errors: variant → the error of each seed in percent."""
    results = [variant_result(variant, seed_errors) for variant, seed_errors in errors.items()]
    predictions_by_variant = outputs(errors)
    match name:
        case "confusion":
            return figures.confusion({result.variant: result.seeds[0].confusion for result in results})
        case "wrong_digits":
            averages = {variant: saved.probabilities.mean(axis=0) for variant, saved in predictions_by_variant.items()}
            return figures.wrong_digits(averages, noise_test_split())
        case "inside":
            return figures.inside(predictions_by_variant)
        case "distortions":
            copies = np.random.default_rng(3).integers(0, 256, (2, 4, 28, 28), dtype=np.uint8)
            return figures.distortions(dict.fromkeys(errors, copies))
        case "test_error":
            return figures.test_error(results, study(errors).comparison.errors)
    return getattr(figures, name)(results)


def chunks(png):
    """Return the types of a PNG file's chunks."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    position, types = 8, []
    while position < len(png):
        types.append(png[position + 4 : position + 8])
        position += 12 + int.from_bytes(png[position : position + 4], "big")
    return types


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", ["test_error", "confusion", "wrong_digits", "inside", "distortions"])
def test_a_figure_of_one_seed_without_mistakes_is_drawn_and_has_no_date_or_version(name, tmp_path):
    path = tmp_path / "figure.png"
    figures.save(draw_figure(name, {"tanh_sgd": [0.0]}), path)
    assert set(chunks(path.read_bytes())) == {b"IHDR", b"pHYs", b"IDAT", b"IEND"}
    assert imread(path)[..., :3].min() < 0.9  # not an empty sheet


def test_work_in_another_process_ends_before_the_block_does_and_its_failure_is_reported(tmp_path):
    with figures.in_another_process((tmp_path / "drawn").touch):
        pass
    assert (tmp_path / "drawn").exists()
    with pytest.raises(LabError, match="figures could not be drawn: see the message above"):
        with figures.in_another_process((tmp_path / "missing/drawn").touch):
            pass


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("errors", [[4.0], [4.0, 0.5, 0.0]], ids=["one epoch", "zero, on a logarithmic axis"])
def test_a_learning_curve_of_one_epoch_or_with_an_error_of_zero_can_be_drawn(errors, tmp_path):
    result = variant_result("tanh_sgd", errors[-1:])
    history = {f"{split}/error_percent": errors for split in ("train", "validation")}
    figure = figures.learning_curves([replace(result, seeds=[replace(result.seeds[0], history=history)])])
    figures.save(figure, tmp_path / "figure.png")
    assert [line.get_ydata().tolist() for line in figure.axes[0].lines] == [errors, errors]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", ["learning_curves", "confusion"])
def test_figures_of_many_variants_have_a_panel_per_variant_and_four_panels_per_row(name):
    figure = draw_figure(name, {f"variant_{index}": [float(index + 1)] for index in range(13)})
    assert [axes.get_title() for axes in figure.axes] == [f"variant_{index}" for index in range(13)]
    assert figure.axes[0].get_gridspec().get_geometry() == (4, 4)


def test_the_test_error_shows_every_seed_the_mean_and_for_several_seeds_the_interval():
    errors = {"tanh_sgd": [10.0, 14.0], "relu_adam": [3.0]}
    (axes,) = draw_figure("test_error", errors).axes
    dots, interval, mean, other_dots, other_mean = axes.lines
    expected = study(errors).comparison.errors["tanh_sgd"]
    assert list(interval.get_xdata()) == [expected.low, expected.high]
    assert list(dots.get_xdata()) == [10.0, 14.0]
    assert list(mean.get_xdata()) == [12.0, 12.0]
    assert [text.get_text() for text in axes.texts] == ["12.00", "3.00"]
    assert (list(other_dots.get_xdata()), list(other_mean.get_xdata())) == ([3.0], [3.0, 3.0])
    assert [label.get_text() for label in axes.get_yticklabels()] == ["tanh_sgd", "relu_adam"]
    bottom, top = axes.get_ylim()
    assert top < 0 < 1 < bottom  # the first variant is on top


def test_the_ladder_shows_means_intervals_words_and_the_published_error():
    errors = study({"tanh_sgd": [10.0, 12.0], "modern": [3.0]}).comparison.errors
    (axes,) = figures.ladder(errors, {"tanh_sgd": "tanh", "modern": "+ SiLU"}, ("4.5 %, the paper", 4.5), "red").axes
    interval, mean, single, published = [line.get_xdata() for line in axes.lines]
    assert list(interval) == [errors["tanh_sgd"].low, errors["tanh_sgd"].high]
    assert (*mean, *single, *published) == (11, 3, 4.5, 4.5)
    assert [text.get_text() for text in axes.texts] == ["11.00", "3.00", "4.5 %, the paper"]
    assert {text.get_color() for text in axes.texts} == {"red"}
    (right,) = axes.child_axes
    assert [label.get_text() for label in right.get_yticklabels()] == ["tanh", "+ SiLU"]


def test_seeds_with_equal_errors_are_drawn_at_different_heights():
    (axes,) = draw_figure("test_error", {"tanh_sgd": [5.0, 5.0, 5.0]}).axes
    assert len(set(axes.lines[0].get_ydata())) == 3


def curves_in(axes, colour):
    return [line.get_ydata().tolist() for line in axes.lines if same_color(line.get_color(), colour)]


def test_the_learning_curve_is_the_mean_over_the_seeds_and_its_band_goes_from_best_to_worst():
    # Validation errors that the builder makes: 20 then 10 for seed 0, 40 then 20 for seed 1.
    (axes,) = draw_figure("learning_curves", {"tanh_sgd": [10.0, 20.0]}).axes
    assert axes.lines[0].get_xdata().tolist() == [1, 2]
    assert curves_in(axes, figures.BLUE) == [[30.0, 15.0]]
    corners = {tuple(corner) for corner in axes.collections[1].get_paths()[0].vertices.tolist()}
    assert corners == {(1, 20), (2, 10), (2, 20), (1, 40)}
    # Training errors: 10 then 5 for seed 0, 20 then 10 for seed 1.
    assert curves_in(axes, figures.ORANGE) == [[15.0, 7.5]]


def test_every_panel_shows_the_validation_errors_of_the_other_variants_behind_the_curves():
    panels = draw_figure("learning_curves", {"a": [10.0], "b": [20.0], "c": [30.0]}).axes
    background_curves = [[line.get_ydata().tolist() for line in axes.lines[:2]] for axes in panels]
    assert background_curves == [[[40, 20], [60, 30]], [[20, 10], [60, 30]], [[20, 10], [40, 20]]]


def test_a_variant_without_validation_error_has_only_a_training_curve_and_a_note():
    results = [without_validation(variant_result("all", [10.0])), variant_result("relu_adam", [20.0])]
    first, second = figures.learning_curves(results).axes
    assert curves_in(first, figures.ORANGE) == [[10.0, 5.0]]
    assert curves_in(first, figures.BLUE) == []
    assert [text.get_text() for text in first.texts] == ["trained on validation too"]
    assert len(second.lines) == 2  # its own two curves, and none in the background


def test_confusion_numbers_are_percent_of_the_actual_class():
    counts = np.diag([2000] * 10)
    counts[4, 4], counts[4, 9] = 1500, 500  # 25 % of the fours
    counts[7, 7], counts[7, 1] = 1999, 1  # 0.05 % of the sevens: too few to be shown
    counts[3, 3] = 0  # no threes
    (axes,) = figures.confusion({"title": counts}).axes
    numbers = {(int(text.get_position()[1]), int(text.get_position()[0])): text.get_text() for text in axes.texts}
    diagonal = {(label, label): "100.0" for label in range(10)}
    assert numbers == diagonal | {(3, 3): "0.0", (4, 4): "75.0", (4, 9): "25.0"}
    assert axes.get_title() == "title"


def test_confusion_matrices_share_one_colour_scale_and_have_an_uncoloured_diagonal():
    worse = np.full((10, 10), 2) + np.diag([80] * 10)
    for axes in figures.confusion({"perfect": np.diag([5] * 10), "worse": worse}).axes:
        assert axes.images[0].get_clim() == (0, 2.0)
        np.testing.assert_array_equal(np.ma.getmaskarray(axes.images[0].get_array()), np.eye(10, dtype=bool))


def probability_rows(*answers):
    """Return probabilities, float32 (n, 10).

    answers: for each image the pair (class, probability). The other classes share the rest evenly.
    """
    rows = np.empty((len(answers), 10), np.float32)
    for row, (label, probability) in zip(rows, answers, strict=True):
        row[:] = (1 - probability) / 9
        row[label] = probability
    return rows


def captions(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def pictures(figure):
    return [np.ma.filled(image.get_array().astype(float), np.nan) for image in figure.axes[0].images]


def test_wrong_digits_shows_only_misread_images_and_the_most_confident_mistakes_first():
    # The labels are 0, 1, 2, 3. Only the first image is read correctly.
    test = noise_test_split(4)
    figure = figures.wrong_digits({"title": probability_rows((0, 0.99), (7, 0.6), (8, 0.9), (9, 0.75))}, test)
    assert captions(figure) == ["2 as 8: 90 %", "3 as 9: 75 %", "1 as 7: 60 %"]
    np.testing.assert_array_equal(pictures(figure), test.images[[2, 3, 1]])


def test_at_most_eight_wrong_digits_are_drawn_and_equal_ones_in_the_order_of_the_test_set():
    figure = figures.wrong_digits({"title": probability_rows(*[(5, 0.75)] * 20)}, noise_test_split(20))
    assert captions(figure) == [f"{label} as 5: 75 %" for label in (0, 1, 2, 3, 4, 6, 7, 8)]


def test_inside_shows_the_image_the_filters_and_all_maps_of_each_variant_in_any_size():
    saved = predictions()
    figure = figures.inside({"tanh_sgd": saved, "tanh_sgd_28": replace(saved, c1=saved.c1[:24, :24])})
    assert [text.get_text() for text in figure.texts] == ["tanh_sgd", "tanh_sgd_28"]
    digit, filters, c1, s2, c3, _, _, smaller, _, _ = pictures(figure)
    np.testing.assert_array_equal(digit, saved.digit)
    np.testing.assert_array_equal(filters[:5, :5], saved.filters[..., 0])
    np.testing.assert_array_equal(c1[:28, :28], saved.c1[..., 0])
    np.testing.assert_array_equal(s2[:14, :14], saved.s2[..., 0])
    np.testing.assert_array_equal(c3[-10:, -10:], saved.c3[..., 15])
    # Each picture keeps its proportions and lies within the figure.
    for image, picture in zip(figure.axes[0].images, pictures(figure), strict=True):
        left, right, bottom, top = image.get_extent()
        assert (top - bottom) / (right - left) == pytest.approx(picture.shape[0] / picture.shape[1])
        assert 0 < left < right < figure.get_figwidth()
        assert 0 < bottom < top < figure.get_figheight()
    picture_by_pixel_count = {
        5 * 5 * 6: filters,
        28 * 28 * 6: c1,
        14 * 14 * 6: s2,
        10 * 10 * 16: c3,
        24 * 24 * 6: smaller,
    }
    assert [np.isfinite(picture).sum() for picture in picture_by_pixel_count.values()] == list(picture_by_pixel_count)


def test_distortions_show_the_original_first_and_then_its_copies():
    copies = np.random.default_rng(3).integers(0, 256, (2, 4, 28, 28), dtype=np.uint8)
    figure = figures.distortions({"relu_adam_augmented\nmodern": copies})
    (picture,) = pictures(figure)
    np.testing.assert_array_equal(picture[:28, :28], copies[0, 0])
    np.testing.assert_array_equal(picture[-28:, -28:], copies[1, 3])
    assert captions(figure) == ["the image", "copy 1", "copy 2", "copy 3"]
    assert [text.get_text() for text in figure.texts] == ["relu_adam_augmented\nmodern"]


def test_a_sweep_is_drawn_with_a_row_per_recipe():
    losses = np.array([[0.1, 0.2, 0.4, 0.3]])
    sweep_table = table({name: Trial(np.zeros((1, 4)), losses + k / 10) for k, name in enumerate(("a=1", "a=2"))})
    figure = figures.sweep_differences(sweep_table)
    left, right = figure.axes
    assert [label.get_text() for label in left.get_yticklabels()] == ["a=1", "a=2"]
    assert [text.get_text() for text in left.texts] == ["0.2500", "0.3500"]
    assert [text.get_text() for text in right.texts] == ["0.00", "0.00"]


def test_a_sweep_over_a_number_has_a_line_per_combination_of_other_settings_and_marks_variants():
    random = np.random.default_rng(0)
    names = [f"optimizer={optimizer} learning_rate={rate}" for optimizer in ("sgd", "adam") for rate in (0.1, 0.2, 0.4)]
    sweep_table = table({name: Trial((random.random((2, 500)) < 0.1) * 1.0, np.zeros((2, 500))) for name in names})
    settings = pd.DataFrame(
        {"optimizer": ["sgd"] * 3 + ["adam"] * 3, "learning_rate": [0.1, 0.2, 0.4] * 2}, index=names
    )
    figure = figures.sweep_over_setting(sweep_table, settings, "learning_rate", {names[1]: "tanh_sgd"})
    (axes,) = figure.axes
    lines = {line.get_label(): line.get_xydata().tolist() for line in axes.lines if len(line.get_xdata()) == 3}
    errors = sweep_table["validation_error_percent"]
    assert lines["sgd"] == [[rate, errors[name]] for rate, name in zip((0.1, 0.2, 0.4), names[:3], strict=True)]
    assert list(lines) == ["sgd", "adam"]
    assert [text.get_text() for text in axes.texts] == ["tanh_sgd"]
    assert (axes.get_xlabel(), axes.get_xscale()) == ("learning_rate", "log")


@pytest.mark.parametrize("name", ["confusion", "learning_curves", "wrong_digits"])
def test_a_figure_of_very_many_variants_shows_only_the_first_ones(name, monkeypatch):
    monkeypatch.setattr(figures, "_MAX_VARIANTS", 3)
    figure = draw_figure(name, {f"variant_{number}": [10.0] for number in range(5)})
    assert len(figure.texts if name == "wrong_digits" else figure.axes) == 3
