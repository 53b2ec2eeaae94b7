"""Words of any script: what is asked finds what was written, and English stays as it was."""

from __future__ import annotations

import unicodedata

import pytest

from anabranch_events.event.types import InsightRecorded
from anabranch_recall.text.words import asked_stems, stems
from tests.support.histories import at, insight
from tests.support.indexed_histories import index_over, recalled

GERMAN = (
    "Die alten Brücken über die Donau wurden im Frühjahr gesperrt.",
    "Der Bäcker in der Hauptstraße öffnet um sechs Uhr.",
    "Unsere Nachbarn haben zwei Häuser am See gekauft.",
)
CHINESE = (
    "北京的地铁票价明年会上涨。",
    "我妹妹在上海学习音乐。",
    "河边的水位每年春天都会上升。",
)
JAPANESE = (
    "東京タワーの近くに新しい喫茶店ができました。",
    "弟は京都の大学で物理を勉強しています。",
    "コーヒーは毎朝二杯飲みます。",
)
ARABIC = (
    "تفتح المكتبة أبوابها في الساعة التاسعة صباحًا.",
    "يدرس أخي الهندسة في جامعة القاهرة.",
    "ارتفع منسوب النهر بعد الأمطار الغزيرة.",
)
HINDI = (
    "नदी का जलस्तर बारिश के बाद बढ़ गया है।",
    "मेरी बहन दिल्ली में संगीत सीख रही है।",
    "पुस्तकालय सुबह नौ बजे खुलता है।",
)
THAI = (
    "ระดับน้ำในแม่น้ำสูงขึ้นทุกปี",
    "น้องสาวของฉันเรียนดนตรีที่เชียงใหม่",
    "ร้านกาแฟเปิดเวลาหกโมงเช้า",
)


@pytest.mark.parametrize(
    ("texts", "question", "expected"),
    [
        (GERMAN, "Welche Brücke über die Donau ist gesperrt?", 0),
        (GERMAN, "Wann öffnet der Bäcker in der HAUPTSTRASSE?", 1),
        (GERMAN, "Wem gehört das Haus am See?", 2),
        (CHINESE, "北京地铁多少钱?", 0),
        (CHINESE, "谁学音乐?", 1),
        (CHINESE, "水位什么时候上升?", 2),
        (JAPANESE, "東京タワーの喫茶店", 0),
        (JAPANESE, "弟はどこの大学ですか。", 1),
        (JAPANESE, "コーヒーを何杯飲みますか", 2),
        (JAPANESE, "ｺｰﾋｰ", 2),
        (ARABIC, "متى تفتح المكتبات؟", 0),
        (ARABIC, "أين يدرس الأخ الهندسه؟", 1),
        (ARABIC, "منسوب الأنهار والنهر", 2),
        (HINDI, "नदियों का जलस्तर कितना है?", 0),
        (HINDI, "बहन कहाँ संगीत सीखती है?", 1),
        (HINDI, "पुस्तकालय कब खुलता है?", 2),
        (THAI, "แม่น้ำสูงแค่ไหน", 0),
        (THAI, "ใครเรียนดนตรี", 1),
        (THAI, "ร้านกาแฟเปิดกี่โมง", 2),
    ],
)
def test_the_obvious_hit_is_on_top(texts: tuple[str, ...], question: str, expected: int) -> None:
    """By words alone, without a model, in scripts with spaces and without."""
    everything = (*GERMAN, *CHINESE, *JAPANESE, *ARABIC, *HINDI, *THAI)
    events = [
        at(place, InsightRecorded(insight_id=insight(place), text=text))
        for place, text in enumerate(everything, start=1)
    ]
    index = index_over(events, vectors=False)

    found = recalled(index, question, vectors=False)

    assert found[0][0] == insight(1 + everything.index(texts[expected]))


@pytest.mark.parametrize(
    "text", [GERMAN[0], ARABIC[0], HINDI[0], JAPANESE[0], "한국어 공부", "Tiếng Việt"]
)
def test_composed_and_decomposed_are_alike(text: str) -> None:
    """One text in two spellings of its characters has the same stems."""
    forms = [unicodedata.normalize(form, text) for form in ("NFC", "NFD", "NFKC", "NFKD")]

    found = [stems(each) for each in forms]

    assert found[0]
    assert found == [found[0]] * 4


def test_english_is_stemmed_and_question_words_are_dropped() -> None:
    """Words that only ask, or stand everywhere, are no terms; the others are their stems."""
    found = stems("What did the Rivers of Delta Bay do before they were flooding?")

    assert found == ["river", "delta", "bay", "befor", "flood"]


def test_a_question_of_nothing_but_common_words_is_asked_by_them() -> None:
    """Where all would be dropped, nothing is: there is no question without a word."""
    assert asked_stems("Who are you?") == {"who": "who", "are": "are", "you": "you"}
    assert asked_stems("?!") == {}


def test_characters_and_pairs_of_scripts_without_spaces() -> None:
    """A run of such characters gives each of them, and each two in a row."""
    assert stems("水位") == ["水", "位", "水位"]
    assert stems("GPS水位2") == ["gps", "水", "位", "水位", "2"]
