# ruff: noqa: RUF001 - letters that look like others are what is undone here
"""One way to read words through their disguises: for the prompt floor, a server's words, and prompts that are quoted.

What `fold` does, in this order:

    direction    what stands behind a right-to-left override is read once more in the order in which it is seen
    NFKC         wide, styled, circled and superscript characters become plain ones; a character that would become more
                 than three stays as it is, so that no text grows beyond threefold
    syntax       weights, LoRA tags, brackets and backslashes may join or part what they stand between; BREAK parts; a
                 weight without a fraction also counts as a number
    case         capitals become small; accents and other marks above, below and through letters go (the vowel signs of
                 Indian scripts and the voicing of kana stay), and so do characters that nobody sees
    confusables  letters of other scripts that look like Latin ones become those; small capitals, turned and squared
                 letters and flags become plain letters; digits of any script become 0 to 9
    signs        spaces, commas, semicolons and apostrophes part words; every other sign may join or part
    spelling     three or more letters that stand alone may be one word: z e b r a, z, e, b, r, a
    stretching   a letter three or more times in a row also counts as one, and as two
    leet         beside letters, 0 1 3 4 5 7 8 9 @ $ ! | + € £ ¢ also count as letters, 1 ! | as i and as l
    stars        a star also stands for any one letter, which `Vocabulary` then finds

The last three are other readings of the same text, made only where it has something to read so. Not undone: a word cut
in two by a space (ze bra), words spelt backwards, by their sound, or with a letter left out.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from itertools import accumulate

# What stands before a word of a reading.
COMMA, SPACE, SOFT, NOTHING = ",", " ", "~", "^"
STAR = "*"

# Thai, Lao, Myanmar, Khmer, kana and Chinese characters, between which nobody writes spaces: each may be a word.
UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"

_MOST_EXPANDED = 3
_MOST_KNOWN = 20_000
_MAY_JOIN = "\x01"
_SIGNS = f"{_MAY_JOIN} ,"
_LEET_SIGNS = "@$!|€£¢+"

_TURNED = re.compile("\u202e([^\u202c\u2069\n]*)")
_WEIGHT_OR_LORA = re.compile(r"<lora:[^<>]*+>|:\s*+[+-]?[0-9.]++\s*+\)", re.IGNORECASE)
_WHOLE_WEIGHT = re.compile(r":\s*+([0-9]{1,2}+)\s*+\)")
_PAUSE = re.compile(r"\bBREAK\b")
# Digits at one end of a word are a word of their own, where the rest has none: 1 girl, 12 yo, but b4n4n4.
_LETTERS = rf"[^0-9{_SIGNS}{UNSPACED}]++(?=[0-9]++(?![^{_SIGNS}{UNSPACED}]))"
_WORD = re.compile(rf"([{_SIGNS}]*+)([{UNSPACED}]|[0-9]++|{_LETTERS}|[^{_SIGNS}{UNSPACED}]++)")
_STRETCHED = re.compile(rf"([^\W\d_{UNSPACED}])\1{{2,}}")
_BETWEEN = re.compile(rf"[{_SIGNS}]++")
_SPELLED = re.compile(rf"(?<![^{_SIGNS}])[^\W\d_{UNSPACED}](?:[{_SIGNS}]++[^\W\d_{UNSPACED}](?![^{_SIGNS}])){{2,}}+")
_LEET_OR_STAR = re.compile(rf"[{re.escape(_LEET_SIGNS)}{STAR}]|[0-9](?=[^\W\d_])|(?<=[^\W\d_])[0-9]")
_NO_LETTERS = re.compile(r"(?<![^ ,])(?:[^\w ,@$]|[\d_])++(?![^ ,])")
_OUTER_BANG = re.compile(r"!(?![^\W_])")

# Characters that nobody sees, beside those of the categories Cc, Cf and Me.
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\uffa0\ufe00-\ufe0f\U000e0100-\U000e01ef]"
)
_APOSTROPHES = frozenset("'\u2019\u02bc\u00b4`")
_JOINERS = frozenset("\u200c\u200d\ufe0e\ufe0f")

# A letter, and the Latin one that it is taken for.
_LOOK_LATIN = """
    аa еe оo рp сc уy хx іi ѕs јj һh кk мm тt вb нh ԁd ԛq ԝw ӏl үy ѵv єe ьb
    αa βb εe ιi κk μm οo ρp τt χx νv υu ηn ωw γy ζz σo
    սu ոn օo հh ցg զq քf
    ᴀa ʙb ᴄc ᴅd ᴇe ꜰf ɢg ʜh ɪi ᴊj ᴋk ʟl ᴍm ɴn ᴏo ᴘp ʀr ꜱs ᴛt ᴜu ᴠv ᴡw ʏy ᴢz
    øo łl đd ħh ŧt ıi ƒf ɑa ɡg ɩi ɨi ʉu ƀb ȼc ɇe ɉj ɍr ɏy ðd ŋn ƙk ƥp ƭt ɓb ɗd ɠg ʂs ʐz
    ɐa ɔo ǝe ɥh ɯm ɹr ʇt ʌv ʍw ʎy
"""
_LATIN = {ord(pair[0]): pair[1] for pair in _LOOK_LATIN.split() if len(pair) == 2}
_LATIN |= {ord("æ"): "ae", ord("œ"): "oe", ord("þ"): "th"}
# Squared and circled letters of which Unicode says no plain one, and the letters of flags.
_LATIN |= {first + place: chr(97 + place) for first in (0x1F150, 0x1F170, 0x1F1E6) for place in range(26)}

# Digits of a number that is no word are hidden while the others become letters.
_HIDDEN_DIGITS = {ord(digit): 0xE000 + int(digit) for digit in "0123456789"}
_SHOWN_DIGITS = {hidden: chr(digit) for digit, hidden in _HIDDEN_DIGITS.items()}
_LEET_I, _LEET_L = (str.maketrans("01345789@$!|€£¢+", f"o{one}eastbgas{one}{one}elct") | _SHOWN_DIGITS for one in "il")
_LEET_L[ord(STAR)] = _MAY_JOIN
_SIGNS_JOIN = str.maketrans(dict.fromkeys(_LEET_SIGNS + STAR, _MAY_JOIN))


@dataclass(frozen=True, slots=True)
class Reading:
    """A text as words.

    Args:
        words: in order, each of digits alone or without any at its ends.
        gaps: a character for each word, for what stands before it: COMMA, SPACE, SOFT (other signs) or NOTHING. Across
            the last two, both may be one word.
        chunks: for each word, how many runs of spaces and commas stand before it; the same in all readings of a text.
    """

    words: tuple[str, ...]
    gaps: str
    chunks: tuple[int, ...]


def fold(text: str) -> tuple[Reading, ...]:
    """Return the ways to read a text, as it is written first. Takes time and room proportional to its length."""
    plain = _plain(text)
    texts = [plain.translate(_SIGNS_JOIN)]
    if _LEET_OR_STAR.search(plain) or _STRETCHED.search(plain):
        kept = _NO_LETTERS.sub(_hide_digits, _OUTER_BANG.sub(_MAY_JOIN, plain))
        texts.append(_STRETCHED.sub(r"\1", kept.translate(_LEET_I)))
        texts.append(_STRETCHED.sub(r"\1\1", kept.translate(_LEET_L)))
    if _WHOLE_WEIGHT.search(text):
        texts.append(_plain(_WHOLE_WEIGHT.sub(r" \1 ", text)).translate(_SIGNS_JOIN))
    return tuple(map(_reading, dict.fromkeys(texts)))


def visible(text: str) -> str:
    """Return a text without what nobody sees, and without what turns the direction of letters; spaces stay spaces.

    What joins letters or emoji stays, since they look otherwise without it.
    """
    return "".join(
        " " if character.isspace() else character
        for character in text
        if character.isspace() or character in _JOINERS or not _is_hidden(character)
    )


def with_forms(term: str) -> tuple[str, ...]:
    """Return a folded term and its simple plurals, or its singular."""
    if not term.isascii() or len(term) < 3 or not term[-1].isalpha():
        return (term,)
    forms = [term]
    if term.endswith("ies") and len(term) > 4:
        forms.append(f"{term[:-3]}y")
    if term.endswith("s") and not term.endswith(("ss", "us", "is")) and len(term) > 3:
        forms.append(term[:-1])
    if not term.endswith("s"):
        forms.append(f"{term}s")
    if term.endswith(("s", "x", "z", "ch", "sh", "o")):
        forms.append(f"{term}es")
    if term.endswith("y"):
        forms.append(f"{term[:-1]}ies")
    return tuple(dict.fromkeys(forms))


def _is_hidden(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cf", "Cs") or bool(_UNSEEN.match(character))


def _plain(text: str) -> str:
    """Return the text's characters in one spelling of each, with spaces, commas and _MAY_JOIN between words."""
    if "\u202e" in text:
        text += "".join(f",{turned[::-1]}" for turned in _TURNED.findall(text))
    if not text.isascii():
        text = _bounded_nfkc(text)
    text = _WEIGHT_OR_LORA.sub(_MAY_JOIN, _PAUSE.sub(" ", text)).casefold()
    if text.isascii():
        return text.translate(_CHARACTERS)
    return unicodedata.normalize("NFC", unicodedata.normalize("NFKD", text).translate(_CHARACTERS))


def _bounded_nfkc(text: str) -> str:
    kept = {
        ord(character): _MAY_JOIN
        for character in set(text)
        if character > "\x7f" and len(unicodedata.normalize("NFKC", character)) > _MOST_EXPANDED
    }
    return unicodedata.normalize("NFKC", text.translate(kept) if kept else text)


def _meaning(character: str) -> str:
    """Return what stands for a character of a decomposed text in small letters."""
    if character == _MAY_JOIN:
        return character
    if ord(character) in _LATIN:
        return _LATIN[ord(character)]
    if character.isalpha() or character in _LEET_SIGNS or character == STAR:
        return character
    if character.isspace() or character in _APOSTROPHES:
        return "," if character == "\n" else " "
    if character in ",;\u3001\u3002\u060c\u061b":
        return ","
    digit = unicodedata.digit(character, None)
    if digit is not None:
        return str(digit)
    category = unicodedata.category(character)
    if category == "Me" or _is_hidden(character):
        return ""
    if category.startswith("M"):
        return "" if _is_accent(character) else character
    return character if character.isalnum() else _MAY_JOIN


def _is_accent(mark: str) -> bool:
    """Return whether a mark may be left out: vowel signs of Indian scripts and the voicing of kana may not.

    By Unicode's combining classes: 1 strikes through, 10 to 36 are the points of Hebrew and Arabic, and from 200 on it
    is those that stand above or below.
    """
    place = unicodedata.combining(mark)
    return place == 1 or 10 <= place <= 36 or place >= 200


class _Characters(dict[int, str]):
    """What stands for each character; found once, for as many characters as texts commonly have."""

    def __missing__(self, code: int) -> str:
        meant = _meaning(chr(code))
        if len(self) < _MOST_KNOWN:
            self[code] = meant
        return meant


_CHARACTERS = _Characters()


def _hide_digits(chunk: re.Match[str]) -> str:
    return chunk[0].translate(_HIDDEN_DIGITS)


def _reading(text: str) -> Reading:
    found = _WORD.findall(_SPELLED.sub(_as_one, text).rstrip(_SIGNS))  # with signs at its end it would take long
    gaps = "".join([_GAPS[between] for between, _ in found])
    chunks = accumulate([int(gap in (COMMA, SPACE)) for gap in gaps])
    return Reading(tuple([word for _, word in found]), gaps, tuple(chunks))


def _as_one(letters: re.Match[str]) -> str:
    return _BETWEEN.sub(_MAY_JOIN, letters[0])


class _Gaps(dict[str, str]):
    """What each run of signs means that stands before a word; the runs that are common."""

    def __missing__(self, between: str) -> str:
        gap = COMMA if COMMA in between else SPACE if SPACE in between else SOFT if _MAY_JOIN in between else NOTHING
        if len(self) < _MOST_KNOWN and len(between) < 9:
            self[between] = gap
        return gap


_GAPS = _Gaps()
