"""What no prompt may ask for, on any server: the floor beneath every other rule about words.

The picture gate carries the load; this floor only refuses what is plain from the words. A prompt is looked at in
several views, each undoing one way to hide a word, and words are compared whole, so that Scunthorpe stays a town.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from itertools import chain

from engine.api import BadPrompt, parse_prompt

MAX_PROMPT_CHARACTERS = 1000


def _terms_of(*lines: str) -> frozenset[str]:
    return frozenset(term.strip() for line in lines for term in line.split(","))


# Singular forms; a plural "s" is taken off before comparing. Two words in one entry follow one another.
_EXPLICIT = _terms_of(
    "porn, porno, pornographic, pornography, childporn, hentai, nsfw, oral sex, anal sex, having sex, sex act",
    "blowjob, handjob, rimjob, deepthroat, cumshot, gangbang, bukkake, fellatio, cunnilingus, dildo, orgasm, orgy",
    "masturbate, masturbating, masturbation, ejaculation, penis, vagina, vulva, genital, genitalia",
    "sex scene, gang rape, raped, raping, rapist, bestiality, zoophilia, incest",
    "loli, lolicon, shota, shotacon, jailbait, pedo, pedophile, pedophilia",
)
_SEXUAL = _EXPLICIT | _terms_of(
    "sex, sexy, sexual, sexually, sexualized, sexualised, erotic, erotica, seductive, lewd, horny, aroused, fetish",
    "nude, nudity, naked, topless, undressed, undressing, unclothed, no clothe, without clothe, stripping",
    "lingerie, pantie, upskirt, cleavage, busty, boob, cum, anal, rape, fuck, fucked, fucking, ecchi, bdsm",
)
_MINOR = _terms_of(
    "child, children, childlike, kid, baby, babie, toddler, infant, newborn, underage, underaged, under age",
    "preteen, pre teen, tween, teen, teenage, teenaged, teenager, adolescent, minor child, lolita",
    "schoolgirl, schoolboy, school girl, school boy, schoolchild, schoolchildren, kindergarten, preschooler",
    "elementary school, primary school, middle schooler",
    "little girl, little boy, young girl, young boy, small girl, small boy",
)
_LONGEST_TERM_WORDS = 2
_AGES = "six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|1[0-7]|[0-9]"
_MINOR_AGE = re.compile(rf"\b(?:(?:{_AGES}) (?:yo|y o|yr old|yrs old|year old|years old)|aged? (?:{_AGES}))\b")

_LOOKALIKES = str.maketrans("аеорсухіѕјһԁոսαοειρτυκνıɡłøđ", "aeopcyxisjhdnuaoeiptukviglod")
_SYNTAX = re.compile(r"[()\[\]{}<>\\|*~^`]+")
_INNER_BANG = re.compile(r"!(?=\w)")
_LEET = tuple(str.maketrans("013457@$", letters) for letters in ("oieastas", "oleastas"))
_STRETCHED = re.compile(r"(.)\1{2,}")
_WORD = re.compile(r"[^\W\d_]+|\d+")


def check_prompt(prompt: str) -> None:
    """Refuse a prompt that is empty, too long, or forbidden everywhere.

    Raises:
        BadPrompt: with reason "empty", "too_long", "unreadable" or "forbidden".
    """
    _check_text(prompt)
    written, read = _plain(prompt), _plain(parse_prompt(prompt).text)
    if not read.strip():
        raise BadPrompt("empty")
    for words in chain(_views(written), _views(read)):
        terms = set(_terms(words))
        minor = not terms.isdisjoint(_MINOR) or _MINOR_AGE.search(" ".join(words)) is not None
        if not terms.isdisjoint(_EXPLICIT) or (minor and not terms.isdisjoint(_SEXUAL)):
            raise BadPrompt("forbidden")


def check_negative_prompt(negative_prompt: str) -> None:
    """Refuse a negative prompt that is too long or no text. It names what must not be seen, so every word is right.

    Raises:
        BadPrompt: with reason "too_long" or "unreadable".
    """
    _check_text(negative_prompt)


def _check_text(text: str) -> None:
    if len(text) > MAX_PROMPT_CHARACTERS:
        raise BadPrompt("too_long", len(text), MAX_PROMPT_CHARACTERS)
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise BadPrompt("unreadable")


def _plain(text: str) -> str:
    """Return the text in compatible lower-case characters, without the invisible and the combining ones."""
    folded = unicodedata.normalize("NFKD", text).casefold()
    kept = (
        " " if character.isspace() else character
        for character in folded
        if character.isspace() or unicodedata.category(character) not in ("Cc", "Cf", "Mn", "Me")
    )
    return unicodedata.normalize("NFKC", "".join(kept)).translate(_LOOKALIKES)


def _views(plain: str) -> Iterator[list[str]]:
    """Yield the words as they may have been meant: brackets joining or parting words, digits meant as letters.

    Weights and LoRA tags that stand inside a word only vanish where the prompt is read by its syntax first.
    """
    for syntax in ("", " "):
        text = _SYNTAX.sub(syntax, plain)
        yield _words(text)
        for leet in _LEET:
            yield _words(_INNER_BANG.sub("i", text).translate(leet))


def _words(text: str) -> list[str]:
    """Return the words, with s p e l l e d ones put together and streeeetched ones shortened."""
    words: list[str] = []
    letters: list[str] = []
    for word in [*_WORD.findall(_STRETCHED.sub(r"\1", text)), ""]:
        if len(word) == 1 and not word.isdigit():
            letters.append(word)
            continue
        words.extend(_spelled("".join(letters)) if len(letters) > 2 else letters)
        letters.clear()
        words.append(word)
    return words[:-1]


def _spelled(run: str) -> list[str]:
    """Return the terms hidden in a run of single letters, or the run itself."""
    return [term for term in _SEXUAL | _MINOR if term in run] or [run]


def _terms(words: list[str]) -> Iterator[str]:
    for start in range(len(words)):
        for length in range(1, _LONGEST_TERM_WORDS + 1):
            term = " ".join(words[start : start + length])
            yield term
            yield term.removesuffix("s")
