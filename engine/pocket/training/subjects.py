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
        paintable: whether its main colour can be another, as a car's can.
        poses: code points of more emoji that show it, such as the whole animal where `code` shows its face.
    """

    names: tuple[str, ...]
    code: str
    colour: str = ""
    blocked: bool = False
    paintable: bool = False
    poses: tuple[str, ...] = ()

    @property
    def codes(self) -> tuple[str, ...]:
        """Every emoji that shows it, the main one first."""
        return (self.code, *self.poses)

    @property
    def label(self) -> str:
        return f"{self.colour} {self.names[0]}" if self.colour and self.names[0] in SHARED_NAMES else self.names[0]


# These names stand for several subjects that differ by colour alone.
SHARED_NAMES = frozenset({"apple", "heart"})

_TABLE = """
apple|1f34e|red|paint
apple|1f34f|green
banana|1f34c|yellow
orange,tangerine|1f34a|orange
lemon|1f34b|yellow
grapes,bunch of grapes|1f347|purple
watermelon,slice of watermelon|1f349|red
strawberry|1f353|red|paint
cherries,cherry|1f352|red|paint
pineapple|1f34d|yellow
carrot|1f955|orange
tomato|1f345|red
mushroom,toadstool|1f344|red|paint
pizza,slice of pizza|1f355|
hamburger,burger,cheeseburger|1f354|
french fries,fries,chips|1f35f|yellow
hot dog|1f32d|
ice cream,ice cream cone|1f366+1f368+1f367|
donut,doughnut|1f369|
birthday cake,cake|1f382|
cookie,biscuit|1f36a|brown
cheese|1f9c0|yellow
fried egg,egg|1f373|
cup of coffee,coffee,cup of tea|2615|
rose|1f339|red|paint
sunflower|1f33b|yellow
tulip|1f337|pink|paint
flower,cherry blossom|1f338+1f33c+1f33a|pink
tree|1f333+1f332|green
christmas tree|1f384|green
palm tree|1f334|green
cactus|1f335|green
cat,kitten,cat face|1f431+1f408||paint
dog,puppy,dog face|1f436+1f415||paint
mouse|1f42d+1f401|
rabbit,bunny|1f430+1f407|
fox|1f98a|orange
bear|1f43b|brown
panda|1f43c|
lion|1f981|
tiger|1f42f+1f405|
cow|1f42e+1f404|
pig|1f437+1f416|pink|paint
frog|1f438|green|paint
monkey|1f435+1f412|brown
penguin|1f427|
bird|1f426||paint
duck|1f986|
owl|1f989|brown
horse|1f434+1f40e|brown
unicorn|1f984|
bee,honeybee|1f41d|yellow
butterfly|1f98b||paint
ladybug,ladybird,beetle|1f41e|red
turtle,tortoise|1f422|green|paint
snake|1f40d|green
fish|1f41f|blue|paint
whale|1f433+1f40b|blue|paint
octopus|1f419||paint
shark|1f988|
elephant|1f418|grey
dragon|1f409+1f432|green|paint
dinosaur,t-rex|1f996+1f995|green
car,automobile|1f697+1f698|red|paint
bus|1f68c+1f68d||paint
fire truck,fire engine,truck|1f692|red
train,steam train,locomotive|1f682+1f686|
bicycle,bike|1f6b2|
airplane,plane,aeroplane|2708+1f6e9|
rocket,spaceship|1f680||paint
sailboat,boat,ship|26f5|
house,home|1f3e0+1f3e1|
castle|1f3f0|
mountain|1f3d4+26f0+1f5fb|
volcano|1f30b|
beach|1f3d6|
sun|2600+1f31e|yellow
moon,crescent moon|1f319+1f31b+1f31c|yellow
star|2b50+1f31f|yellow|paint
cloud|2601|
rainbow|1f308|
lightning,lightning bolt|26a1|yellow
snowflake|2744|blue
earth,planet earth,globe,planet|1f30d+1f30e+1f30f|
fire,flame|1f525|
snowman|26c4+2603|white
heart|2764|red
heart|1f499|blue
heart|1f49a|green
heart|1f49b|yellow
heart|1f49c|purple
balloon|1f388|red|paint
gift,present|1f381||paint
guitar|1f3b8||paint
trumpet|1f3ba|yellow
soccer ball,football|26bd|
basketball,ball|1f3c0|orange
key|1f511|yellow|paint
alarm clock,clock|23f0||paint
camera|1f4f7+1f4f8|
laptop,computer|1f4bb|
light bulb,lamp|1f4a1|yellow
book|1f4d5|red|paint
pencil|270f|
umbrella|2614+2602||paint
top hat,hat|1f3a9|black
crown|1f451|yellow|paint
t-shirt,shirt|1f455||paint
robot|1f916|
ghost|1f47b|white
alien|1f47d|
skull|1f480|
pumpkin,jack-o-lantern|1f383|orange
teddy bear|1f9f8|brown
smiley,smiling face,happy face|1f642+1f600+1f60a+1f603|yellow|paint
trophy|1f3c6|yellow
diamond|1f48e|blue|paint
pear|1f350|green
peach|1f351|
kiwi|1f95d|
avocado|1f951|
corn,ear of corn|1f33d|
broccoli|1f966|green
eggplant,aubergine|1f346|purple
bread,loaf of bread,toast|1f35e|
croissant|1f950|
pretzel|1f968|
pancakes,pancake|1f95e|
taco|1f32e|
popcorn|1f37f|
sushi|1f363|
spaghetti,pasta|1f35d|
cupcake|1f9c1||paint
candy|1f36c||paint
coconut|1f965|
chili pepper,chili|1f336|red
glass of milk,milk|1f95b|
teapot|1fad6||paint
maple leaf,leaf|1f341|red|paint
four-leaf clover,clover|1f340|green
seedling,sprout|1f331|green
chicken,hen|1f414+1f413|
chick,baby chicken|1f424+1f425+1f423|yellow
parrot|1f99c|
swan|1f9a2|
flamingo|1f9a9|pink|paint
peacock|1f99a|
wolf|1f43a|grey
koala|1f428|grey
hamster|1f439|
sheep|1f411+1f40f|
camel|1f42a+1f42b|
giraffe|1f992|
zebra|1f993|
hippo,hippopotamus|1f99b|grey
hedgehog|1f994|
squirrel|1f43f|
bat|1f987|brown
snail|1f40c|brown
spider|1f577|black
crab|1f980|red|paint
dolphin|1f42c|blue|paint
crocodile,alligator|1f40a|green
tractor|1f69c|green|paint
police car|1f693|
helicopter|1f681||paint
motorcycle,motorbike|1f3cd||paint
scooter,moped|1f6f5||paint
traffic light|1f6a6+1f6a5|
flying saucer,ufo|1f6f8|
anchor|2693||paint
tent|26fa||paint
church|26ea|
ferris wheel|1f3a1|
violin|1f3bb|
piano|1f3b9|
drum|1f941+1fa98||paint
microphone,mic|1f3a4|
headphones|1f3a7|
bell|1f514|yellow|paint
telephone,landline|260e||paint
television,tv|1f4fa|
mobile phone,phone,smartphone|1f4f1+1f4f2|
watch,wristwatch|231a||paint
hourglass|231b+23f3|
candle|1f56f|
hammer|1f528|
scissors|2702|
magnet|1f9f2||paint
microscope|1f52c|
paint palette,palette|1f3a8|
envelope,letter|2709|
lock,padlock|1f512||paint
chair|1fa91||paint
couch,sofa|1f6cb||paint
bed|1f6cf||paint
door|1f6aa||paint
bathtub,bath|1f6c1|
shopping cart|1f6d2|
bucket,pail|1faa3||paint
broom|1f9f9|
glasses,spectacles|1f453|
dress|1f457||paint
jeans,trousers,pants|1f456|blue
socks,sock|1f9e6||paint
sneaker,shoe|1f45f+1f45e||paint
boot|1f462+1f97e||paint
high heel,high heels|1f460||paint
scarf|1f9e3||paint
tie,necktie|1f454|
backpack|1f392||paint
cap,baseball cap|1f9e2||paint
medal|1f3c5+1f396+1f947|
tennis racket,racket|1f3be|
baseball|26be|
dice,die|1f3b2|
puzzle piece,jigsaw piece|1f9e9||paint
kite|1fa81|
game controller,gamepad|1f3ae|
money bag,bag of money|1f4b0|
tooth|1f9b7|white
bone|1f9b4|white
lips,mouth|1f444|
eye|1f441|
saturn,planet with rings|1fa90|
wave,ocean wave|1f30a|blue
paw prints,paws|1f43e|
sandwich|1f96a|
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
    names, codes, colour, *flags = line.split("|")
    code, *poses = codes.split("+")
    return Subject(tuple(names.split(",")), code, colour, "blocked" in flags, "paint" in flags, tuple(poses))


SUBJECTS: tuple[Subject, ...] = tuple(_parse(line) for line in _TABLE.strip().splitlines())
