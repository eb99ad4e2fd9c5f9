"""What is drawn can be seen: contrasts by WCAG 2.2, in both themes."""

import pytest

from lab_kit.show.draw import theme

MARK, TEXT = 3.0, 4.5
MARKS = [
    theme.SILENCE,
    theme.NETWORK,
    theme.QUEUE,
    theme.COMPUTE,
    theme.SIDE_WORK,
    theme.LANGUAGE,
    theme.SPEECH,
    theme.NEUTRAL,
    *theme.PHASE_COLORS,
]
WORDS = [theme.INK, theme.FAINT_INK, theme.BUDGET_COLOR]


def luminance(color: str) -> float:
    """Relative luminance of ``#rrggbb``. Source: WCAG 2.2, definition of relative luminance."""
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_computed_as_the_standard_has_it() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("color", MARKS)
def test_every_mark_stands_out_from_the_paper(color: str) -> None:
    assert contrast(color, theme.PAPER) >= MARK
    assert contrast(theme.ON_DARK[color], theme.PAPER_ON_DARK) >= MARK


@pytest.mark.parametrize("color", WORDS)
def test_every_word_can_be_read_on_the_paper(color: str) -> None:
    assert contrast(color, theme.PAPER) >= TEXT
    assert contrast(theme.ON_DARK[color], theme.PAPER_ON_DARK) >= TEXT
    assert contrast(color, theme.OVER) >= TEXT, "also beyond a limit"
    assert contrast(theme.ON_DARK[color], theme.OVER_ON_DARK) >= TEXT


@pytest.mark.parametrize("color", theme.PHASE_COLORS)
def test_the_name_of_a_phase_can_be_read_in_its_bar(color: str) -> None:
    assert contrast("#16191d", color) >= TEXT


@pytest.mark.parametrize("stage", theme.STAGE_COLORS)
def test_a_name_in_a_bar_can_be_read(stage: str) -> None:
    color = theme.STAGE_COLORS[stage]
    assert contrast(theme.STAGE_TEXT_COLORS[stage], color) >= TEXT
    assert contrast("#16191d", theme.ON_DARK[color]) >= TEXT
