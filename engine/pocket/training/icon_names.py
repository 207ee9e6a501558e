"""Which picture of the two sets that name their pictures in their own way shows which emoji."""

from __future__ import annotations

# Code points and pictures; a set may have several of one thing.
_FIREFOX = """
1f34e=redapple 1f34f=greenapple 1f34c=banana 1f34a=tangerine 1f34b=lemon 1f347=grapes 1f349=watermelon
1f353=strawberry 1f352=cherries 1f34d=pineapple 1f345=tomato 1f344=mushroom 1f355=sliceofpizza 1f354=hamburger
1f35f=frenchfries 1f366=softicecream 1f368=icecream 1f367=shavedice 1f369=doughnut 1f382=birthdaycake 1f36a=cookie
1f373=cooking 2615=hotbeverage 1f339=rose 1f33b=sunflower 1f337=tulip 1f338=cherryblossom 1f33c=blossom 1f33a=hibiscus
1f333=deciduoustree 1f332=evergreen 1f384=christmastree 1f334=palmtree 1f335=cactus 1f431=cat 1f408=catside 1f436=dog
1f415=dogside 1f42d=mouse 1f401=mouseside 1f430=bunny 1f407=bunnyside 1f43b=bear 1f43c=pandaface 1f42f=tiger
1f405=tigerside 1f42e=cowface 1f404=cow 1f437=pig 1f416=pigside 1f438=frog 1f435=monkeyface 1f412=monkey 1f427=penguin
1f426=bird 1f434=horseface 1f40e=horse 1f41d=honeybee 1f41e=ladybeetle 1f422=turtle 1f40d=snake 1f41f=fish
1f433=spurtingwhale 1f40b=whale 1f419=octopus 1f418=elephant 1f409=dragonside 1f432=dragonhead 1f697=automobile
1f698=oncomingautomobile 1f68c=bus 1f68d=oncomingbus 1f692=fireengine 1f682=steamlocomotive 1f686=train 1f6b2=bicycle
2708=airplane 1f680=rocket 26f5=sailboat 1f3e0=housebuilding 1f3e1=housewithgarden 1f3f0=europeancastle
1f3d4=snowmountains 1f5fb=mountfuji 1f30b=volcano 2600=sunrays 1f31e=sunwithface 1f319=crescentmoon
1f31b=firstquartermoonface 1f31c=lastquartermoonface 2601=cloud 1f308=rainbow 26a1=bolt 2744=snowflake
1f30d=europeafricaglobe 1f30e=americasglobe 1f30f=asiaaustraliaglobe 1f525=fire 26c4=snowmanwithoutsnow 2764=redheart
1f49a=heartgreen 1f49b=heartyellow 1f49c=heartpurple 1f388=balloon 1f381=present 1f3b8=guitar 1f3ba=trumpet
26bd=soccerball 1f511=key 23f0=alarmclock 1f4f7=camera 1f4f8=camerawithflash 1f4a1=lightbulb 1f4d5=closedbook
270f=pencil 2614=umbrellawithraindrops 2602=umbrella 1f3a9=tophat 1f451=crown 1f455=mansshirt 1f47b=ghost 1f47d=alien
1f480=skull 1f383=jackolantern 1f642=smallsmile 1f600=grin 1f603=grinwide 1f3c6=trophy 1f48e=gem 1f350=pear
1f351=peach 1f33d=earofmaize 1f346=aubergine 1f35e=bread 1f363=sushi 1f35d=spaghetti 1f36c=candy 1f336=chilipepper
1f341=mapleleaf 1f340=fourleafclover 1f331=seedling 1f414=chicken 1f413=rooster 1f424=babychick 1f425=frontfacingchick
1f423=hatchingchick 1f43a=wolfface 1f428=koala 1f439=hampster 1f411=sheep 1f40f=ram 1f42a=dromedarycamel
1f42b=bactriancamel 1f43f=chipmunk 1f40c=snail 1f577=spider 1f42c=dolphin 1f40a=crocodile 1f69c=tractor
1f693=policecar 1f681=helicopter 1f6a6=verticaltrafficlight 1f6a5=horizontaltrafficlight 2693=anchor 26fa=tent
26ea=church 1f3a1=ferriswheel 1f3bb=violin 1f3b9=musicalkeyboard 1f3a4=microphone 1f3a7=headphone 1f514=bell
260e=blacktelephone 1f4fa=television 1f4f1=cellphone 231a=watch 231b=hourglass 23f3=hourglassflowingsand 1f56f=candle
1f528=hammer 2702=blackscissors 1f52c=microscope 1f3a8=artistpalette 2709=envelope 1f512=lock 1f6aa=door 1f6c1=bathtub
1f453=glasses 1f457=dress 1f456=jeans 1f45e=mensshoe 1f462=boot 1f460=heels 1f454=tie 1f392=schoolsatchel
1f3c5=sportsmedal 1f396=militarymedal 26be=baseball 1f3ae=videogame 1f4b0=moneybag 1f444=mouth 1f441=eye 1f30a=wave
1f43e=pawprints 1f52b=pistol 1f4a3=bomb 1f5e1=daggerknife 1f52a=hocho 1f6ac=smokingsymbol 1f37a=beermug 1f489=syringe
1f595=reversehandmiddlefinger
"""

_STREAMLINE = """
1f34e=red-apple 1f34a=tangerine 1f34b=lemon 1f347=grapes 1f349=watermelon-1,watermelon-2
1f353=strawberry-1,strawberry-2 1f352=cherries 1f345=tomato 1f344=mushroom 1f355=pizza-1,pizza-2
1f354=hamburger-1,hamburger-2,hamburger-3 1f35f=french-fries 1f366=soft-ice-cream-1,soft-ice-cream-2 1f367=shaved-ice
1f369=doughnut-1,doughnut-2 1f382=birthday-cake-1,birthday-cake-2,birthday-cake-3 1f36a=cookie 1f373=cooking
2615=hot-beverage-1,hot-beverage-2 1f339=rose 1f33b=sunflower-1,sunflower-2 1f337=tulip 1f33c=blossom 1f33a=hibiscus
1f384=christmas-tree 1f334=palm-tree 1f335=cactus-1,cactus-2 1f408=cat 1f436=dog-face 1f415=dog 1f42d=mouse-face
1f401=mouse 1f430=rabbit-face 1f407=rabbit 1f98a=fox-face-1,fox-face-2 1f43b=bear-face 1f43c=panda-face
1f981=lion-face 1f42f=tiger-face 1f405=tiger 1f42e=cow-face 1f404=cow 1f437=pig-face 1f416=pig 1f438=frog-face
1f435=monkey-face 1f412=monkey 1f427=penguin-1,penguin-2 1f426=bird-1,bird-2 1f434=horse-face 1f40e=horse
1f984=unicorn-face 1f41d=honeybee 1f41e=lady-beetle 1f422=turtle 1f40d=snake 1f433=spouting-whale 1f419=octopus
1f418=elephant 1f697=automobile 1f68c=bus 1f692=fire-engine 1f682=locomotive 1f6b2=bicycle 2708=airplane 1f680=rocket
26f5=sailboat 1f3e1=house-with-garden 1f31e=sun-with-face 1f319=crescent-moon 1f31b=first-quarter-moon-face
2601=cloud-1,cloud-2 26a1=high-voltage 2744=snowflake 1f30d=globe-showing-europe-africa 1f30e=globe-showing-americas
1f525=fire 26c4=snowman 1f388=balloon 1f381=wrapped-gift-1,wrapped-gift-2 1f3b8=guitar 1f3ba=trumpet 1f3c0=basketball
2614=umbrella-with-rain-drops 2602=umbrella 1f451=crown 1f455=t-shirt 1f916=robot-face-1,robot-face-2,robot-face-3
1f47b=ghost 1f47d=alien 1f480=skull 1f383=jack-o-lantern 1f642=slightly-smiling-face 1f600=grinning-face
1f60a=smiling-face-with-smiling-eyes 1f350=pear 1f351=peach 1f35e=bread 1f363=sushi 1f35d=spaghetti 1f36c=candy
1f341=maple-leaf 1f340=four-leaf-clover 1f331=seedling 1f414=chicken 1f413=rooster 1f424=baby-chick
1f423=hatching-chick-1 1f43a=wolf-face 1f428=koala 1f439=hamster-face 1f411=ewe-1,ewe-2 1f40f=ram 1f42a=camel
1f43f=chipmunk 1f40c=snail 1f42c=dolphin 1f40a=crocodile 1f69c=tractor 1f681=helicopter 1f6a6=vertical-traffic-light
2693=anchor 1f3bb=violin 1f3b9=musical-keyboard 1f3a4=microphone 1f514=bell 260e=telephone 1f4fa=television 231a=watch
231b=hourglass-done 23f3=hourglass-not-done-1,hourglass-not-done-2 1f52c=microscope 1f3a8=artist-palette 1f6aa=door
1f6c1=bathtub 1f453=glasses-1,glasses-2 1f457=dress 1f456=jeans 1f45f=running-shoe 1f45e=mans-shoe 1f462=womans-boot
1f460=high-heeled-shoe 1f454=necktie 1f392=school-backpack 1f3be=tennis-2 26be=baseball 1f3b2=game-dice
1f4b0=money-bag 1f444=mouth 1f441=eye 1f30a=water-wave 1f52b=pistol 1f4a3=bomb 1f6ac=cigarette 1f37a=beer-mug
1f489=syringe
"""


def _parse(table: str) -> dict[str, tuple[str, ...]]:
    pairs = (entry.split("=") for entry in table.split())
    return {code: tuple(names.split(",")) for code, names in pairs}


FIREFOX: dict[str, tuple[str, ...]] = _parse(_FIREFOX)
STREAMLINE: dict[str, tuple[str, ...]] = _parse(_STREAMLINE)
