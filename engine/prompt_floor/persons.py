"""Find real persons in prompts, by the pattern of their naming.

Claimed: a common given name with a name behind it, in any case; two or three names with capitals right beside a word in
small letters; being known, or known to who asks ("a famous actress", "my neighbour"), in thirteen languages; and orders
to undress somebody in a picture. Names behind "by" and "in the style of" are artists'.

Not claimed: one name alone, names in small letters without a common given name, names in scripts without capitals,
characters of fiction (some are refused), and likenesses that a LoRA or a picture brings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from engine.api.folding import COMMA, SPACE, Reading, fold
from engine.api.vocabulary import Vocabulary
from engine.prompt_floor.lexicon import terms, words

_WITHIN = 4  # words between a name and what is sexual

_GIVEN = words(
    """aaron adam adele adrian agnes aisha alan albert alejandra alejandro alessandro alex alexander alexandra alfred
    alice alicia alina amanda amelia amy ana anastasia andrea andreas andrew angela angelina anita anja anna anne
    annika anthony antonio ariana arthur astrid audrey barbara beatrice ben benjamin bernd beth billie boris brad
    brandon brenda brian britney bruce camila carla carlos carmen carol caroline catherine cecilia charles
    charlotte chloe chris christina christine christopher claire claudia cristina daniel daniela danielle david
    deborah denise dennis diana diego dmitri dominik donald dorothy doris dua dylan eddie edith eduard edward
    elena elisabeth elizabeth ellen elsa emily emilia emma eric erica erik erin esther eva eve evelyn fatima felix
    fernanda fiona frances francesca francesco francis frank franz frida gabriel gabriela george gerald gigi
    giovanni giulia giuseppe gordon greta guillaume hailey hannah hans harold harry heidi heinrich helen helena
    helene henry hillary hugo ian igor ingrid irene irina isabel isabella ivan ivanka jackie jacob jacqueline jake
    james jamie jan jane janet jason javier jean jeff jennifer jenny jeremy jessica jill jim joan joanna joe joel
    johanna john johnny jonas jonathan jorge jose joseph joshua juan juana judith julia juliana julian julie
    juliette justin karen karin karl kate katharina katherine kathleen kathryn katie katy keanu keira kelly
    kendall kenneth kevin kim klaus kristen kristina kurt kylie lara larry laura lauren lea lena leo leonardo
    leonie lewis lindsay lisa liv logan lucas lucia lucy luigi luis luke madeleine magdalena mandy manuel marco
    margaret margot maria mariah marie marilyn mario marion martha martin martina mary mateo matthew matthias max
    meghan megan melania melanie melissa michael michaela michelle miguel mila miley millie miriam mohammed monica
    monika nadia nancy naomi natalia natalie natasha nathan neil nicholas nick nicki nicolas nicole nikita nina
    noah olga oliver olivia otto pablo paige pamela patricia patrick paul paula pedro penelope peter petra philip
    pierre rachel rafael ralph raquel rebecca renate renee ricardo richard rihanna rita robert roberta roberto
    roger romina ronald roxanne russell ruth ryan sabine sabrina sally salma samantha samuel sandra sara sarah
    scarlett scott sean selena serena sergei shakira sharon shawn sheila silvia simon simone sofia sonja sophia
    sophie stefan stefanie stephanie stephen steven susan susanne svetlana sylvia tanja tanya tatiana taylor
    teresa theresa thomas tiffany tim timothy tina tobias todd tom tony tyler ursula valentina valeria vanessa
    veronica victor victoria viktor viktoria vincent vivian vladimir walter wanda wendy werner whitney william
    winona xavier yvonne zac zara zendaya zoe"""
)
_NO_SURNAMES = words(
    """a an and as at beside behind but by dances dancing for from holding in is into lying near nude naked of off on
    or over posing reading sitting sleeping standing statue swimming the to under wearing while who with y e et
    und en i o de la le el lo da di du des der die das van von art beach bay street city park lake river falls
    town hall desnudos desnuda nus nue nuda nudi naakt nackt nadzy nagie ciplak"""
)
_ARTISTS = words("by after style manner artist painter photographer")

_KNOWN = """celebrity, celeb, famous actress, famous actor, famous singer, famous model, famous person, famous
    woman, famous man, real person, real woman, real girl, public figure, politician, prime minister, president s
    wife, influencer, youtuber, streamer, tiktoker, news anchor, newsreader, movie star, film star, pop star,
    deepfake, deep fake, face swap, faceswap, nudify, undress her, undress him, undress this, undress the, remove
    her clothes, remove his clothes, remove the clothes, take off her clothes, promi, prominente, berühmte
    schauspielerin, célébrité, actrice célèbre, famosa, famoso, actriz famosa, atriz famosa, attrice famosa,
    persona reale, bekende nederlander, beroemdheid, celebrytka, znana aktorka, знаменитост*, известная актриса,
    ünlü, 芸能人, 有名人, 女優, 元カノ, 연예인, 여배우, 전여친, 女明星, 明星, 前女友"""
_MINE = (
    "my, mein, meine, meiner, meinem, meinen, mon, ma, mi, mis, minha, meu, mia, mio, mijn, moja, mój, моя, мой, моей"
)
_RELATIONS = """ex, ex girlfriend, ex boyfriend, ex wife, exfreundin, exfrau, girlfriend, boyfriend, wife,
    husband, neighbour, neighbor, nachbarin, voisine, vecina, vizinha, vicina, buurvrouw, sąsiadka, соседка,
    teacher, lehrerin, prof, professeure, profesora, professora, professoressa, lerares, nauczycielka,
    учительница, boss, chefin, colleague, coworker, co worker, kollegin, collègue, compañera, colega, collega,
    koleżanka, коллега, classmate, mitschülerin, friend, freundin, amie, amiga, amica, vriendin, sister,
    schwester, sœur, hermana, irmã, sorella, zus, siostra, сестра, mother, mom, mum, mutter, mère, madre, mãe,
    moeder, matka, мать, cousin, cousine, aunt, roommate, flatmate, crush, stepmom, stepmother, landlady, była,
    бывшая"""

_ROLES = Vocabulary(
    [(term, None) for term in terms(_KNOWN)]
    + [(f"{mine} {who}", None) for mine in (*terms(_MINE), "la mia") for who in terms(_RELATIONS)]
)
_CAPITALS = re.compile(
    r"(?<=[a-z] )[A-Z][a-z]+(?:[ -][A-Z][a-z]+){1,2}\b|\b[A-Z][a-z]+(?:[ -][A-Z][a-z]+){1,2}(?= [a-z])"
)
_COMMON = words(
    """art deco nouveau greek roman italian french english german spanish dutch japanese chinese american european
    ancient new old saint san santa los las north south east west mount lake beach bay street city park river sea
    ocean island islands museum gallery castle palace garden lady lord king queen venus aphrodite apollo adonis
    diana eros psyche cupid godiva victorian renaissance baroque gothic pop red blue green black white golden ursa
    canis asia minor major"""
)


def find_persons(text: str, readings: tuple[Reading, ...]) -> Iterator[range]:
    """Yield the chunks of a text in which nothing sexual may be, since a real person seems to be named there."""
    names = {tuple(fold(match[0])[0].words) for match in _CAPITALS.finditer(text)}
    for reading in readings:
        for hit in _ROLES.find(reading):
            yield range(hit.chunk - _WITHIN, hit.chunk + _WITHIN + 3)
        yield from _named(reading)
        yield from _capitals(reading, {name for name in names if _COMMON.isdisjoint(name)})


def _named(reading: Reading) -> Iterator[range]:
    words, gaps, chunks = reading.words, reading.gaps, reading.chunks
    if _GIVEN.isdisjoint(words):
        return
    for place in range(len(words) - 1):
        behind = words[place + 1]
        if words[place] not in _GIVEN or gaps[place + 1] == COMMA or len(behind) < 3 or not behind.isalpha():
            continue
        if behind not in _NO_SURNAMES and not _is_artist(reading, place):
            yield range(chunks[place] - _WITHIN, chunks[place] + _WITHIN + 2)


def _capitals(reading: Reading, names: set[tuple[str, ...]]) -> Iterator[range]:
    words = reading.words
    for name in names:
        for place in range(len(words) - len(name) + 1):
            if words[place : place + len(name)] == name and not _is_artist(reading, place):
                yield range(reading.chunks[place] - 1, reading.chunks[place + len(name) - 1] + 2)


def _is_artist(reading: Reading, place: int) -> bool:
    before = reading.words[max(place - 2, 0) : place]
    return SPACE in reading.gaps[place : place + 1] and not _ARTISTS.isdisjoint(before)
