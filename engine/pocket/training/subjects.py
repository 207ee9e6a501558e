"""The everyday things pocket can draw, under the names people type for them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Subject:
    """One thing to draw.

    Args:
        names: what people call it; the first is its label.
        code: Unicode code points of its emoji, hexadecimal, without variation selectors.
        colour: its natural colour word, empty where none is obvious.
        blocked: whether the safety checker must stop pictures of it.
    """

    names: tuple[str, ...]
    code: str
    colour: str = ""
    blocked: bool = False

    @property
    def label(self) -> str:
        return f"{self.colour} {self.names[0]}" if self.colour and self.names[0] in SHARED_NAMES else self.names[0]


# These names stand for several subjects that differ by colour alone.
SHARED_NAMES = frozenset({"apple", "heart"})

_TABLE = """
apple|1f34e|red
apple|1f34f|green
banana|1f34c|yellow
orange,tangerine|1f34a|orange
lemon|1f34b|yellow
grapes,bunch of grapes|1f347|purple
watermelon,slice of watermelon|1f349|red
strawberry|1f353|red
cherries,cherry|1f352|red
pineapple|1f34d|yellow
carrot|1f955|orange
tomato|1f345|red
mushroom,toadstool|1f344|red
pizza,slice of pizza|1f355|
hamburger,burger,cheeseburger|1f354|
french fries,fries,chips|1f35f|yellow
hot dog|1f32d|
ice cream,ice cream cone|1f366|
donut,doughnut|1f369|
birthday cake,cake|1f382|
cookie,biscuit|1f36a|brown
cheese|1f9c0|yellow
fried egg,egg|1f373|
cup of coffee,coffee,cup of tea|2615|
rose|1f339|red
sunflower|1f33b|yellow
tulip|1f337|pink
flower,cherry blossom|1f338|pink
tree|1f333|green
christmas tree|1f384|green
palm tree|1f334|green
cactus|1f335|green
cat,kitten,cat face|1f431|
dog,puppy,dog face|1f436|
mouse|1f42d|
rabbit,bunny|1f430|
fox|1f98a|orange
bear|1f43b|brown
panda|1f43c|
lion|1f981|
tiger|1f42f|
cow|1f42e|
pig|1f437|pink
frog|1f438|green
monkey|1f435|brown
penguin|1f427|
bird|1f426|
duck|1f986|
owl|1f989|brown
horse|1f434|brown
unicorn|1f984|
bee,honeybee|1f41d|yellow
butterfly|1f98b|
ladybug,ladybird,beetle|1f41e|red
turtle,tortoise|1f422|green
snake|1f40d|green
fish|1f41f|blue
whale|1f433|blue
octopus|1f419|
shark|1f988|
elephant|1f418|grey
dragon|1f409|green
dinosaur,t-rex|1f996|green
car,automobile|1f697|red
bus|1f68c|
fire truck,fire engine,truck|1f692|red
train,steam train,locomotive|1f682|
bicycle,bike|1f6b2|
airplane,plane,aeroplane|2708|
rocket,spaceship|1f680|
sailboat,boat,ship|26f5|
house,home|1f3e0|
castle|1f3f0|
mountain|1f3d4|
volcano|1f30b|
beach|1f3d6|
sun|2600|yellow
moon,crescent moon|1f319|yellow
star|2b50|yellow
cloud|2601|
rainbow|1f308|
lightning,lightning bolt|26a1|yellow
snowflake|2744|blue
earth,planet earth,globe,planet|1f30d|
fire,flame|1f525|
snowman|26c4|white
heart|2764|red
heart|1f499|blue
heart|1f49a|green
heart|1f49b|yellow
heart|1f49c|purple
balloon|1f388|red
gift,present|1f381|
guitar|1f3b8|
trumpet|1f3ba|yellow
soccer ball,football|26bd|
basketball,ball|1f3c0|orange
key|1f511|yellow
alarm clock,clock|23f0|
camera|1f4f7|
laptop,computer|1f4bb|
light bulb,lamp|1f4a1|yellow
book|1f4d5|red
pencil|270f|
umbrella|2614|
top hat,hat|1f3a9|black
crown|1f451|yellow
t-shirt,shirt|1f455|
robot|1f916|
ghost|1f47b|white
alien|1f47d|
skull|1f480|
pumpkin,jack-o-lantern|1f383|orange
teddy bear|1f9f8|brown
smiley,smiling face,happy face|1f642|yellow
trophy|1f3c6|yellow
diamond|1f48e|blue
gun,pistol,handgun|1f52b||blocked
bomb|1f4a3|black|blocked
dagger,sword|1f5e1||blocked
knife,kitchen knife|1f52a||blocked
cigarette|1f6ac||blocked
beer,mug of beer,glass of beer|1f37a||blocked
syringe,injection|1f489||blocked
drop of blood,blood|1fa78|red|blocked
middle finger|1f595||blocked
"""


def _parse(line: str) -> Subject:
    names, code, colour, *flags = line.split("|")
    return Subject(tuple(names.split(",")), code, colour, blocked="blocked" in flags)


SUBJECTS: tuple[Subject, ...] = tuple(_parse(line) for line in _TABLE.strip().splitlines())
