"""What the shop sells and who buys it: the hand-written lists behind the generated rows."""

from __future__ import annotations

from typing import NamedTuple


class Category(NamedTuple):
    """A part of the range. `season` names the months in which it sells twice as well."""

    name: str
    season: frozenset[int]
    products: dict[str, float]


class Country(NamedTuple):
    """Where customers live. `share` is relative; `company` is the usual suffix of a company's name."""

    name: str
    share: int
    company: str
    given_names: tuple[str, ...]
    family_names: tuple[str, ...]


_SPRING_AND_SUMMER = frozenset({4, 5, 6, 7})
_AUTUMN_AND_WINTER = frozenset({10, 11, 12, 1})
_ALL_YEAR: frozenset[int] = frozenset()

CATEGORIES = (
    Category(
        "Kitchen",
        frozenset({11, 12}),
        {
            "Cast Iron Skillet 26 cm": 59.0,
            "Chef's Knife 20 cm": 84.0,
            "Bamboo Cutting Board": 24.5,
            "Stoneware Mixing Bowl": 32.0,
            "Silicone Spatula Set": 14.9,
            "Copper Saucepan 1.5 l": 129.0,
            "Digital Kitchen Scale": 27.9,
            "Pasta Rolling Machine": 69.0,
            "Enamel Baking Dish": 38.5,
            "Pepper Mill": 29.0,
        },
    ),
    Category(
        "Coffee & Tea",
        _AUTUMN_AND_WINTER,
        {
            "Pour-Over Dripper": 22.0,
            "Hand Coffee Grinder": 79.0,
            "Espresso Cups, Set of 4": 34.0,
            "French Press 1 l": 39.9,
            "Gooseneck Kettle": 95.0,
            "Matcha Whisk": 12.5,
            "Cast Iron Teapot": 54.0,
            "Ethiopian Beans 1 kg": 28.0,
            "Darjeeling Leaves 250 g": 19.5,
            "Milk Frother": 45.0,
        },
    ),
    Category(
        "Furniture",
        _ALL_YEAR,
        {
            "Oak Dining Table": 899.0,
            "Ash Side Chair": 189.0,
            "Walnut Bookshelf": 549.0,
            "Linen Armchair": 629.0,
            "Folding Desk": 319.0,
            "Three-Legged Stool": 89.0,
            "Bedside Cabinet": 159.0,
            "Coat Stand": 119.0,
            "Hallway Bench": 239.0,
            "Standing Desk Frame": 449.0,
        },
    ),
    Category(
        "Lighting",
        _AUTUMN_AND_WINTER,
        {
            "Paper Pendant Lamp": 49.0,
            "Brass Desk Lamp": 139.0,
            "Glass Floor Lamp": 219.0,
            "Reading Clip Light": 24.0,
            "Outdoor String Lights": 36.0,
            "Ceramic Table Lamp": 99.0,
            "Dimmable LED Bulb": 9.9,
            "Wall Sconce": 74.0,
            "Rechargeable Lantern": 64.0,
            "Track Spotlight": 58.0,
        },
    ),
    Category(
        "Textiles",
        _AUTUMN_AND_WINTER,
        {
            "Wool Throw": 89.0,
            "Linen Bed Set": 169.0,
            "Waffle Bath Towel": 29.0,
            "Velvet Cushion Cover": 25.0,
            "Cotton Rug 140 × 200": 149.0,
            "Kilim Runner": 189.0,
            "Down Pillow": 79.0,
            "Tea Towels, Set of 3": 18.0,
            "Blackout Curtain": 65.0,
            "Apron": 27.5,
        },
    ),
    Category(
        "Garden",
        _SPRING_AND_SUMMER,
        {
            "Pruning Shears": 34.0,
            "Terracotta Pot 30 cm": 21.0,
            "Galvanised Watering Can": 38.0,
            "Hardwood Garden Bench": 379.0,
            "Raised Bed Kit": 129.0,
            "Herb Seeds, 12 Kinds": 16.0,
            "Hand Trowel": 15.5,
            "Hammock": 94.0,
            "Fire Bowl": 149.0,
            "Bird Feeder": 23.0,
        },
    ),
    Category(
        "Stationery",
        frozenset({8, 9}),
        {
            "Dotted Notebook A5": 17.0,
            "Fountain Pen": 48.0,
            "Brass Pencil Sharpener": 9.5,
            "Undated Desk Planner": 21.0,
            "Washi Tape, 6 Rolls": 11.0,
            "Letter Paper, 50 Sheets": 14.0,
            "Bottled Ink, Blue-Black": 16.5,
            "Leather Pen Roll": 42.0,
            "Cork Pin Board": 33.0,
            "Index Cards": 6.5,
        },
    ),
    Category(
        "Audio",
        frozenset({11, 12}),
        {
            "Bookshelf Speakers": 329.0,
            "Turntable": 399.0,
            "Portable Speaker": 119.0,
            "Over-Ear Headphones": 249.0,
            "Internet Radio": 179.0,
            "Record Brush": 14.0,
            "Speaker Cable 5 m": 19.0,
            "Wireless Earbuds": 139.0,
            "Phono Preamplifier": 109.0,
            "Record Shelf": 159.0,
        },
    ),
)

COUNTRIES = (
    Country(
        "Germany",
        18,
        "GmbH",
        ("Anna", "Jonas", "Lena", "Emre", "Miriam", "Felix", "Aylin", "Paul", "Sophie", "Matthias"),
        ("Schäfer", "Müller", "Yıldız", "Krüger", "Hoffmann", "Weiß", "Brandt", "Vogel", "Nguyen", "Becker"),
    ),
    Country(
        "United States",
        15,
        "LLC",
        ("Maya", "Ethan", "Latoya", "Diego", "Grace", "Marcus", "Hannah", "Tyrone", "Rosa", "Caleb"),
        ("Johnson", "Ramirez", "Washington", "Goldberg", "Park", "Begay", "Sullivan", "Haddad", "Brooks", "Tran"),
    ),
    Country(
        "United Kingdom",
        13,
        "Ltd",
        ("Amelia", "Oliver", "Priya", "Callum", "Zainab", "Harry", "Niamh", "Kwame", "Isla", "Rhys"),
        ("Taylor", "Ahmed", "MacLeod", "O'Connor", "Patel", "Davies", "Mensah", "Whitfield", "Begum", "Hughes"),
    ),
    Country(
        "France",
        10,
        "SARL",
        ("Camille", "Léo", "Inès", "Mathieu", "Fatou", "Hugo", "Amélie", "Karim", "Chloé", "Étienne"),
        ("Lefèvre", "Moreau", "Diallo", "Benali", "Girard", "Rousseau", "Traoré", "Chevalier", "Fontaine", "Blanc"),
    ),
    Country(
        "Poland",
        7,
        "Sp. z o.o.",
        ("Zofia", "Jakub", "Agnieszka", "Piotr", "Kinga", "Tomasz", "Małgorzata", "Łukasz", "Ewa", "Wojciech"),
        ("Nowak", "Wiśniewski", "Zieliński", "Kowalczyk", "Wójcik", "Mazur", "Lis", "Dąbrowski", "Sikora", "Pawlak"),
    ),
    Country(
        "Sweden",
        6,
        "AB",
        ("Astrid", "Elias", "Freja", "Björn", "Saga", "Nils", "Amina", "Gustav", "Ylva", "Oskar"),
        ("Lindqvist", "Åkesson", "Bergström", "Nyström", "Holm", "Hassan", "Sandberg", "Öberg", "Ek", "Söderlund"),
    ),
    Country(
        "Turkey",
        5,
        "A.Ş.",
        ("Elif", "Mehmet", "Zeynep", "Can", "Defne", "Burak", "Selin", "Kerem", "Ayşe", "Onur"),
        ("Demir", "Şahin", "Çelik", "Öztürk", "Aydın", "Koç", "Güneş", "Arslan", "Kaplan", "Polat"),
    ),
    Country(
        "India",
        7,
        "Pvt Ltd",
        ("Aarav", "Ananya", "Rohan", "Lakshmi", "Imran", "Kavya", "Vikram", "Meera", "Arjun", "Farah"),
        ("Sharma", "Iyer", "Khan", "Reddy", "Banerjee", "Kaur", "Deshpande", "Nair", "Gupta", "Fernandes"),
    ),
    Country(
        "Japan",
        6,
        "KK",
        ("Yuki", "Haruto", "Sakura", "Kenji", "Aoi", "Ren", "Naoko", "Takumi", "Mio", "Daichi"),
        ("Tanaka", "Sato", "Yamamoto", "Kobayashi", "Ito", "Nakamura", "Mori", "Hayashi", "Ishikawa", "Ueda"),
    ),
    Country(
        "Nigeria",
        4,
        "Ltd",
        ("Chinedu", "Ngozi", "Tunde", "Amaka", "Yusuf", "Folake", "Emeka", "Halima", "Segun", "Ifeoma"),
        ("Okafor", "Adeyemi", "Bello", "Eze", "Balogun", "Nwosu", "Abubakar", "Olawale", "Danjuma", "Umeh"),
    ),
    Country(
        "Brazil",
        5,
        "Ltda",
        ("Beatriz", "Thiago", "Luana", "Rafael", "Júlia", "João", "Camila", "Caio", "Iara", "Mateus"),
        ("Silva", "Oliveira", "Araújo", "Gonçalves", "Takahashi", "Ribeiro", "Conceição", "Barros", "Pinto", "Moura"),
    ),
    Country(
        "Mexico",
        4,
        "S.A. de C.V.",
        ("Valeria", "Santiago", "Ximena", "Alejandro", "Itzel", "Emiliano", "Guadalupe", "Andrés", "Renata", "Iván"),
        ("Hernández", "García", "Núñez", "Castillo", "Flores", "Ortega", "Xicoténcatl", "Peña", "Salazar", "Vega"),
    ),
)

TRADES = (
    "Architects",
    "Bakery",
    "Café",
    "Catering",
    "Design",
    "Gallery",
    "Hotels",
    "Interiors",
    "Studio",
    "Trading",
)
