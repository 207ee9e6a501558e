# ruff: noqa: RUF001 - letters of other scripts are meant
"""Ages under 18, as digits and as words."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from enum import Enum, auto

from engine.api.folding import COMMA, NOTHING, SOFT, Reading
from engine.api.vocabulary import Hit, Vocabulary
from engine.prompt_floor.lexicon import terms

ADULT_AGE = 18
_YOUNGEST_BARE = 3  # a number alone, behind a person: less are mostly counts
_TENS = 20
_LONG_WORD = 5  # letters; the shorter numbers are other words elsewhere: elf, on, once

_NUMBERS = {
    "en": "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen",
    "de": """ein zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn
        siebzehn""",
    "fr": "un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize dix-sept",
    "es": """un dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciséis
        diecisiete""",
    "pt": """um dois três quatro cinco seis sete oito nove dez onze doze treze quatorze quinze dezesseis dezessete""",
    "it": """un due tre quattro cinque sei sette otto nove dieci undici dodici tredici quattordici quindici sedici
        diciassette""",
    "nl": """een twee drie vier vijf zes zeven acht negen tien elf twaalf dertien veertien vijftien zestien
        zeventien""",
    "pl": """rok dwa trzy cztery pięć sześć siedem osiem dziewięć dziesięć jedenaście dwanaście trzynaście
        czternaście piętnaście szesnaście siedemnaście""",
    "pl of": """roku dwóch trzech czterech pięciu sześciu siedmiu ośmiu dziewięciu dziesięciu jedenastu dwunastu
        trzynastu czternastu piętnastu szesnastu siedemnastu""",
    "ru": """один два три четыре пять шесть семь восемь девять десять одиннадцать двенадцать тринадцать
        четырнадцать пятнадцать шестнадцать семнадцать""",
    "ru of": """одного двух трёх четырёх пяти шести семи восьми девяти десяти одиннадцати двенадцати тринадцати
        четырнадцати пятнадцати шестнадцати семнадцати""",
    "tr": "bir iki üç dört beş altı yedi sekiz dokuz on onbir oniki onüç ondört onbeş onaltı onyedi",
    "ja": "一 二 三 四 五 六 七 八 九 十 十一 十二 十三 十四 十五 十六 十七",
    "ko": "한 두 세 네 다섯 여섯 일곱 여덟 아홉 열 열한 열두 열세 열네 열다섯 열여섯 열일곱",
}  # fmt: skip
# What makes a number behind it a larger one.
_LARGER = """twenty thirty forty fifty sixty seventy eighty ninety hundred vingt trente quarante veinte treinta
    cuarenta vinte trinta quarenta venti trenta quaranta двадцать тридцать сорок пятьдесят yirmi otuz kırk elli
    altmış 스물 서른 마흔 dwadzieścia trzydzieści czterdzieści двадцати тридцати сорока 二十 三十 四十 五十 六十
    七十 八十 九十 百 千"""
# Beginnings of words that hold an age, such as zwölfjährig.
_GERMAN, _DUTCH = ("jährig*", "jaehrig*"), ("jarig*",)
_POLISH = """dwu trzy cztero pięcio sześcio siedmio ośmio dziewięcio dziesięcio jedenasto dwunasto trzynasto
    czternasto piętnasto szesnasto siedemnasto"""

# What behind a number makes it an age.
_YEARS = {
    "en": """year old, year olds, yr, yr old, yr olds, years old, yrs old, yo, y o, years of age, year of age, years,
        yrs, years young""",
    "de": "jahre alt, jahre, jahren, jährig*, jaehrig*",
    "fr": "ans",
    "es": "años, añitos",
    "pt": "anos, aninhos",
    "it": "anni, anno, annetti",
    "nl": "jaar, jarig*, jaartjes",
    "pl": "lat, letni*, latek, latk*, rok, roku",
    "ru": "лет, летн*, года, годик*, годовал*",
    "tr": "yaş, yaşında*, yaşlarında*, yaşındaki*",
    "ja": "歳, 才",
    "ko": "살, 세",
    "zh": "岁, 歲",
}
# What before a number makes it one.
_AGED = """girl of, boy of, child of, lad of, lass of, mädchen von, junge von, fille de, garçon de, chica de,
    chico de, garota de, garoto de, ragazza di, ragazzo di, meisje van, jongen van, just turned, aged, age, ages,
    age of, im alter von, à l'âge de, edad, idade, età, leeftijd, wiek, возраст*, yaş, 年齢"""
_UNDER = """under, below, younger than, less than, unter, sous, moins de, menos de, menor de, menores de, meno di,
    onder, poniżej, младше, до, not yet"""
_PERSONS = """nude, naked, topless, nude at, naked at, she is, he is, she s, he s, who is, woman, man, women, men,
    model, female, male, lady, person, daughter, son, sister, brother, girl, girls, boy, boys, lass, lad, frau,
    mann, mädchen, junge, schüler*, femme, homme, fille, garçon, mujer, hombre, chica, chico, muchacha, muchacho,
    mulher, homem, garota, garoto, rapariga, rapaz, donna, uomo, ragazza, ragazzo, vrouw, meisje, jongen, kobieta,
    dziewczyn*, женщина, девушк*, kadın, kız"""


_GRADES = "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth"


def _numbers() -> Iterator[tuple[str, int]]:
    for written in _NUMBERS.values():
        yield from ((word, age) for age, word in enumerate(written.split(), 1))
    yield "eighteen", ADULT_AGE
    for ten, more in (("on", _NUMBERS["tr"]), ("dix", "_ _ _ _ _ _ sept")):
        yield from ((f"{ten} {word}", 10 + age) for age, word in enumerate(more.split()[:7], 1) if word != "_")
    yield from ((word, _TENS) for word in _LARGER.split())


def age_words() -> Iterator[tuple[str, str]]:
    """Yield languages and their terms that hold an age under 18 in one word, or a year of school."""
    for language, endings in (("de", _GERMAN), ("nl", _DUTCH)):
        yield from ((language, word + ending) for word in _NUMBERS[language].split()[1:] for ending in endings)
    yield from (("pl", word + ending) for word in _POLISH.split() for ending in ("letni**", "lat**"))
    yield from (("ru", f"{word}летн**") for word in _NUMBERS["ru of"].split()[1:])
    yield from (("en", f"{grade} {who}") for grade in _GRADES.split() for who in ("grade", "grader"))
    yield from (("en", f"{number}th {who}") for number in range(4, 13) for who in ("grade", "grader"))


class _Part(Enum):
    """What a word makes of the number beside it."""

    UNIT = auto()
    BEFORE = auto()
    PERSON = auto()


_NUMBER = Vocabulary(_numbers(), forms=False)
_CONTEXT: Vocabulary[tuple[_Part, str, int]] = Vocabulary(
    [(term, (_Part.UNIT, language, 0)) for language, units in _YEARS.items() for term in terms(units)]
    + [(term, (_Part.BEFORE, "", ADULT_AGE - 1)) for term in terms(_AGED)]
    + [(term, (_Part.BEFORE, "", ADULT_AGE)) for term in terms(_UNDER)]
    + [(term, (_Part.PERSON, "", 0)) for term in terms(_PERSONS)],
    forms=False,
)


def find_ages(reading: Reading, sexual: Collection[int]) -> Iterator[tuple[str, int, int]]:
    """Yield the ages under 18 in a reading: their language, the place of the number, and that of what follows the age.

    Args:
        sexual: places where a word begins that makes a number in front of it the age of a person.
    """
    units: dict[int, tuple[int, str]] = {}
    highest: dict[int, int] = {}
    persons: set[int] = set()
    for (part, language, most), start, end, _ in _CONTEXT.find(reading):
        if part is _Part.UNIT:
            units[start] = max((end, language), units.get(start, (0, "")))
        elif part is _Part.BEFORE:
            highest[end] = most
        else:
            persons.add(end)
    if not (units or highest or persons or 1 in sexual or 2 in sexual):
        return
    for start, end, number in (*_whole(_NUMBER.find(reading)), *_digits(reading)):
        if end in units and number < ADULT_AGE:
            yield units[end][1], start, units[end][0]
        elif (start in highest and number <= highest[start]) or (
            (start in persons or _opens(reading, start, end, sexual))
            and _is_bare_age(reading, start, end, number, sexual)
        ):
            yield "en", start, end


def _whole(written: Iterable[Hit[int]]) -> Iterator[tuple[int, int, int]]:
    """Yield the numbers in words that are no part of a larger one."""
    longest: dict[int, tuple[int, int]] = {}
    inside: set[int] = set()
    for number, start, end, _ in written:
        if end >= longest.get(start, (0, 0))[0]:
            longest[start] = (end, number)
        inside.update(range(start + 1, end if number < _TENS else end + 1))
    for start, (end, number) in longest.items():
        if start not in inside and number < _TENS:
            yield start, end, number


def _digits(reading: Reading) -> Iterator[tuple[int, int, int]]:
    for start, word in enumerate(reading.words):
        if len(word) < 3 and word.isdecimal() and not _belongs_to_number(reading, start):
            yield start, start + 1, int(word)


def _belongs_to_number(reading: Reading, place: int) -> bool:
    """Return whether the digits stand in a larger number: 1.5, 16:9, 2 000."""
    gaps, words = reading.gaps, reading.words
    return place > 0 and gaps[place] in (SOFT, NOTHING) and words[place - 1][-1].isdecimal()


def _opens(reading: Reading, start: int, end: int, sexual: Collection[int]) -> bool:
    """Return whether a text begins with a number alone, and what is sexual."""
    return start == 0 and end in sexual and reading.gaps[end] == COMMA


def _is_bare_age(reading: Reading, start: int, end: int, number: int, sexual: Collection[int]) -> bool:
    """Return whether a number behind a person counts nothing: what follows is a comma, a sexual word, or nothing."""
    if not _YOUNGEST_BARE <= number < ADULT_AGE:
        return False
    word = reading.words[start]
    if (start > 0 and reading.gaps[start] == NOTHING) or not (word.isdecimal() or len(word) >= _LONG_WORD):
        return False
    return end == len(reading.words) or reading.gaps[end] == COMMA or end in sexual
