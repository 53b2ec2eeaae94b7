"""Words that turn a statement: denial, opposites, doubt, conditions, what is to come. English.

A sentence that has or lacks one says something else than its source, however alike both are.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from anabranch_recall import tokens
from anabranch_recall.text.words import stems_of, words_in
from anabranch_thinking.consolidation.roles import CLAUSES
from anabranch_thinking.consolidation.wording import NEGATIONS, Wording, words

if TYPE_CHECKING:
    from collections.abc import Iterator

_OPPOSITES: Final = words(
    """
like likes liked dislike dislikes disliked love loves loved hate hates hated enjoy enjoys enjoyed
increase increases increased decrease decreases decreased raise raises raised lower lowers lowered
rise rises rose fall falls fell grow grows grew shrink shrinks shrank more less fewer most least
before after until over under above below up down accept accepts accepted reject rejects rejected
allow allows allowed forbid forbids forbade forbidden ban bans banned require requires required
optional possible impossible start starts started stop stops stopped open opens opened close closes
closed buy buys bought sell sells sold win wins won lose loses lost gain gains gained arrive arrives
arrived leave leaves left begin begins began end ends ended succeed succeeds succeeded fail fails
failed cheap cheaper expensive dearer fast faster quick quicker slow slower hot hotter cold colder
warm warmer cool cooler safe unsafe secure insecure healthy unhealthy true false right wrong correct
incorrect good better best bad worse worst big bigger large larger small smaller high higher low
long longer short shorter early earlier late later old older new newer young younger easy easier
hard harder difficult internal external public private always sometimes often rarely seldom all
every none some few many only include includes included exclude excludes excluded add adds added
remove removes removed cause causes caused prevent prevents prevented improve improves improved
worsen worsens worsened support supports supported oppose opposes opposed agree agrees agreed
disagree disagrees disagreed north south east west left full empty available unavailable known
unknown reliable unreliable
"""
)
_DOUBTS: Final = words(
    """
might could possibly perhaps probably maybe likely unlikely seems seem appears appear suspected
suspects allegedly unclear uncertain reportedly rumoured assumed assumes believes thinks guesses
claims claimed if unless when whenever once provided assuming except should would
"""
)
_BEING: Final = {"now": words("is are"), "then": words("was were")}
_MAY: Final = re.compile(r"\bmay (?!\d)")
_KEPT: Final = words(
    """
almost nearly seldom rarely or either too fake mock alleged potential first second third fourth
fifth sixth seventh eighth ninth tenth last next roughly approximately circa hardly barely scarcely little few several certain zero
non ex former formerly previously ago yet supposedly allegedly merely solely mostly mainly largely
partly usually normally generally typically occasionally want wants wanted wish wishes wished hope
hopes hoped intend intends intended aim aims aimed try tries tried trying attempt attempts attempted
consider considers considered considering propose proposes proposed suggest suggests suggested
recommend recommends recommended ask asks asked forget forgets forgot neglect neglected deny denies
denied refuse refuses decline declined fail fails failed failing stop stops stopped quit cease ceased
miss missed pretend pretends pretended doubt doubts doubted thought false untrue myth rumour
imagine imagines imagined dream dreamed supposed need needs needed must shall can could able ought
say says said tell tells told according only just than nicht kein keine keinen keiner keinem keines
nie niemals ohne ne pas jamais aucun aucune sans rien nunca jamás sin ningún ninguna tampoco não
sem nenhum nenhuma non mai senza nessun nessuna nessuno niet geen nooit zonder inte ej aldrig utan
ikke ikkje aldri uden uten bez не нет без никогда нельзя ليس لا لم لن بدون नहीं değil yok tidak bukan không
"""
) | frozenset(
    f"{one}_"
    for one in ["least", "most", "up", "more", "less", "about", "used", "free", "far", "have"]
)
"""Words without which a statement is another one: of how much, how sure, whether at all.

Those of denial are for other languages than English, which has signs of its own.
"""
_PHRASES: Final = re.compile(
    r"\bat (least|most)\b|\b(?:up) to\b|\b(?:more|less|fewer|over|under|about|around|below)"
    r" (?:than )?(?=\d)|(?<!\bis )(?<!\bare )(?<!\bbe )(?<!\bbeen )(?<!\bwas )(?<!\bwere )\b(?:used) to\b|"
    r"\b(?:about) to\b|\b(?:free) (?:of|from)\b|\b(?:far) from\b|\b(?:have|has|had) to\b|"
    r"\b(?:most|some|many|any) (?=\w)",
    re.IGNORECASE,
)
_SENTENCE_ENDS: Final = re.compile(r"(?<=[.!?;])\s+|\n+")


def denies_otherwise(sentence: str, source: str) -> bool:
    """Tell whether a sentence denies what its source affirms, or the other way round.

    Each part of it must stand in a part of the source with the same sign. Or else it must hold
    nothing that the source says with the other sign only.
    """
    said = [*_signed(source)]
    affirmed = frozenset[str]().union(*(part.before for part in said))
    denied = frozenset[str]().union(*(part.after for part in said))
    known = affirmed | denied
    for part in _signed(sentence):
        if not (held := part.all & known):
            continue
        if any(held <= one.all and part.denies == one.denies for one in said):
            continue
        scope = part.after & known
        if part.denies and (not scope or not scope <= denied):
            return True
        if part.before & (denied - affirmed):
            return True
    return False


def turns(sentence: Wording, source: Wording) -> bool:
    """Tell whether a sentence has a word that turns it and that its source lacks, or lacks one."""
    if sentence.asks or source.asks:
        return True
    own = _stemmed(sentence.statuses | (_OPPOSITES & frozenset(words_in(sentence.text))))
    if not own <= frozenset(stems_of(words_in(source.text))):
        return True
    if _kept(sentence.text) - _kept(source.text) or _kept(_drawn(sentence, source)) - _kept(
        sentence.text
    ):
        return True
    nearest = _nearest(sentence, source)
    then = _times(_drawn(sentence, source))
    if then and not _times(sentence.text) <= then:
        return True
    if _doubts(nearest.text) and not _doubts(sentence.text):
        return True
    return sentence.tense[0] != nearest.tense[0] or not nearest.stage <= sentence.stage


class _Part:
    """A part of a sentence: the stems before a word that denies, and those after it."""

    def __init__(self, text: str) -> None:
        said = words_in(text)
        at = next((place for place, word in enumerate(said) if word in NEGATIONS), None)
        self.denies = at is not None
        self.before = frozenset(tokens(" ".join(said if at is None else said[:at])))
        denied = said[at:] if at is not None else []
        self.after = frozenset(tokens(" ".join(denied))) - _NEGATING
        self.all = self.before | self.after


def _signed(text: str) -> Iterator[_Part]:
    """Yield the parts of a text that say something."""
    for piece in CLAUSES.split(text):
        part = _Part(piece)
        if part.all:
            yield part


def _nearest(sentence: Wording, source: Wording) -> Wording:
    """Return the sentence of the source that shares most with a sentence."""
    return max(
        map(Wording, filter(str.strip, _SENTENCE_ENDS.split(source.text))),
        key=lambda one: len(one.stems & sentence.stems),
        default=source,
    )


def _kept(text: str) -> frozenset[str]:
    """Return the words of a text that it must keep, and its phrases, as stems."""
    found = _KEPT & frozenset(words_in(text))
    phrases = (
        one[0].split()[0 if one[1] is None else 1] for one in _PHRASES.finditer(text.lower())
    )
    return _stemmed(found) | {f"{one} " for one in phrases}


def _drawn(sentence: Wording, source: Wording) -> str:
    """Return the clauses of a source that have words of a sentence: of one sentence, if it may."""
    nearest = _nearest(sentence, source)
    whole = nearest if sentence.stems <= nearest.stems else source
    clauses = (one for one in CLAUSES.split(whole.text) if one)
    return " . ".join(one for one in clauses if sentence.stems & frozenset(tokens(one)))


def _times(text: str) -> frozenset[str]:
    """Return the times in which a text says "be": now, or then."""
    said = frozenset(words_in(text))
    return frozenset(time for time, forms in _BEING.items() if forms & said)


def _doubts(text: str) -> bool:
    return bool(_DOUBTS & frozenset(words_in(text))) or bool(_MAY.search(text))


def _stemmed(found: frozenset[str]) -> frozenset[str]:
    return frozenset(stems_of(sorted(found)))


_NEGATING: Final = _stemmed(NEGATIONS)
