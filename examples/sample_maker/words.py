"""Words that fill the slots of the sample's sentences, and the characters each hand may use."""

from collections.abc import Mapping

BASE_CHARACTERS = " abcdefghijklmnopqrstuvwxyzæøåABCDEFGHIJKLMNOPQRSTUVWXYZÆØÅ0123456789.,;:-()’&!?“”/"
"""All that the base hand writes, and so all that the base model knows."""

NEW_CHARACTERS = "ðà"
"""What the new hand writes besides: these make the charset of the base model grow."""

Slots = Mapping[str, tuple[str, ...]]

_MEN = (
    "Anders Christian Halvor Johannes Peder Zacharias Åsmund Østen Wilhelm Jacob Ole Mathias Gunnar Erik Lars Knud "
    "Torkel Nils Hans Sivert Rasmus Elias Isak Fredrik Bernt Daniel Claus Gregers Iver Lorentz Morten Thore Ulrik "
    "Håkon Pål Håvard"
)
_WOMEN = (
    "Anne Karen Ingeborg Marthe Åse Berthe Johanne Elisabeth Gunhild Kirsten Dorthea Magdalene Ragnhild Sophie "
    "Vilhelmine Olava Randi Synnøve Petra Henriette Cathrine Fredrikke Thora Ursula Louise Birgitte"
)
_SURNAMES = (
    "Quale Zahl Aamodt Brekke Dahl Eriksen Falch Grøndahl Hjelm Ibenholt Juul Kjær Lange Meyer Nygaard Olsen Prytz "
    "Qvam Rønning Sæther Tønder Urdal Vogt Wessel Ytterdal Ærø Østby Ås Hegge Sunde Bakke Lund Strøm Krogh Moe Rød "
    "Håland Skår Gråberg"
)
_SHIPS = (
    "Xerxes Queen Æolus Ørnen Åsgard Zephyr Valkyrien Haabet Fremad Victoria Dronningen Juno Hermes Nordstjernen "
    "Phoenix Constance Galathea Havfruen Union Welcome Enigheden Lyna Oxford Kong-Sverre Ellida"
)
_SURNAMES_ENGLISH = (
    "Quincy Zeller Abbott Baxter Cox Dixon Everett Fox Gray Hughes Ingram Jenkins Knox Lyall Maxwell Norris Oakley "
    "Pym Quick Rix Saxby Tyler Upton Vaux Walker Xavier Yates Young Wakefield Hazel Buxton Kirby"
)
_MEN_ENGLISH = (
    "James William Zachary Edwin Alexander Felix Hugh John Oliver Percy Quentin Ralph Stephen Thomas Victor Walter "
    "Xavier Yorick Vincent George Henry Isaac Luke Matthew Nathaniel Samuel"
)
_WOMEN_ENGLISH = (
    "Alice Beatrix Charlotte Edith Fanny Grace Harriet Isabel Jane Kitty Lucy Margaret Nell Olive Phoebe Queenie "
    "Roxana Susan Tabitha Ursula Violet Winifred Zoe Yvonne Dinah Emma"
)


def _split(words: str) -> tuple[str, ...]:
    return tuple(words.split())


_SHARED: dict[str, tuple[str, ...]] = {
    "surname": _split(_SURNAMES),
    "ship": _split(_SHIPS),
    "n": tuple(str(number) for number in range(2, 31)),
    "big": tuple(str(number) for number in range(34, 998, 7)),
    "day": tuple(str(number) for number in range(1, 29)),
    "month_number": tuple(str(number) for number in range(1, 13)),
    "year": tuple(str(year) for year in range(1839, 1907)),
    "hour": tuple(str(hour) for hour in range(4, 12)),
    "iceman": ("Sigurð", "Guðmund", "Friðrik", "Hallfreð"),
    "icewoman": ("Guðrun", "Ragnheið", "Guðny"),
    "iceplace": ("Seyðisfjord", "Breiðdal", "Hafnarfjorð", "Norðfjord"),
}

NORWEGIAN: Slots = _SHARED | {
    "man": _split(_MEN),
    "woman": _split(_WOMEN),
    "month": _split("Januar Februar Marts April Mai Juni Juli August September October November December"),
    "weekday": _split("Mandag Tirsdag Onsdag Torsdag Fredag Løverdag Søndag"),
    "place": _split(
        "Bergen Christiania Drammen Arendal Kragerø Molde Tromsø Vardø Ålesund Østerdalen Levanger Larvik Stavanger "
        "Egersund Farsund Grimstad Halden Risør Namsos Mandal Hammerfest Valdres Sogn Voss Ørsta Lofoten Jæren "
        "Måløy Vågan"
    ),
    "farm": _split(
        "Solbakken Øvrebø Lien Haugen Nordgaarden Myren Aasen Sletten Kvernmo Elvestad Brubakken Åmot Gåsvik Rådal"
    ),
    "goods": (
        "Rug",
        "Byg",
        "salt Fisk",
        "Tjære",
        "Hampereb",
        "Kaffe",
        "Sukker",
        "Talg",
        "Uldgarn",
        "Sild",
        "Tran",
        "Smør",
        "Poteter",
        "Seildug",
        "Havre",
        "Lærred",
        "Tobak",
        "Krudt",
        "Jernstænger",
        "Bræder",
    ),
    "thing": _split(
        "Kiste Gryde Økse Sølvskee Klokke Kobberkjedel Dyne Kappe Bibel Spade Baad Slæde Sadel Lygte Vugge Børse Væv "
        "Hakke Tønde Stol Krybbe Rok Ljaa Kværn Pung Æske Oxehud Kurv"
    ),
    "weather": (
        "klart og stille",
        "Taage og Regn",
        "Storm af Nordvest",
        "Snefog hele Dagen",
        "mildt Tøveir",
        "stærk Frost",
        "Byger med Sol imellem",
        "frisk Bris",
        "Hagl og Kuling",
        "varmt og lummert",
    ),
    "trade": _split("Skomager Smed Lods Væver Klokker Kjøbmand Gaardmand Fisker Styrmand Snedker Bager Tømmermand"),
    "kin": _split("Broder Søster Fader Moder Onkel Datter Søn Svoger Tante Nabo"),
    "measure": _split("Tønder Skjepper Pund Alen Kander Voger Favne Sække"),
}

ENGLISH: Slots = _SHARED | {
    "man": _split(_MEN_ENGLISH),
    "woman": _split(_WOMEN_ENGLISH),
    "esurname": _split(_SURNAMES_ENGLISH),
    "month": _split("January February March April May June July August September October November December"),
    "weekday": _split("Monday Tuesday Wednesday Thursday Friday Saturday Sunday"),
    "place": _split(
        "Hull Leith Quebec Whitby Dundee Exeter Zennor York Oxford Boston Newcastle Liverpool Bristol Cardiff Jersey "
        "Norwich Plymouth Ramsgate Falmouth Kirkwall Lerwick Unst Ipswich Grimsby Aberdeen Dover Cork"
    ),
    "farm": _split("Rosehill Oakfield Quarryside Northwick Elmhurst Ashby Foxcote Wykeham Kelbrook Thornley Upwey"),
    "goods": (
        "rye",
        "barley",
        "oats",
        "salt fish",
        "tar",
        "hemp",
        "coffee",
        "sugar",
        "tallow",
        "wax candles",
        "herring",
        "train oil",
        "butter",
        "potatoes",
        "canvas",
        "linen",
        "tobacco",
        "iron bars",
        "deals",
        "flax",
    ),
    "thing": _split(
        "chest kettle axe spoon clock blanket cloak bible spade boat sledge saddle lantern cradle gun loom hoe barrel "
        "chair box quilt jug mill purse scythe wheel basket oxhide"
    ),
    "weather": (
        "clear and calm",
        "thick fog and rain",
        "a gale from the northwest",
        "snow all day",
        "a mild thaw",
        "hard frost",
        "showers with some sun",
        "a fresh breeze",
        "hail and squalls",
        "warm and close",
    ),
    "trade": _split("shoemaker smith pilot weaver clerk grocer farmer fisherman mate joiner baker carpenter mason"),
    "kin": _split("brother sister father mother uncle daughter son aunt cousin neighbour"),
    "measure": _split("barrels bushels pounds yards gallons quarters fathoms sacks"),
}
