"""Phrases that ask for an operation: counting, aggregates, comparisons, order, negation."""

from typing import Final, NamedTuple

from sql_generator.generation.offline.lexicon import ARTICLES


class Operator(NamedTuple):
    """What a phrase asks for: a `kind` of operation, its argument, and the columns it speaks of without naming them."""

    kind: str
    argument: str = ""
    columns: tuple[str, ...] = ()


_OPERATOR_PHRASES: Final[dict[Operator, str]] = {
    Operator("count"): "how many|number of|count of|count the number of|total number of|total count of|count"
    "|overall number of|numbers of|counts of|total numbers of|count total number of|count how many|count of how many",
    Operator("much"): "how much",
    Operator("aggregate", "AVG"): "average|mean|avg|average of|averaged|on average",
    Operator("aggregate", "SUM"): "total|sum|sum of|total of|sum total of|total amount of|totals",
    Operator("aggregate", "MAX"): "maximum|max|maximal|maximum of",
    Operator("aggregate", "MIN"): "minimum|min|minimal|minimum of",
    Operator("superlative", "desc"): "highest|largest|biggest|greatest|most|maximum number of|largest number of"
    "|most number of|highest number of|greatest number of|biggest number of|largest amount of|best|maximum count of",
    Operator("superlative", "asc"): "lowest|smallest|least|fewest|minimum number of|smallest number of|least number of"
    "|lowest number of|fewest number of|smallest amount of|worst|least amount of",
    Operator("superlative", "desc", ("age",)): "oldest",
    Operator("superlative", "asc", ("age",)): "youngest",
    Operator("superlative", "desc", ("price", "cost")): "most expensive|priciest|costliest|highest priced",
    Operator("superlative", "asc", ("price", "cost")): "cheapest|least expensive|lowest priced",
    Operator("superlative", "desc", ("length", "duration")): "longest",
    Operator("superlative", "asc", ("length", "duration")): "shortest",
    Operator("superlative", "desc", ("height",)): "tallest",
    Operator("superlative", "desc", ("weight",)): "heaviest",
    Operator("superlative", "asc", ("weight",)): "lightest",
    Operator("superlative", "desc", ("date",)): "most recent|latest|newest|most recently",
    Operator("superlative", "asc", ("date",)): "earliest|least recent",
    Operator("frequency", "desc"): "most common|most frequent|most popular|most frequently|most often|most commonly"
    "|most used|most frequently used|most commonly used",
    Operator("frequency", "asc"): "least common|least frequent|least popular|least frequently|least often|least used"
    "|rarest|least commonly used|least frequently used",
    Operator("light"): "in total|in all|at all|as well as|along with|together with|on record|on file|in database|if any"
    "|such that|at same time|so that|in order to|as a whole",
    Operator("sorting"): "sorted|sort|arranged|arrange|ordered|order|sort results|order results|sort them|order them"
    "|sort result|sort list|listed|ranked|order them",
    Operator("sold", "desc"): "best selling|best-selling|bestselling|most sold|sold most|sold the most|sells most"
    "|sells the most|top selling|sold best|sells best",
    Operator("sold", "asc"): "worst selling|least sold|sold least|sold the least|sells least",
    Operator("compare", ">"): "more than|greater than|larger than|higher than|over|above|exceeding|exceeds|exceed"
    "|bigger than|>|in excess of|no fewer than one more than|beyond",
    Operator("compare", ">="): "at least|no less than|not less than|>=|no fewer than|not fewer than|a minimum of"
    "|minimum of at least",
    Operator("compare", "<"): "less than|fewer than|lower than|smaller than|under|below|<",
    Operator("compare", "<="): "at most|no more than|not more than|up to|<=|no higher than|a maximum of|not exceeding",
    Operator("compare", "="): "exactly|just|only|equal to|equals|=|equal|the same as|exact",
    Operator("compare", "<>"): "not equal to|other than|different from|besides|except|except for|excluding|<>|!="
    "|apart from|not equal|excludes|rather than",
    Operator("compare", ">", ("age",)): "older than",
    Operator("compare", "<", ("age",)): "younger than",
    Operator("compare", ">", ("height",)): "taller than",
    Operator("compare", "<", ("height",)): "shorter than",
    Operator("compare", ">", ("price", "cost")): "more expensive than|costing more than|cost more than|costs more than"
    "|priced over|priced above|that cost over|pricier than|costing over",
    Operator("compare", "<", ("price", "cost")): "cheaper than|costing less than|cost less than|costs less than"
    "|less expensive than|priced under|priced below|costing under",
    Operator("compare", ">", ("length", "duration")): "longer than",
    Operator("compare", ">", ("weight",)): "heavier than",
    Operator("compare", "<", ("weight",)): "lighter than",
    Operator("or-more", ">="): "or more|or above|or higher|or older|or over|and above|or greater|and more",
    Operator("or-more", "<="): "or less|or fewer|or below|or lower|or younger|or under",
    Operator("between"): "between|ranging from|in the range",
    Operator("order"): "order by|ordered by|sort by|sorted by|sorting by|ordering by|ranked by|arranged by|in order of"
    "|listed by|sort results by|sort them by|order them by|sort list by|order results by|listed in order of"
    "|according to",
    Operator("order", "asc"): "in ascending order of|in ascending order by|in increasing order of|in ascending order"
    "|in increasing order|ascending by|ascending order of|ascendingly ordered by|by ascending order of",
    Operator("order", "desc"): "in descending order of|in descending order by|in decreasing order of"
    "|in descending order|in decreasing order|descending by|descending order of|in reverse order of",
    Operator("order", "alphabetical"): "in alphabetical order of|in alphabetical order by|in alphabetical order"
    "|in lexicographical order of|in lexicographical order|in lexicographic order of|in lexicographic order"
    "|alphabetically by|alphabetically|in alphabetic order|in ascending alphabetical order|alphabetical order of"
    "|in order alphabetically by",
    Operator("order", "desc-alphabetical"): "in reverse alphabetical order of|in reverse alphabetical order"
    "|in descending alphabetical order|in reversed alphabetical order|in reverse lexicographical order",
    Operator("direction", "desc"): "descending|desc|decreasing|from highest to lowest|highest first|largest first"
    "|newest first|latest first|most recent first|from most to least|from high to low|from large to small"
    "|in descending order|in decreasing order|from oldest to youngest|most first"
    "|from largest to smallest|from newest to oldest",
    Operator("direction", "asc"): "ascending|asc|increasing|from lowest to highest|lowest first|smallest first"
    "|oldest first|earliest first|from least to most|from low to high|from small to large|alphabetically"
    "|in ascending order|in increasing order|from youngest to oldest|in alphabetical order"
    "|from smallest to largest|from oldest to newest",
    Operator("group"): "for each|for every|per|grouped by|group by|by each|of each|in each|each|in every|of every"
    "|from each|broken down by|split by|at each|on each|for each of|to each|across different"
    "|for each different|for each distinct|for every different|for different",
    Operator("by"): "by",
    Operator("negation"): "not|no|without|never|n't|neither|nor|none|non|lacking|lack|hasn't|not any|cannot",
    Operator("contains"): "contain|contains|containing|include|includes|including|with the substring|has the substring"
    "|contains the word|containing the word|contain the word|contains the substring|contain the substring"
    "|has the word|have the word|with the word|containing the substring|includes the word|including the word"
    "|has the letter|with the letter|contains the letter|contain the letter|containing the letter|include the word"
    "|have the substring|includes the substring|include the substring|contains the text|contains the string",
    Operator("starts"): "start with|starts with|starting with|begin with|begins with|beginning with|prefixed with"
    "|started with|starts with the letter|start with the letter|starting with the letter|begins with the letter"
    "|begin with the letter|beginning with the letter|with the prefix|has the prefix|have the prefix",
    Operator("ends"): "end with|ends with|ending with|ends in|ending in|with the suffix|end with the letter|ended with"
    "|ends with the letter|ending with the letter",
    Operator("missing"): "missing|null|empty|unknown|blank|undefined",
    Operator("known"): "not missing|not null|not empty|not unknown|non-null|known|filled in|specified",
    Operator("distinct"): "distinct|different|unique|various",
    Operator("star"): "all information|all the information|all details|all the details|everything|all data"
    "|all columns|all fields|full details|information|all info|all attributes|details",
    Operator("both"): "both",
    Operator("either"): "either",
    Operator("times"): "times|time",
}
OPERATORS: Final[dict[tuple[str, ...], tuple[Operator, ...]]] = {}
for _operator, _phrases in _OPERATOR_PHRASES.items():
    for _phrase in _phrases.replace("-", " ").split("|"):
        _key = tuple(word for word in _phrase.split() if word not in ARTICLES)
        OPERATORS[_key] = (*OPERATORS.get(_key, ()), _operator)

OPPOSITE: Final = {">": "<=", "<": ">=", ">=": "<", "<=": ">", "=": "<>", "<>": "="}
"""What a comparison becomes after "not"."""
