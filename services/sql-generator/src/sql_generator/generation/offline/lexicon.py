"""The English that the offline model knows: words as data, none of them about a particular database."""

from typing import Final


def listed(text: str) -> tuple[str, ...]:
    """The words of a text, in its order."""
    return tuple(text.split())


NUMBER_WORDS: Final = {
    word: number
    for number, word in enumerate(
        listed(
            """
        zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
        """
        )
    )
} | {"twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "hundred": 100, "thousand": 1000}

IRREGULAR_SINGULARS: Final = {
    "people": "person",
    "men": "man",
    "women": "woman",
    "children": "child",
    "feet": "foot",
    "mice": "mouse",
    "indices": "index",
    "criteria": "criterion",
    "statuses": "status",
    "addresses": "address",
    "buses": "bus",
    "courses": "course",
    "movies": "movie",
    "data": "data",
    "analyses": "analysis",
    "bases": "base",
    "diagnoses": "diagnosis",
    "staffs": "staff",
    "lives": "life",
    "wives": "wife",
    "leaves": "leaf",
    "shelves": "shelf",
    "ties": "tie",
    "cookies": "cookie",
}

ABBREVIATIONS: Final[dict[str, tuple[str, ...]]] = {
    "addr": ("address",),
    "amt": ("amount",),
    "avg": ("average",),
    "cat": ("category",),
    "cnt": ("count",),
    "cust": ("customer",),
    "dept": ("department",),
    "desc": ("description",),
    "dob": ("date", "of", "birth"),
    "emp": ("employee",),
    "fname": ("first", "name"),
    "firstname": ("first", "name"),
    "forename": ("first", "name"),
    "lname": ("last", "name"),
    "lastname": ("last", "name"),
    "surname": ("last", "name"),
    "mname": ("middle", "name"),
    "num": ("number",),
    "nbr": ("number",),
    "pct": ("percent",),
    "postcode": ("postal", "code"),
    "prod": ("product",),
    "qty": ("quantity",),
    "tel": ("phone",),
    "username": ("user", "name"),
    "yr": ("year",),
}

_SYNONYM_GROUPS: Final = (
    "price cost fee",
    "client customer",
    "employee staff worker",
    "sex gender",
    "nation country",
    "firm company",
    "mail email",
    "phone telephone",
    "movie film",
    "salary wage pay",
    "town city",
    "zip postal postcode",
    "enrollment enrolment",
    "teacher instructor",
    "doctor physician",
    "picture image photo",
    "kind type",
    "maker manufacturer producer",
    "begin start",
    "finish end",
    "birthday birthdate",
    "organization organisation",
    "supplier vendor",
    "item product article",
    "catalog catalogue",
    "theater theatre",
    "center centre",
    "color colour",
    "program programme",
)
SYNONYMS: Final[dict[str, tuple[str, ...]]] = {
    word: tuple(
        other for group in _SYNONYM_GROUPS for other in group.split() if word in group.split() and other != word
    )
    for group in _SYNONYM_GROUPS
    for word in group.split()
}
PHRASE_SYNONYMS: Final[dict[tuple[str, ...], tuple[tuple[str, ...], ...]]] = {
    ("family", "name"): (("last", "name"),),
    ("surname",): (("last", "name"),),
    ("given", "name"): (("first", "name"),),
    ("forename",): (("first", "name"),),
    ("personal", "name"): (("first", "name"),),
    ("last", "name"): (("family", "name"),),
    ("first", "name"): (("given", "name"), ("personal", "name")),
    ("zip", "code"): (("zip", "postal", "code"), ("postal", "code"), ("zip",)),
    ("birthday",): (("date", "birth"), ("birth", "date")),
    ("birth", "date"): (("date", "birth"),),
    ("date", "birth"): (("birth", "date"), ("birthday",)),
    ("identifier",): (("id",),),
    ("code",): (("id",),),
}
"""Whole phrases that stand for others, in the singular and without prepositions."""

_FUNCTION_WORDS = listed(
    """
    a an the this that these those all any every some such there here it its it's they them their theirs his her he him
    she we us our ours i me my mine you your yours who whom whose which what when where why how is are was were be been
    being am do does did done doing have has had having can could would should will shall may might must of in on at to
    for from by with as into onto about among amongst across within via during along together through and or but also
    too if then so than just ever still already currently now well whatever someone somebody anyone 's
    """
)
_REQUESTS = listed(
    """
    please show list display find get give tell return provide report fetch retrieve print output see know want wants
    need like view look calculate compute determine identify find out
    """
)
_VAGUE_WORDS = listed(
    """
    named called exist exists existing record records recorded available listed stored registered present presented
    data database table system corresponding correspond respective respectively associated related given entry entries
    detail thing things one ones result results possible whole entire up far made make makes making
    """
)
_VERBS_OF_RELATION = listed(
    """
    belong belongs belonging used use uses using involved work works working located live lives living lived come comes
    came coming produced produce produces got get gets received receive receives described own owned owns hold held
    holds holding offer offered offers offering placed place took take takes taken taking written wrote released opened
    happen happened serve served serves serving participate participates participated participating provided provides
    appear appears appeared obtain obtained included assigned contained publish published host hosted hosts teach
    teaches taught perform performed performs processed issued sold sell sells selling bought buy buys buying purchase
    purchased purchases
    """
)
LIGHT_WORDS: Final = frozenset((*_FUNCTION_WORDS, *_REQUESTS, *_VAGUE_WORDS, *_VERBS_OF_RELATION)) - {"by"}
"""Words that need no explanation: function words, requests, and verbs that only say that things belong together, which
is what a join says. Whatever is neither here nor linked nor read is unknown."""

ARTICLES: Final = frozenset({"a", "an", "the"})
CLAUSE_OPENERS: Final = frozenset(
    {"whose", "with", "where", "that", "who", "which", "having", "have", "has", "had", "when"}
)
"""Words after which a column is a condition rather than something to show."""

CONTEXT_PREPOSITIONS: Final = frozenset({"of", "for", "from", "in", "on", "at", "among", "across", "within", "to"})
POSSESSIVES: Final = frozenset({"their", "its", "his", "her", "it's"})
LEAD_VERBS: Final = frozenset(
    listed(
        """
        show list display find get give tell return provide report fetch retrieve print output count name
        """
    )
)

GENERIC_TAILS: Final = frozenset({"code", "name", "number", "date", "time", "at", "on", "description", "value", "text"})
"""Last words a column's name may have beyond what a question says (`status_code`: "status")."""
VAGUE_NOUNS: Final = frozenset(
    {"percentage", "percent", "value", "figure", "level", "amount", "number", "field", "column"}
)
"""Nouns a question may add to what a column's name says ("asian percentage")."""
MEMBER_NOUNS: Final = frozenset({"member", "person", "people", "record", "entry", "item", "row", "instance"})
"""Nouns a question may add to what a table's name says ("faculty members")."""
TABLE_PREFIXES: Final = frozenset({"ref", "tbl", "dim", "fact", "tb", "t", "all", "vw", "view"})
NAME_WORDS: Final = ("name", "title", "label")

PLACE_COLUMNS: Final = frozenset(
    {"country", "city", "state", "region", "location", "town", "nation", "province", "county"}
)
DATE_TAILS: Final = frozenset({"date", "time", "at", "on", "day", "datetime", "timestamp"})

TRUE_VALUES: Final = frozenset({"y", "yes", "t", "true", "1"})
FALSE_VALUES: Final = frozenset({"n", "no", "f", "false", "0"})
SEXES: Final = {"female": "f", "woman": "f", "girl": "f", "male": "m", "man": "m", "boy": "m"}

MONTHS: Final = {
    name: number
    for number, names in enumerate(
        (
            "january jan", "february feb", "march mar", "april apr", "may", "june jun", "july jul", "august aug",
            "september sep sept", "october oct", "november nov", "december dec",
        ),
        start=1,
    )
    for name in names.split()
}  # fmt: skip
TIME_UNITS: Final = {
    "day": "day", "daily": "day", "week": "week", "weekly": "week", "month": "month", "monthly": "month",
    "quarter": "quarter", "quarterly": "quarter", "year": "year", "yearly": "year", "annual": "year",
    "annually": "year",
}  # fmt: skip
