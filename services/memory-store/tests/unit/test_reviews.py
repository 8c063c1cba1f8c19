"""Which statements say the same, which cannot both hold; and the many more that only look as if."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from memory_store.domain.reviews import MAX_CHARS, Statement, stays, verdict
from memory_store.domain.statements import words

NOW = datetime(2026, 3, 1, tzinfo=UTC)

SAME = [
    ("Prefers aliases for all tables", "The user prefers aliases for all tables."),
    ("I prefer bar charts", "User really prefers bar charts"),
    ("I like charts a lot", "The user likes charts"),
    ("Please note that revenue is net of tax", "Revenue is net of tax!"),
    ("Remember: orders ship from Berlin", "Orders ship from Berlin"),
    ("- Never show test accounts", "never show the test accounts"),
    ("Don't show test accounts", "Do not show test accounts"),
    ("We can't ship on Sundays", "We cannot ship on Sunday"),
    ("Refunds count as 'negative revenue'", "Refunds count as “negative revenue”"),
    ("status is in `orders.status`", "Status is in orders.status"),
    ("The fiscal year starts in April", "the fiscal  year\nstarts in april"),
    ("売上は税抜きで表示する", "売上は税抜きで表示する。"),
    ("Umsatz immer ohne Steuer zeigen", "Umsatz immer ohne Steuer zeigen."),
    ("The customer’s name is in crm.accounts", "the customer's name is in crm.accounts"),
]

CONTRADICTIONS = [
    ("Never show test accounts", "Always show test accounts"),
    ("Show test accounts", "Hide test accounts"),
    ("Include refunds in revenue", "Exclude refunds from revenue"),
    ("Do not include refunds", "Include refunds"),
    ("Don't use subqueries", "Use subqueries"),
    ("Avoid subqueries", "Use subqueries"),
    ("Ignore weekends", "Keep weekends"),
    ("Exclude only paid orders", "Include only paid orders"),
    ("From now on, show totals", "Hide totals"),
    ("Revenue is always shown with tax", "Revenue is never shown with tax"),
    ("Dates must not be null", "Dates must be null"),
    ("Test accounts are excluded", "Test accounts are included"),
    ("Totals should be hidden", "Totals should be shown"),
    ("Prefers not to see totals", "Prefers to see totals"),
    ("User prefers bar charts", "I prefer line charts"),
    ("Prefers short answers", "Prefers detailed answers"),
    ("Prefers monthly reports for sales", "Prefers weekly reports for sales"),
    ("Prefers dark mode", "Prefers light mode"),
    ("Prefers charts over tables", "Prefers tables over charts"),
    ("Prefers tea to coffee", "Prefers coffee to tea"),
    ("Prefers left joins", "Prefers inner joins"),
    ("The fiscal year starts in April", "The fiscal year starts in July"),
    ("The week starts on Monday", "The week starts on Sunday"),
    ("The fiscal year starts on 1 April", "The fiscal year starts on 6 April"),
    ("Active means ordered within 30 days", "Active means ordered within 60 days"),
    ("Churn is defined as 30 days without an order", "Churn is defined as 90 days without an order"),
    ("VIP means over 1000 orders", "VIP means over 500 orders"),
    ("Margin equals price - cost", "Margin equals cost - price"),
    ("Status 3 means open", "Status 3 means closed"),
    ("The currency defaults to EUR", "The currency defaults to USD"),
    ("The default currency is EUR", "The default currency is USD"),
    ("My favourite chart is the treemap", "My favourite chart is the histogram"),
    ("Limit results to 100 rows", "Limit results to 50 rows"),
    ("Round prices to two decimals", "Round prices to 3 decimals"),
    ("Sort orders by date", "Sort orders by amount"),
    ("Sort by date ascending", "Sort by date descending"),
    ("Format dates as ISO", "Format dates as DD/MM/YYYY"),
    ("Show revenue in euros", "Show revenue in dollars"),
    ("Answer in German", "Answer in English"),
]
"""As rules."""

OF_PREFERENCES = {
    "Never show test accounts",
    "Prefers not to see totals",
    "User prefers bar charts",
    "Prefers charts over tables",
    "The currency defaults to EUR",
    "The default currency is EUR",
    "My favourite chart is the treemap",
}
"""Those that say themselves that they hold from now on, whatever type the memory has."""

NEITHER = [
    # Other numbers, years, regions, columns, names.
    ("Revenue in 2023 was 5 million", "Revenue in 2024 was 5 million"),
    ("Revenue of the north was 5 million", "Revenue of the south was 5 million"),
    ("Churn was 5% in May", "Churn was 6% in June"),
    ("The limit is 100 rows", "The limit is 1000 rows"),
    ("Use customer_id to join orders", "Use product_id to join orders"),
    ("orders.customer_id is never null", "orders.product_id is never null"),
    ("Amount is stored in amount_cents", "Amount is stored in amount_euros"),
    ("Tier A means more than 1000 orders", "Tier B means more than 1000 orders"),
    ("Tier A customers get a discount", "Tier B customers get a discount"),
    ("Tier A customers get a discount", "Tier customers get a discount"),
    ("Segment a means big spenders", "Segment i means big spenders"),
    ("Status 1 means open", "Status 2 means open"),
    ("Q1 starts in January", "Q2 starts in April"),
    ("The fiscal year 2023 starts in April", "The fiscal year 2024 starts in July"),
    ("Anna works in sales", "Bob works in sales"),
    ("Orders go to the US", "Orders go to us"),
    ("The IT budget is 5 million", "It budget is 5 million"),
    # Facts about the world: both may have been true.
    ("Likes tea", "Likes coffee"),
    ("User likes tea", "The user likes coffee"),
    ("Anna moved to Berlin", "Anna moved to Paris"),
    ("Anna always works on Mondays", "Anna never works on Mondays"),
    ("Revenue rose in March", "Revenue fell in March"),
    ("Churn is below 5", "Churn is above 5"),
    ("The warehouse is full", "The warehouse is not full"),
    ("The meeting starts on Monday", "The meeting starts on Tuesday"),
    ("The default rate is 5%", "The default rate is 6%"),
    ("Paris means a lot to her", "Paris means nothing to her"),
    # The order of operands, and operators themselves.
    ("Divide revenue by orders", "Divide orders by revenue"),
    ("Subtract cost from price", "Subtract price from cost"),
    ("Customers outnumber suppliers", "Suppliers outnumber customers"),
    ("Flights from Berlin to Paris are late", "Flights from Paris to Berlin are late"),
    ("Count orders with amount > 5", "Count orders with amount < 5"),
    ("Count orders with amount > 5", "Count orders with amount >= 5"),
    ("Net = gross - tax", "Net = gross + tax"),
    ("Big means (a + b) * c", "Big means a + b * c"),
    ("Growth of 5 % is fine", "Growth of -5 % is fine"),
    # Words that search takes for one, or leaves out.
    ("Internal orders are excluded", "International orders are excluded"),
    ("Custom reports exclude tax", "Customer reports exclude tax"),
    ("Customs reports exclude tax", "Custom reports exclude tax"),
    ("Import orders come first", "Important orders come first"),
    ("Count active per day", "Count activity per day"),
    ("My boss is in the office", "Her boss is in the office"),
    ("Who is the owner of orders", "Where is the owner of orders"),
    ("The server is down", "The server was down"),
    ("Turn alerts on", "Turn alerts off"),
    ("Count orders before March", "Count orders after March"),
    ("Show just the total", "Show the total"),
    ("Flag very large orders", "Flag large orders"),
    ("User accounts are excluded", "Accounts are excluded"),
    ("Show tax. Never refunds", "Show tax never. Refunds"),
    ("x² is shown", "x2 is shown"),
    ("Die Masse sind falsch", "Die Maße sind falsch"),
    # Said again on another day.
    ("Revenue fell yesterday", "Revenue fell yesterday"),
    ("Asked for the revenue of last month", "Asked for the revenue of last month"),
    # Denied in one part only, or twice.
    ("Never exclude refunds", "Always include refunds"),
    ("Do not hide totals", "Show totals"),
    ("Exclude orders that are not paid", "Exclude orders that are paid"),
    ("Exclude customers without orders", "Exclude customers with orders"),
    ("When status is not paid, mark it red", "When status is paid, mark it red"),
    ("Sort by invoice no", "Sort by invoice"),
    ("Remove stop words", "Remove words"),
    ("Keep audit rows", "Hide audit rows"),
    ("Never show only totals", "Show totals"),
    ("Never show test accounts", "Never show internal accounts"),
    ("Exclude refunds from revenue", "Include refunds in orders"),
    ("Revenue equals price - cost", "Revenue equals price - cost - tax"),
    # Preferences of something else, somewhere else, or somebody else.
    ("Prefers tea", "Prefers coffee"),
    ("Prefers bar charts", "Prefers short answers"),
    ("Prefers short answers", "Prefers polite answers"),
    ("Prefers monthly reports", "Prefers PDF reports"),
    ("Prefers bar charts for revenue", "Prefers line charts for trends"),
    ("Prefers charts over tables", "Prefers tables over text"),
    ("Prefers tables with totals", "Prefers tables with percentages"),
    ("Anna prefers bar charts", "Bob prefers line charts"),
    ("My boss prefers bar charts", "I prefer line charts"),
    ("My favourite chart is the treemap", "Her favourite chart is the histogram"),
    # Settings of something else, or that only say more.
    ("Always sort orders by date", "Always sort customers by name"),
    ("Sort orders by date", "Sort orders by date and then by amount"),
    ("Sort by date", "Sort by amount"),
    ("Group revenue by region", "Group revenue by month"),
    ("Show revenue by region", "Show revenue by month"),
    ("Show revenue in euros", "Show revenue in the dashboard"),
    ("Show amounts in thousands", "Show amounts in euros"),
    ("Show orders in March", "Show orders in April"),
    ("Show revenue in euros for Germany", "Show revenue in pounds for Britain"),
    ("Round prices to 2 decimals in reports", "Round prices to 3 decimals in invoices"),
    ("Limit results to 100 rows", "Limit results to 2 pages"),
    ("Limit rows to 10 in 2023", "Limit rows to 10 in 2024"),
    ("Use the orders table to count orders", "Use the orders table to find customers"),
    ("Use aliases in joins", "Use aliases in subqueries"),
    ("The week starts on Monday in Germany", "The week starts on Sunday in America"),
    ("The week starts on Monday", "The week ends on Sunday"),
    ("The fiscal year starts in April", "The fiscal year starts on 1 April"),
    ("The fiscal year starts in April", "The calendar year starts in January"),
    ("CA means California in addresses", "CA means Canada in shipments"),
    ("Active means ordered within 30 days", "Inactive means ordered within 60 days"),
    ("It means 'perhaps'", "It means that practice is off"),
    ("Should refunds be included?", "Refunds should not be included"),
]

FACTS = {"The warehouse is full", "The meeting starts on Monday", "Paris means a lot to her", "Big means (a + b) * c"}
"""Of those the first ones of pairs that cannot both hold as rules, and may both have been true as facts."""

ALIKE = [
    (one, other, memory_type)
    for one, other in NEITHER
    for memory_type in ("rule", "long_term", "short_term")
    # A rule about yesterday is the same every day.
    if memory_type != "rule" or (one not in FACTS and one != other)
]


def statement(content, memory_type="rule", importance=0.5, age=timedelta()):
    return Statement(content, memory_type, importance, NOW - age)


def judged(one, other, memory_type="rule"):
    first, second = statement(one, memory_type), statement(other, memory_type)
    found = verdict(first, second)
    assert verdict(second, first) == found, "the order does not matter"
    return found


@pytest.mark.parametrize(("one", "other"), SAME)
@pytest.mark.parametrize("memory_type", ["rule", "long_term", "short_term", "entity", "relationship"])
def test_the_same_in_other_words_is_the_same(one, other, memory_type):
    assert judged(one, other, memory_type) == "same"


@pytest.mark.parametrize(("one", "other"), CONTRADICTIONS)
def test_rules_that_cannot_both_hold_contradict_each_other(one, other):
    assert judged(one, other) == "contradiction"


@pytest.mark.parametrize(("one", "other"), CONTRADICTIONS)
def test_other_memories_do_only_where_they_say_what_is_wanted(one, other):
    expected = one in OF_PREFERENCES or one.startswith(("Prefers", "My favourite"))
    assert judged(one, other, "long_term") == ("contradiction" if expected else None)


@pytest.mark.parametrize(("one", "other", "memory_type"), ALIKE)
def test_what_only_looks_alike_stays(one, other, memory_type):
    assert judged(one, other, memory_type) is None


@pytest.mark.parametrize(("one", "other"), [*SAME, *CONTRADICTIONS])
def test_memories_of_two_types_are_never_compared(one, other):
    assert verdict(statement(one, "rule"), statement(other, "long_term")) is None


def test_a_word_alone_and_a_whole_page_are_no_statements():
    assert judged("revenue", "revenue") is None
    assert judged("Sí.", "Sí.") is None
    page = "Revenue is net of tax. " * 40
    assert len(page) > MAX_CHARS
    assert judged(page, page) is None


def test_identifiers_and_operators_are_words():
    assert words("Join orders.customer_id = customers.id!") == [
        "join",
        "orders.customer_id",
        "=",
        "customers.id",
    ]


@given(st.text(), st.text())
def test_whatever_two_memories_say_they_can_be_compared(one, other):
    judged(one, other)
    judged(one, other, "long_term")


VOCABULARY = """
never always not do show hide include exclude prefers charts tables over revenue is are must in by to 5 10 euros dollars
means starts April July user I the a for reports
"""
vocabulary = st.sampled_from(VOCABULARY.split())
sentences = st.lists(vocabulary, min_size=2, max_size=8).map(" ".join)


@given(sentences, sentences)
@example("never never", "the the")
def test_a_contradiction_is_never_found_inside_what_is_the_same(one, other):
    found = judged(one, other)
    if words(one) == words(other):
        assert found != "contradiction"
    if found == "same":
        assert words(one) == words(other)


@given(sentences, st.sampled_from(["{}.", "{} !", "Remember that {}", "  {}\n", "Please {}", "- {}"]))
def test_politeness_and_punctuation_change_nothing(said, around):
    assert words(around.format(said)) == words(said)


def test_the_newer_one_stays():
    old, new = statement("a", age=timedelta(days=1)), statement("b")
    assert stays(old, new) is stays(new, old) is new


def test_an_older_one_stays_when_it_matters_clearly_more():
    old = statement("a", importance=0.9, age=timedelta(days=1))
    assert stays(old, statement("b", importance=0.6)) is old
    newer = statement("b", importance=0.75)
    assert stays(old, newer) is stays(newer, old) is newer
