"""English words that are one token each, in `cl100k_base` and in `o200k_base`, when a space stands before them.

Text of exactly n tokens can so be made without loading a tokenizer. Only what holds for both encodings may enter here;
the tests check every word against tiktoken.
"""

from functools import cache
from itertools import cycle, islice
from typing import Final

NOUNS: Final = """
    address airport answer apple artist author ball bar battle beach bear bed belt bird blade block board boat body
    bone book border bottle bowl box branch building bus button call camera camp canal car card castle cat cave
    center chair chamber chest choice citizen city club coach coast college company computer corner cottage court
    cover cow creature crown curtain customer daughter desk dinner director doctor document dog doll door dream
    dress driver drum eagle editor elephant engine engineer entrance envelope event example eye face farm farmer
    father fence festival field finger fish flag flame forest fork frog fruit game garage garden gate glass group
    guide hall hammer hand harbor hat heart hill holiday horse hospital hotel house island jacket journey judge key
    kitchen knife knight ladder lake lamp language lawyer leader leaf lecture leg lesson letter library light line
    magazine manager map meeting mirror monkey moon motor mountain mouth museum nest nose novel nurse office officer
    orange orchestra page paint painter palace parent park passage passenger patient pen photo piano picture piece
    pipe plane planet player pocket poem poet pool pot rabbit race radio railway ranch reader record report reporter
    ring river road robot rock roof room rose route sailor school science scientist seat shadow shelf shirt shoe
    singer sister snake son song speaker spider spoon station stone store story stranger stream street student tale
    teacher team theater ticket tiger tool tower toy track trader trail train traveler treasure tree tribe truck
    tunnel turtle valley vessel village visitor wall watch wheel window winner wolf writer yard
"""

ADJECTIVES: Final = """
    active amazing ancient angry annual anxious bad basic beautiful better big bitter blue bold brave brief bright
    brilliant broad broken busy calm careful clean clear clever close cold common complete complex constant correct
    creative critical curious current dark dear decent deep delicate dense difficult digital distant dry early eager
    eastern easy elegant electric empty endless entire excellent exotic expensive expert extreme fair faint familiar
    famous fancy fast favorite fierce fine firm formal fragile free frequent fresh friendly frozen full funny
    generous gentle giant glad golden grave gray great green grey happy hard healthy heavy hidden high hollow holy
    honest huge humble hungry important invisible keen kind large lazy light little lonely loud lovely loyal lucky
    magical mild modern modest mysterious narrow natural neat nice noble noisy northern obvious odd old ordinary
    patient peaceful permanent personal plain pleasant polite popular positive powerful precious pretty proper proud
    quick quiet random rapid ready remote rich robust rough round royal secret serious severe shallow sharp short
    silent silver simple slight slim slow small smart smooth social soft solar solid sophisticated southern spare
    special stable standard steady steep still strange strong sudden sunny sweet swift tall terrible tight tiny
    tropical unique unusual urban useful vast valuable visible warm wealthy western whole wide wise wonderful wooden
    young
"""

ACTIONS: Final = """
    accepted admired approached arranged avoided blocked borrowed bought broke brought burned called carried caught
    changed chased checked chose cleaned closed collected compared considered copied counted covered crossed cut
    defended delivered described designed discovered discussed earned enjoyed entered examined explained explored
    filled finished fixed followed forgot found gathered grabbed guarded guided heard helped hid imagined joined
    kept knew lifted liked lost loved measured mentioned met missed moved noticed offered opened ordered owned
    painted paid passed planned praised prepared protected pulled pushed questioned reached read received recognized
    remembered removed repaired repeated replaced reported respected returned saved saw searched shared showed
    signed solved studied surprised took tested touched trusted understood visited washed watched welcomed wrote
"""

MOVES: Final = """
    appeared arrived bowed continued cried danced disappeared emerged escaped flew grew jumped laughed
    leaned left listened lived moved nodded paused played ran remained rested returned rose sang sat shook slept
    smiled spoke stayed stood stopped talked turned vanished waited walked wandered watched
    whispered worked worried
"""

MANNERS: Final = """
    alone always briefly calmly carefully clearly closely constantly correctly daily deeply directly eagerly early
    easily finally firmly forever freely gently gladly gradually happily hard late later lightly loudly naturally
    nicely openly partly perfectly politely properly proudly publicly quickly quietly recently sadly safely secretly
    seriously sharply shortly silently simply slightly slowly smoothly softly sometimes strongly suddenly swiftly
    together truly twice usually warmly well widely wildly wisely
"""

NAMES: Final = """
    Adam Alan Albert Alex Alice Amy Andrew Anna Anne Anthony Arthur Ben Brian Carl Carol Charles Daniel David Edward
    Emily Emma Eric Frank Fred George Grace Henry Howard Jack James Jane Jason Jean Jennifer Jessica Jim Joe John
    Joseph Karen Kate Keith Kelly Kevin Larry Laura Leo Lisa Louis Luke Maria Martin Mary Matthew Michelle Nick Paul
    Peter Philip Rachel Richard Robert Roy Sarah Simon Steve Susan Tom Tony Victoria William
"""

PREPOSITIONS: Final = """
    above across after against along around at before behind below beneath beside beyond by during from in inside
    into near on outside over past through toward under until upon with within without
"""

CONJUNCTIONS: Final = """
    and but so while because although until since before after unless where when yet as if though once
"""

ARTICLES: Final = "the this that each every another one his her our their my your its some any"

OPENINGS: Final = "The This That Each Every Another One His Her Our Their My Your Its Some Any"

OPENING_CONJUNCTIONS: Final = "While Because Although Until Since Before After Unless When As If Though Once"

OPENING_PREPOSITIONS: Final = """
    Across After Against Along Around Before Behind Beyond During In Inside Near On Outside Under With Within Without
"""

_LISTS: Final = {
    "noun": NOUNS,
    "adjective": ADJECTIVES,
    "action": ACTIONS,
    "move": MOVES,
    "manner": MANNERS,
    "name": NAMES,
    "preposition": PREPOSITIONS,
    "conjunction": CONJUNCTIONS,
    "article": ARTICLES,
    "The": OPENINGS,
    "While": OPENING_CONJUNCTIONS,
    "In": OPENING_PREPOSITIONS,
}

_SENTENCES: Final = (
    "The adjective noun action article adjective noun preposition article noun .",
    "The noun manner action article noun , conjunction article adjective noun move manner .",
    "In article noun , article adjective noun action article noun .",
    "The noun preposition article adjective noun was adjective and adjective .",
    "name action article adjective noun conjunction article noun was adjective .",
    "While article noun move , name action article adjective noun preposition article noun .",
    "The adjective noun move preposition article noun and manner action article adjective noun .",
    "In article adjective noun , name move manner preposition article noun .",
)

Table = tuple[str, ...]
"""What one place of a sentence can hold, by a byte: 256 pieces of one token."""


def text(data: bytes) -> str:
    """Sentences of exactly `len(data) - 1` tokens, a space before each word; the last sentence stops where it must."""
    return "".join(pieces(data))


def pieces(data: bytes) -> list[str]:
    """The same, token by token: the first byte chooses the sentence to begin with, every other one makes a piece."""
    return [table[byte] for byte, table in zip(data[1:], cycle(_tables(data[0] % len(_SENTENCES))), strict=False)]


@cache
def _tables(first: int) -> tuple[Table, ...]:
    """The tables of all sentences in turn, beginning with number `first`."""
    places = " ".join(_SENTENCES[first:] + _SENTENCES[:first]).split()
    return tuple(_table(place) for place in places)


@cache
def _table(place: str) -> Table:
    words = _LISTS.get(place, place).split()
    before = " " if place[0].isalpha() else ""
    return tuple(islice(cycle(before + word for word in words), 256))
