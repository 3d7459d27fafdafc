from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.text.language import UNKNOWN, detect

ENGLISH = "The committee met on Tuesday to review the proposal about the water supply. "


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (ENGLISH, "en"),
        ("Der Ausschuss traf sich am Dienstag, um den Vorschlag zur Wasserversorgung zu prüfen.", "de"),
        ("Комитет собрался во вторник, чтобы обсудить предложение о водоснабжении.", "ru"),
        ("委員会は火曜日に会合を開き、地域の水道についての提案を検討した。", "ja"),
        ("委员会周二开会讨论有关该地区供水的提案。", "zh"),
        ("הוועדה התכנסה ביום שלישי כדי לדון בהצעה בנושא אספקת המים.", "he"),
        ("", "un"),
        ("12345 67890", "un"),
    ],
)  # fmt: skip
def test_languages(text: str, code: str) -> None:
    assert detect(text).code == code


def test_control_characters_and_surrogates_do_not_hide_the_language() -> None:
    assert detect(f"\0\x01{ENGLISH}\ufffe\ud800{ENGLISH}").code == "en"


@given(st.text(alphabet=st.characters(), max_size=200))
def test_detection_is_defined_on_any_text_and_deterministic(text: str) -> None:
    language = detect(text)
    assert 0.0 <= language.fraction <= 1.0
    assert language == detect(text)
    assert language.code.islower()
    assert language == UNKNOWN or language.code != "un"
