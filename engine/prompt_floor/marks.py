"""Find in a text what is sexual, who is young, and which of these words mean something else where they stand."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from itertools import takewhile
from typing import NamedTuple

from engine.api.folding import COMMA, Reading
from engine.api.vocabulary import Hit, Vocabulary
from engine.prompt_floor.ages import age_words, find_ages
from engine.prompt_floor.lexicon import KOREAN_ENDINGS, LANGUAGES, terms, words


class Kind(Enum):
    """What a word of the lexicon is; the names are the lexicon's."""

    YOUNG = auto()
    YOUTH = auto()
    STRONG = auto()
    WEAK = auto()
    EXPLICIT = auto()
    THINGS = auto()
    HARMLESS = auto()


@dataclass(frozen=True, slots=True, eq=False)
class Word:
    """A word of the lexicon.

    Args:
        kind: what it is.
        languages: that have it.
        own: whether it counts beside words of its language alone.
        nakedness: whether the young of animals may be so.
        of_clothes: whether it says nothing about a thing, though it is called so.
    """

    kind: Kind
    languages: frozenset[str]
    own: bool = False
    nakedness: bool = False
    of_clothes: bool = False


class Mark(NamedTuple):
    """A word that counts, in a text.

    Args:
        word: which.
        chunk: where, in words.
        exempt: chunks of weak words that are about somebody else.
        animal: whether it is the young of an animal, which may be naked.
    """

    word: Word
    chunk: int
    exempt: range = range(0)
    animal: bool = False


@dataclass(slots=True)
class Marks:
    """All words of a text that count, from all its readings."""

    sexual: set[Mark] = field(default_factory=set)
    young: set[Mark] = field(default_factory=set)
    explicit: bool = False


# What may stand between `naked` and the thing that is.
_FILLERS = words(
    """red white black blue green brown grey gray golden old ancient new big large small tall marble bronze stone
    wooden plaster greek roman classical renaissance baroque sports sport winter light electric apple oak birch
    pine wedding coloured colored mole grand museum antique female male adult public wet bir"""
)
_ARTICLES = words("the a an some off old")
# Behind a thing, what says that it shows somebody.
_SHOWS = words("of as like showing depicting with d de des du di da von van der eines einer ein una un")
_SHOWN_WITHIN = 4
_POSSESSIVES = frozenset(("s", "的", "の"))
_POSTPOSITIVE = frozenset(("fr", "es", "pt", "it"))
_RELATIONS = words("beside near behind opposite facing fighting watching chasing versus vs")
_STRIPPING = "stripping"
_TO_PLACES = words("of in at near from to")
_NAKEDNESS = words("nude naked nudity topless undressed unclothed")

_OF_CLOTHES = frozenset(terms("see through, wet shirt, wet t shirt"))

_STRIPPED = Vocabulary(
    (word, None)
    for word in words("bark paint wallpaper varnish corn husk leave wire cable copper insulation bed floor furniture")
)
_ANIMALS = Vocabulary(
    (word, None)
    for word in terms(
        """bird, chick, mole rat, rat, mouse, mice, kangaroo, bat, squirrel, rabbit, foal, goat, lamb, elephant, monkey,
    ape, chimp, chimpanzee, gorilla, panda, seal, dolphin, whale, shark, turtle, penguin, owl, eagle, hawk,
    hedgehog, dinosaur, deer, dog, puppy, pig, piglet, cow, calf, horse, bee, spider, octopus, hamster, ferret,
    hippo, rhino, crocodile, lizard, snake, gecko, frog, toad, fish, animal, hyena, lion, tiger, leopard, otter,
    koala, sloth, opossum, possum, wombat, swan, duck, duckling, goose, chicken, crow, sparrow, robin, bear,
    porcupine, marmot, mole"""
    )
)
_BEASTS = words("wolf wolves werewolf werewolves")
# A young word before or behind an animal's name; the others are said of people alone.
_OF_ANIMALS = words("baby babies newborn newborns juvenile juveniles infant infants kid")
_PERSONLIKE = words("girl girls boy boys child kid woman man costume suit onesie ears outfit hybrid anthro humanoid")


def _lexicon() -> Iterator[tuple[str, Word]]:
    """Yield the lexicon's terms: one that several languages share once, with all of them."""
    shared: dict[tuple[str, Kind], set[str]] = {}
    for language, kind, term in _listed():
        if term.startswith("="):
            yield term[1:], Word(kind, frozenset((language,)), own=True)
        else:
            shared.setdefault((term, kind), set()).add(language)
    for (term, kind), languages in shared.items():
        yield term, Word(kind, frozenset(languages), False, term in _NAKEDNESS, term in _OF_CLOTHES)


def _listed() -> Iterator[tuple[str, Kind, str]]:
    for language, kinds in LANGUAGES.items():
        for name, listed in kinds.items():
            for term in terms(listed):
                endings = KOREAN_ENDINGS if language == "ko" and not term.endswith("*") else ("",)
                yield from ((language, Kind[name.upper()], term + ending) for ending in endings)
    yield from ((language, Kind.YOUNG, term) for language, term in age_words())
    for naked in terms("nude, naked, topless, porn, sex"):
        for who in terms(
            "child, children, kid, kids, teen, teens, baby, babies, toddler, girl, girls, boy, boys, minor, minors"
        ):
            yield from (("en", Kind.EXPLICIT, naked + who), ("en", Kind.EXPLICIT, who + naked))
    small = terms("little, young, small, tiny, wee, petite")
    whom = terms("girl, boy, lad, lass, lassie, daughter, son, sister, brother, one")
    yield from (("en", Kind.YOUNG, f"{size} {who}") for size in small for who in whom)


_WORDS = Vocabulary(_lexicon())


# An age, in the words of a language.
_AGES = {language: Word(Kind.YOUNG, frozenset((language,))) for language in LANGUAGES}


def find_marks(readings: tuple[Reading, ...]) -> Marks:
    """Return the words of a text that count."""
    marks = Marks()
    for reading in readings:
        _Look(reading).into(marks)
    return marks


class _Look:
    """One reading, looked at."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        found: dict[Kind, list[Hit[Word]]] = {kind: [] for kind in Kind}
        for hit in _WORDS.find(reading):
            found[hit.value.kind].append(hit)
        self._persons = found[Kind.YOUNG] + found[Kind.YOUTH]
        self._person_starts = {hit.start for hit in self._persons}
        self._person_ends = {hit.end for hit in self._persons}
        if covered := [(hit.start, hit.end) for hit in found[Kind.HARMLESS] if self._is_harmless(hit)]:
            found = {kind: _outside(covered, hits) for kind, hits in found.items()}
        self._things: dict[int, int] = {}
        for hit in found[Kind.THINGS]:
            self._things[hit.start] = max(hit.end, self._things.get(hit.start, 0))
        self._thing_ends = set(self._things.values())
        self._sexual = found[Kind.STRONG] + found[Kind.WEAK]
        self._young = found[Kind.YOUNG] + found[Kind.YOUTH]
        self._explicit = bool(found[Kind.EXPLICIT])

    def _is_harmless(self, hit: Hit[Word]) -> bool:
        """Return whether a phrase is one, with no comma but in the name of a place, and about nobody young."""
        if COMMA in self._reading.gaps[hit.start + 1 : hit.end]:
            return hit.start == 0 or self._reading.words[hit.start - 1] in _TO_PLACES
        return not self._shows_a_person(hit.start, hit.end)

    def _shows_a_person(self, start: int, end: int) -> bool:
        """Return whether somebody young is what words show: a child's ..., ... of a child."""
        words, gaps = self._reading.words, self._reading.gaps
        if start > 1 and words[start - 1] in _POSSESSIVES and start - 1 in self._person_ends:
            return True
        if end == len(words) or gaps[end] == COMMA or words[end] not in _SHOWS:
            return False
        phrase = takewhile(lambda place: gaps[place] != COMMA, range(end, min(end + _SHOWN_WITHIN + 1, len(words))))
        return not self._person_starts.isdisjoint(phrase)

    def into(self, marks: Marks) -> None:
        """Add what counts."""
        marks.explicit = marks.explicit or self._explicit
        self._add_ages()
        if not (self._sexual or self._young):
            return
        counted: set[tuple[Word, int]] = set()
        for hit in self._sexual:
            where = (hit.value, hit.chunk)
            if where not in counted and not self._is_of_a_thing(hit):
                counted.add(where)
        marks.sexual.update(Mark(word, chunk) for word, chunk in counted)
        marks.young.update(map(self._young_mark, self._young))

    def _add_ages(self) -> None:
        sexual = {hit.start for hit in self._sexual}
        for language, start, end in find_ages(self._reading, sexual):
            if self._thing_behind(end, _FILLERS) is None:
                self._young.append(Hit(_AGES[language], start, end, self._reading.chunks[start]))

    def _is_of_a_thing(self, hit: Hit[Word]) -> bool:
        """Return whether it is a thing that is naked: a nude statue, an arbre nu, stripping bark."""
        words = self._reading.words
        if hit.value.of_clothes:
            return False
        end = self._thing_behind(hit.end, _FILLERS)
        if words[hit.start] == _STRIPPING and end is None:
            end = self._stripped_behind(hit.end)
        if end is None and not hit.value.languages.isdisjoint(_POSTPOSITIVE) and hit.start in self._thing_ends:
            end = hit.end if self._reading.gaps[hit.start] != COMMA else None
        if end is None or self._shows_a_person(hit.start, end):
            return False
        return end == len(words) or self._reading.gaps[end] == COMMA or end not in self._person_starts

    def _thing_behind(self, place: int, fillers: Collection[str]) -> int | None:
        """Return where a thing ends that is named next, or None."""
        words, gaps = self._reading.words, self._reading.gaps
        for _ in range(4):
            if place >= len(words) or gaps[place] == COMMA:
                return None
            if place in self._things:
                return self._things[place]
            if words[place] not in fillers:
                return None
            place += 1
        return None

    def _stripped_behind(self, place: int) -> int | None:
        words, gaps = self._reading.words, self._reading.gaps
        while place < len(words) and gaps[place] != COMMA and words[place] in _ARTICLES:
            place += 1
        found = _at(_STRIPPED, self._reading, place)
        return found if found is not None and gaps[place] != COMMA else None

    def _young_mark(self, hit: Hit[Word]) -> Mark:
        words, gaps, chunks = self._reading.words, self._reading.gaps, self._reading.chunks
        following = words[hit.end] if hit.end < len(words) and gaps[hit.end] != COMMA else ""
        if following in _BEASTS and hit.end + 1 < len(words) and words[hit.end + 1] in _RELATIONS:
            return Mark(hit.value, hit.chunk, exempt=range(chunks[hit.end + 1] + 1, chunks[hit.end + 1] + 4))
        animal = words[hit.start] in _OF_ANIMALS and (self._animal_behind(hit.end) or self._animal_before(hit.start))
        return Mark(hit.value, hit.chunk, animal=animal)

    def _animal_behind(self, place: int) -> bool:
        if place < len(self._reading.words) and self._reading.gaps[place] != COMMA:
            end = _at(_ANIMALS, self._reading, place)
            return end is not None and (end == len(self._reading.words) or self._reading.words[end] not in _PERSONLIKE)
        return False

    def _animal_before(self, place: int) -> bool:
        return place > 0 and self._reading.gaps[place] != COMMA and _at(_ANIMALS, self._reading, place - 1) == place


def _outside(covered: list[tuple[int, int]], hits: list[Hit[Word]]) -> list[Hit[Word]]:
    """Return the hits that do not stand within one of the harmless phrases, which are in order."""
    ends: dict[int, int] = {}
    for start, end in covered:
        for place in range(start, end):
            ends[place] = max(end, ends.get(place, 0))
    return [hit for hit in hits if hit.end > ends.get(hit.start, 0)]


def _at(vocabulary: Vocabulary[None], reading: Reading, place: int) -> int | None:
    """Return where the longest term ends that begins at a place."""
    window = slice(place, place + 2)
    found = vocabulary.find(Reading(reading.words[window], reading.gaps[window], reading.chunks[window]))
    return max((place + hit.end for hit in found if hit.start == 0), default=None)
