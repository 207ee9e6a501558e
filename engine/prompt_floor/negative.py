# ruff: noqa: RUF001 - letters of other scripts are meant
"""What a negative prompt may not push away: it names what must not be seen, so that every other word is right there."""

from __future__ import annotations

from engine.api.folding import fold
from engine.api.vocabulary import Vocabulary
from engine.prompt_floor.lexicon import terms
from engine.prompt_floor.marks import Marks

_CLOTHES = """clothes, clothe, clothing, clothed, dressed, dress, garment, outfit, shirt, t shirt, pants,
    trousers, shorts, skirt, swimsuit, swimwear, bikini, underwear, panty, bra, covered, censored, censor bar,
    kleidung, kleider, bekleidet, angezogen, unterwäsche, vêtement, habillé, habits, ropa, vestido, vestida,
    roupa, vestid*, vestiti, abiti, kleren, kleding, ubrani*, одежда, одежды, одет*, kıyafet*, giysi*, elbise*,
    服, 衣装, 옷, 衣服, 穿衣"""
_ADULTS = """adult, adulthood, grown up, grownup, grown woman, grown man, mature, of age, over 18, 18 plus, 18
    years old, middle aged, erwachsen*, volljährig*, adulte, majeur, majeure, adulto, adulta, mayor de edad, maior
    de idade, adulti, maggiorenn*, volwassen*, dorosł*, pełnoletni*, взросл*, совершеннолетн*, yetişkin*, reşit,
    大人, 成人, 成年, 성인, 어른"""
_HARMLESS = "adult content, mature content, adult material, reşit olmayan, 未成年, 미성년"

_PUSHED = Vocabulary(
    [(term, "clothes") for term in terms(_CLOTHES)]
    + [(term, "adults") for term in terms(_ADULTS)]
    + [(term, "") for term in terms(_HARMLESS)]
)


def is_severe_beside(negative_prompt: str, marks: Marks) -> bool:
    """Return whether a negative prompt undresses the young or makes the naked young.

    Args:
        marks: of the prompt.
    """
    if not (marks.young or marks.sexual):
        return False
    pushed: set[str] = set()
    for reading in fold(negative_prompt):
        hits = list(_PUSHED.find(reading))
        harmless = {place for hit in hits if not hit.value for place in range(hit.start, hit.end)}
        pushed.update(hit.value for hit in hits if hit.start not in harmless)
    return bool((marks.young and "clothes" in pushed) or (marks.sexual and "adults" in pushed))
