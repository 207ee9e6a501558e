# ruff: noqa: RUF001 - letters of other scripts are meant
"""The words that the floor knows, by language.

    young      a child, or anyone under 18
    youth      a girl or a boy, who may be grown up
    strong     nakedness and sex
    weak       what is sexual beside a young person only
    explicit   pornography, never drawn
    things     what may be called naked or sexy without being a person
    harmless   phrases that hold one of the words above and mean none

`*` stands for up to three letters more, `**` for any number, `=` before a word that another language uses for something
else: it counts only beside words of its own language. Simple plurals and accents need not be written. Words may
stand in several lists and languages.
"""

from __future__ import annotations

from collections.abc import Mapping


def words(listed: str) -> frozenset[str]:
    """Return words that are written with spaces between them."""
    return frozenset(listed.split())


def terms(listed: str) -> tuple[str, ...]:
    """Return terms that are written with commas between them."""
    return tuple(term.strip() for term in " ".join(listed.split()).split(","))


LANGUAGES: Mapping[str, Mapping[str, str]] = {
    "en": {
        "young": """child, children, childlike, kid, kiddie, kiddy, junior high, jr high, kiddo, baby, babie,
            toddler, infant, newborn, neonate, minor, juvenile, youngster, youngling, underage, underaged, under
            age, preteen, pre teen, tween, tweenager, teen, teenage, teenaged, teenager, teenie, adolescent,
            pubescent, prepubescent, pre pubescent, prepubertal, lolita, kindergarten, kindergartener,
            kindergartner, preschool, preschooler, pre school, nursery school, playschool, schoolgirl, schoolboy,
            schoolchild, schoolchildren, schoolkid, school girl, school boy, school child, school children, school
            kid, schoolage, school age, elementary school, elementary schooler, primary school, primary schooler,
            middle school, middle schooler, junior high, high school, high schooler, highschool, highschooler,
            grade school, grade schooler, sixth former, barely legal, child bride, girl scout, boy scout, cub
            scout, baby faced, babyfaced, grandchild, grandchildren, stepchild, stepdaughter, stepson, foster
            child""",
        "youth": """girl, boy, sophomore, freshman, teeny, lad, lass, lassie, daughter, son, niece, nephew, youth,
            pupil, girlie, granddaughter, grandson""",
        "strong": """nude, nudity, nudist, nudism, nudie, naked, nekkid, nakid, nakd, nothing on, au naturel,
            nakedness, topless, bottomless, undressed, undressing, undress, undresse, unclothed, unclad, disrobed,
            disrobing, stripping, stripped naked, strip naked, striptease, stripper, no clothe, no clothing,
            without clothe, without clothing, without any clothe, without any clothing, without a stitch, wearing
            nothing, wears nothing, clothes off, clothe off, in the buff, birthday suit, bare bottom, bare
            bottomed, bare butt, bare ass, bare breast*, barebreasted, skinny dip**, sex, sexual, sexually,
            sexuali**, erotic**, lewd, lewdly, horny, fetish, bdsm, ecchi, hentai, private part, genital,
            genitalia, crotch, spread leg, spreading leg, spread her leg, spreading her leg, spreading his leg,
            legs spread, leg spread, intercourse, making love, make love, fuck, fucked, fucking, cum, anal, rape,
            raped, raping, boob, tits, pussy, upskirt, cameltoe, molest**, masturbat**, nsfw, x rated""",
        "weak": """sexy, seductive, seductively, sensual, sensually, sultry, provocative, provocatively,
            suggestive, suggestively, slutty, kinky, aroused, arousing, bondage, lingerie, panty, pantie,
            underwear, thong, g string, bra, bikini, garter, cleavage, busty, nipple, breasts, twerk, twerking,
            lap dance, pole dance, pole dancer, pole dancing, see through, wet shirt, wet t shirt""",
        "explicit": """porn, porno, pornographic, pornography, childporn, kiddieporn, oral sex, anal sex, having
            sex, sex act, blowjob, handjob, rimjob, deepthroat, cumshot, gangbang, bukkake, fellatio, cunnilingus,
            dildo, orgasm, orgy, masturbate, masturbating, masturbation, ejaculation, penis, vagina, vulva,
            genital, genitalia, sex scene, gang rape, raped, raping, rapist, bestiality, zoophilia, incest, loli,
            lolicon, shota, shotacon, jailbait, pedo, pedophile, pedophilia, paedophile, paedophilia, hentai, nsfw""",
        "things": """statue, statuette, sculpture, bust, bronze, painting, fresco, mural, engraving, woodcut,
            mannequin, dummy, tree, branch, twig, trunk, oak, birch, hedge, hill, hillside, rock, cliff, stone,
            soil, earth, wall, floor, bulb, lamp, flame, snail, slug, eye, blade, sword, wire, cake, bread, truth,
            mole rat, rat, chicken, turkey, bird, neck, heel, lipstick, shoe, tight, stocking, nail polish, dress,
            colour, color, tone, palette, makeup, car, motorcycle, motorbike, bike, bottle, salad, plate, hand,
            whisky, whiskey, house, wine, rum, cheese, wooden, crane, smell, scent, aroma""",
        "harmless": """naked eye, naked truth, cum laude, magna cum, orgy of colour, orgy of color, orgy of light,
            orgy of flowers, orgy of sound, orgy of blossoms, dildo newfoundland, dildo harbour, field of rape,
            rape field, rape in bloom, rape seed, rape oil, rape flower, oilseed rape, same sex, both sexes, all
            sexes, the sexes, unknown sex, sex pistols, sex education, sex chromosome, sex symbol, genital wart,
            genital herpes, blue tits, great tits, coal tits, pussy willow, pussy cat, horny toad, horny lizard,
            fetish figure, power fetish, fetish statue, aroused curiosity, bondage of debt, bondage of the past,
            making love hearts, stripper well, wire stripper, paint stripper, topless mountain, topless car,
            topless tower, bikini atoll, thong sandal, bare bottom line, chicken breast, turkey breast, duck
            breast, breast pocket, breast cancer, breast milk, breast of a hill, minor chord, minor key, minor
            scale, minor third, minor league, minor planet, minor official, minor arcana, minor detail, minor
            road, minor god, minor deity, minor injury, minor repair, ursa minor, canis minor, leo minor, asia
            minor, c minor, d minor, e minor, g minor, b minor, sharp minor, flat minor, sonata in a minor,
            concerto in a minor, key of a minor, mass in a minor, baby shower, baby grand, baby carrot, baby blue,
            baby pink, baby breath, baby s breath, baby monitor, baby oil, baby steps, baby face wrestler, kid
            glove, kid leather, kid goat, kidskin, kid skin, child seat, child proof, child lock, juvenile court,
            inner child, naked mole rat""",
    },
    "de": {
        "young": """=kind, =kinder, =kindes, =kindern, kindlich*, kleinkind*, schulkind*, vorschulkind*,
            kindergartenkind*, krippenkind*, säugling*, neugeboren*, minderjährig*, jugendlich*, teenie, teenager,
            schulmädchen*, schuljunge*, schülerin*, schulanfänger*, erstklässler*, schüler, schülern,
            grundschül**, kindfrau*, kleines mädchen*, kleine mädchen, kleinen mädchen*, junges mädchen, jungen
            mädchen, winziges mädchen, kleiner junge, kleinen jungen, kleine jungen, junger bub, bub, buben,
            knabe*, knäblein, töchterchen, söhnchen, vorpubertär*, pubertierend*, halbwüchsig*, mägdelein""",
        "youth": "mädchen*, maedchen*, mädel*, mädl*, göre*, gör, bursche*, tochter, töchter*, sohn, söhne*",
        "strong": """nackt*, splitternackt*, splitterfasernackt*, nacktheit, nacktfoto*, nacktbild*, unbekleidet*,
            entkleidet*, ausgezogen*, entblößt*, halbnackt*, ohne kleidung, ohne kleider, ohne klamotten, ohne
            anziehsachen, oben ohne, unten ohne, zieht sich aus, ziehen sich aus, sex, sexuell*, sexualisiert*,
            geschlechtsverkehr, erotisch*, erotik, lasziv*, frivol*, lüstern*, unzüchtig*, aktfoto*""",
        "weak": "reizwäsche, dessous, tanga, unterwäsche, strapse, sinnlich*, aufreizend*, bh",
        "explicit": "kinderporn**, pornograf**, pornograph**, porno, pornobild*, pornofilm*",
        "things": """statue, statuen, skulptur*, baum, bäume*, ast, äste*, fels*, glühbirne*, wahrheit, auge*,
            wand, wände*, schulter*, stein*""",
        "harmless": "nacktmull*, nacktschnecke*, nackte tatsachen",
    },
    "fr": {
        "young": """enfant, enfantin*, bébé, bambin, nourrisson, fillette, garçonnet, gamin, gamine, =gosse,
            petite fille, petites filles, petit garçon, petits garçons, =mineur, =mineure, adolescent,
            adolescente, =ado, préado, préadolescent*, pré adolescent*, écolière, écolier, collégien*, lycéen*,
            élève, maternelle, impubère, prépubère, nymphette, lolita, très jeune, toute jeune fille, nouveau né,
            petiote, pupille""",
        "youth": "fille, garçon, jeune fille",
        "strong": """=nu, nue, =nus, nues, dénudé*, dénuder, déshabill*, dévêtu*, dévêt*, à poil, seins nus, sans
            vêtement*, sans habit*, nudité, =sexe, sexuel*, sexualis*, érotique*, érotisme, lascif, lascive, font
            l'amour, faire l'amour, fait l'amour""",
        "weak": "=string, sensuel*, petite tenue, sous vêtement*, culotte, lingerie",
        "explicit": "pédoporn**, pornograph**, porno, pédophil*",
        "things": "statue, sculpture, arbre, branche, ampoule, roche, rocher, mur, tableau, terre, fresque",
        "harmless": """fromage râpé, pieds nus, pied nu, œil nu, mains nues, tête nue, mineur de charbon, mineurs
            de charbon, la mineur, do mineur, ré mineur, mi mineur, si mineur, accord mineur, étude de nu,
            peinture de nu""",
    },
    "es": {
        "young": """niña, niño, niñita, niñito, niñez, nena, nene, bebé, =menor, =menores, menor de edad, menores
            de edad, adolescente, quinceañer*, colegiala, colegial, colegiales, =escolar, alumna, alumno, infante,
            infantil*, chiquill*, =cría, =crío, muchachit*, jovencit*, preadolescente, prepúber*, impúber*,
            párvul*, preescolar*, chamac*, =peque, criatura, recién nacid*, escuincle, pequeña niña""",
        "youth": "chica, chico, muchacha, muchacho, hija, hijo, jovencita",
        "strong": """desnud*, semidesnud*, desvestid*, desvist*, sin ropa, quitándose la ropa, quita la ropa, en
            cueros, en pelotas, al desnudo, =sexo, sexual*, sexualiza**, erótic*, erotismo, lasciv*""",
        "weak": "lencería, tanga, ropa interior, sensual*, braguita*, sexy",
        "explicit": "pornograf**, porno, pedofil*",
        "things": "estatua, escultura, árbol, árboles, rama, bombilla, roca, pared, cuadro, tierra, espada",
        "harmless": "ojo desnudo, pies desnudos, pie desnudo, maja desnuda, tono menor, asia menor, manos desnudas",
    },
    "pt": {
        "young": """criança, criancinh*, menina, menino, menininh*, garotinh*, bebê, bebezinh*, neném, =menor,
            =menores, menor de idade, adolescente, pré adolescente, aluna, aluno, colegial, colegiais, ensino
            fundamental, do fundamental, escola primária, primário, jardim de infância, infante, infantil, miúda,
            miúdo, rapariguinh*, moleque, =guria, =guri, impúbere, pré púbere, ninfeta, lolita, novinha, recém
            nascid*""",
        "youth": "garota, garoto, rapariga, rapaz, moça, filha, filho",
        "strong": """=nu, nua, =nus, nuas, pelad*, despid*, seminu, seminua*, sem roupa, tirando a roupa, tira a
            roupa, =sexo, sexual*, sexualiza**, erótic*, lasciv*, nudez""",
        "weak": "calcinha, sensual*, biquíni, lingerie, sexy",
        "explicit": "pornograf**, pornô, pedofil*",
        "things": "estátua, escultura, árvore, ramo, lâmpada, rocha, parede, quadro, batata",
        "harmless": "olho nu, pés nus, pé nu, batata pelada, lá menor, ásia menor, estudo de nu, quadro de nu",
    },
    "it": {
        "young": """bambin*, bimba, =bimbo, bimbi, bimbe, neonat*, ragazzin*, minorenn*, =minore, =minori,
            adolescente, adolescenti, preadolescent*, scolara, scolaro, scolarett*, alunn*, elementari, delle
            medie, scuola media, liceale, liceali, fanciull*, infante, giovanissim*, impuber*, prepuber*,
            ninfett*, lolita, figliolett*, =asilo, dodicenn*, tredicenn*, quattordicenn*, quindicenn*, sedicenn*,
            diciassettenn*, undicenn*, decenne, novenne, bambinett*""",
        "youth": "ragazza, ragazzo, ragazze, ragazzi, figlia, figlio",
        "strong": """nuda, nudo, nudi, nude, svestit*, spogliat*, si spoglia, si spogliano, seminud*, senza
            vestiti, senza abiti, sesso, sessual*, sessualizz**, erotic*, lasciv*, nudità""",
        "weak": "perizoma, tanga, sensual*, mutandin*, lingerie, sexy",
        "explicit": "pedopornograf**, pornograf**, porno, pedofil*",
        "things": "statua, scultura, albero, alberi, ramo, rami, lampadina, roccia, muro, quadro",
        "harmless": "occhio nudo, piedi nudi, piede nudo, la minore, asia minore, studio di nudo, quadro di nudo",
    },
    "nl": {
        "young": """=kind, kinderen, kleuter*, peuter*, jongetje*, klein meisje, kleine meisjes, minderjarig*,
            tiener*, puber*, schoolmeisje*, schooljongen*, basisscholier*, scholier*, zuigeling*, dreumes*,
            dochtertje*, zoontje*, jong meisje, piepklein meisje, tienermeisje*""",
        "youth": "meisje*, jongen*, =dochter, =zoon",
        "strong": """naakt*, =bloot, =blote, zonder kleren, zonder kleding, uitgekleed*, ontkleed*, halfnaakt*,
            blootje, seks, geseksualiseerd*, seksueel, seksuele, erotisch*, wulps*, kleedt zich uit""",
        "weak": "=string, sensueel, sensuele, ondergoed, lingerie",
        "explicit": "kinderporn**, pornograf**, porno",
        "things": "standbeeld*, beeld, boom, bomen, gloeilamp*, rots*, muur, molrat*",
        "harmless": "blote voeten, blote voet, blote oog, blote handen, naaktslak*, naaktstudie",
    },
    "pl": {
        "young": """dzieck*, dzieci**, dziewczynk*, dziewczynecz**, chłopiec, chłopca, chłopcy, chłopców,
            chłopczyk*, chłopięc*, niemowl**, nieletni**, małoletni**, nastolat**, uczennic*, uczeń, ucznia*,
            uczniow*, podstawówk*, licealist*, gimnazjalist*, przedszkol**, maluch*, córeczk*, synek, synka*,
            lolit*, mała dziewczyn*""",
        "youth": "dziewczyn*, córka, córki, =syn",
        "strong": """=naga, =nagi, nagie, =nagą, =nagiej, nago, =nagich, =nagiego, =nagim, =goła, =goły, =gołe,
            =gołą, =gołych, rozebran*, rozbieraj*, bez ubrania, bez ubrań, bez ubranka, półnag*, seks, seksu,
            seksem, seksualn**, seksualiz**, erotyk*, erotyczn**, topless""",
        "weak": "bieliźnie, bielizna, bieliznę, seksown*, zmysłow*, =stringach, =stringi",
        "explicit": "pornograf**, porno, pedofil*",
        "things": "posąg*, rzeźb*, drzew*, żarówk*, skał*, skały, gałęz*, ścian*",
        "harmless": "nagim okiem, nagie oko, golec piaskowy",
    },
    "ru": {
        "young": """ребёнок, ребёнк*, дети, детей, детям, детьми, детях, детск*, детишк*, детсад**, девочк*,
            девчонк*, девчушк*, мальчик*, мальчиш*, мальчуган*, младен*, малыш*, малютк*, школьник*, школьниц*,
            школьный, старшекласс**, учениц*, дошкольн*, дошколят*, несовершеннолетн*, малолет**, подрост**,
            лолит*, лоли, дочк*, дочурк*, сынок, сынишк*, пионерк*, первоклассн*""",
        "youth": "девушк*, дочь, юнош*, юная, юный, юной",
        "strong": """голая, голый, голые, голого, голой, голую, голым, голых, голышом, голенька*, голеньки*,
            нагая, нагой, нагие, нагую, нагишом, обнажен**, раздет*, раздева**, полугол*, полуобнажен**, без
            одежды, =ню, секс, секса, сексом, сексуал**, эротик*, эротич**, развратн*, похотлив*, топлес*""",
        "weak": "нижнем белье, нижнее белье, эротическом белье, кружевном белье, стринг*, секси, сексапильн*",
        "explicit": "порно, порнограф**, педофил*",
        "things": "стату*, скульптур*, дерев*, лампочк*, скал*, камен*, стен*, натур*",
        "harmless": "голый землекоп, голые факты, голый король, невооруженным глазом",
    },
    "tr": {
        "young": """çocuk**, çocuğ**, bebek*, yenidoğan*, küçük kız*, küçük oğlan*, minik kız*, ufak kız*, küçücük
            kız*, ergen*, ergenler*, liseli*, ilkokul**, ortaokul**, anaokul**, okullu kız*, okul kızı*, reşit
            olmayan*, oğlan*, torun*""",
        "youth": "kız, kızı, kızım, kızın, kızlar*, genç kız*, öğrenci*",
        "strong": """çıplak*, çırılçıplak*, kıyafetsiz*, elbisesiz*, giysisiz*, soyun*, üstsüz*, seks, seksüel*,
            erotik*, cinsel*, cinselleştiril**, şehvetli*, müstehcen*""",
        "weak": "seksi, iç çamaşır**, tanga, tangalı, jartiyer*, sütyen*",
        "explicit": "porno, pornosu, pornograf**, pedofil*",
        "things": "heykel*, ağaç*, ağaçlar, ampul*, kaya, kayalar, duvar*, tablo*",
        "harmless": "çıplak göz*, çıplak ayak*, çıplak kör fare*, yalınayak",
    },
    "ja": {
        "young": """子供, 子ども, こども, 少女, 少年, 幼女, 幼児, 女児, 男児, 児童, 女の子, 男の子, 小学, 年生,
            小学生, 中学生, 高校生, 女子高生, 園児, 幼稚園, 保育園, 未成年, 赤ちゃん, 赤ん坊, ロリ, ロリータ,
            ショタ, 幼い, 女学生, 女子生徒, 乳児, 思春期, 十代, =jk, =js, =jc""",
        "youth": "娘, 息子, 女子",
        "strong": """裸, ヌード, 脱衣, 脱ぐ, 脱いだ, 脱いで, 服を着ていない, 服なし, トップレス, 性的, 性行為,
            性交, セックス, エロ, エッチ, えっち, わいせつ, 猥褻, 淫ら, 淫行""",
        "weak": "セクシー, 下着, ビキニ, ランジェリー, パンティ",
        "explicit": "ロリコン, ショタコン, ポルノ, 援交",
        "harmless": """裸足, 裸眼, 裸電球, 裸木, 裸婦, ヌードル, ヌードカラー, ピエロ, イエロー, エロイカ,
            エロス像, エッチング, フロリダ, カロリー, ロリポップ, グロリア, 裸の木, 裸の王様""",
    },
    "ko": {
        "young": """아이, 어린이, 아동, 소녀**, 소년, 꼬마, 초등학생**, 초딩, 여초딩, 중학생**, 여중생**,
            고등학생**, 여고생**, 남중생, 유치원생**, 유치원, 미성년**, 청소년**, 십대, 아기, 유아, 영아, 로리,
            쇼타, 여자아이**, 남자아이**, 여자애, 남자애, 어린, 갓난아기, 초등생**""",
        "youth": "딸, 아들, 여학생, 남학생",
        "strong": """벌거벗**, 벗은, 벗는, 벗고, 알몸**, 누드**, 나체**, 반나체**, 전라, 옷을 입지 않은, 옷을
            벗**, 옷 벗**, 섹스**, 성적인, 성적, 음란, 야한, 에로틱**, 성행위, 성관계""",
        "weak": "섹시**, 속옷, 란제리, 비키니",
        "explicit": "로리콘, 쇼타콘, 포르노**, 성착취물, 음란물**",
        "things": "조각상**, 동상, 나무, 석상",
        "harmless": "누드톤, 누드 톤, 누드 색, 벌거숭이두더지쥐, 벌거벗은 나무, 벌거벗은 임금님",
    },
    "zh": {
        "young": """儿童, 兒童, 小孩, 孩子, 孩童, 女孩, 男孩, 幼女, 少女, 女童, 男童, 幼童, 幼儿, 幼兒, 婴儿,
            嬰兒, 宝宝, 寶寶, 小学生, 小學生, 初中生, 中学生, 中學生, 高中生, 高中女生, 小朋友, 未成年, 青少年,
            少年, 萝莉, 蘿莉, 正太, 学生妹, 學生妹, 童婚""",
        "youth": "女儿, 女兒, 儿子, 兒子, 女生, 男生",
        "strong": """裸, 光着身子, 光身子, 没穿衣服, 沒穿衣服, 不穿衣服, 脱光, 脫光, 脱衣服, 脫衣服, 一丝不挂,
            一絲不掛, 色情, 性爱, 性愛, 性交, 性行为, 性行為, 做爱, 做愛, 情色, 淫""",
        "weak": "性感, 内衣, 內衣, 情趣内衣, 比基尼, =上空",
        "explicit": "萝莉控, 蘿莉控, 正太控, 儿童色情, 兒童色情",
        "harmless": """裸子植物, 裸眼, 裸岩, 裸体雕像, 裸体雕塑, 裸体油画, 裸體雕像, 裸色, 裸鼹鼠, 赤裸裸的真相,
            赤裸裸的事实, 赤裸裸的现实, 裸露的岩石""",
    },
}  # fmt: skip

# Grammatical endings that Korean writes on to its nouns.
KOREAN_ENDINGS = (
    "",
    "가",
    "이",
    "는",
    "은",
    "를",
    "을",
    "의",
    "들",
    "들이",
    "들의",
    "들과",
    "와",
    "과",
    "도",
    "에게",
    "랑",
)
