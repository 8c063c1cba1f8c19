"""The shop's rows, drawn from a seeded generator so that every run tells the same story."""

from __future__ import annotations

import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from itertools import accumulate
from random import Random
from typing import NamedTuple

from memori_cli.sample.catalogue import CATEGORIES, COUNTRIES, TRADES, Country

LAST_DAY = date(2026, 6, 30)
FIRST_DAY = date(2024, 7, 1)
_OPENED_ON = date(2022, 1, 10)
_CUSTOMERS = 400
_ORDERS = 3_000
_PRICES_ROSE_ON = date(2025, 7, 1)
_DAYS_TO_DELIVER = 10

_MONTH_WEIGHTS = (0.8, 0.75, 0.9, 0.95, 1.0, 0.95, 0.85, 0.8, 1.0, 1.1, 1.45, 1.8)
_SEGMENTS = {"consumer": 0.74, "business": 0.2, "enterprise": 0.06}
_ORDERS_BY_SEGMENT = {"consumer": 1.0, "business": 2.2, "enterprise": 5.0}
_CHANNELS = {"web": 0.5, "mobile": 0.28, "store": 0.16, "phone": 0.06}
_REASONS = {"changed mind": 0.34, "damaged": 0.24, "not as described": 0.2, "wrong item": 0.12, "late delivery": 0.1}


class Customer(NamedTuple):
    id: int
    name: str
    email: str
    country: str
    segment: str
    signed_up_on: str


class Product(NamedTuple):
    id: int
    name: str
    category: str
    price: float


class Order(NamedTuple):
    id: int
    customer_id: int
    status: str
    channel: str
    ordered_at: str


class OrderItem(NamedTuple):
    id: int
    order_id: int
    product_id: int
    quantity: int
    unit_price: float
    discount: float


class Return(NamedTuple):
    id: int
    order_item_id: int
    quantity: int
    reason: str
    returned_on: str


class Shop(NamedTuple):
    """All rows, a list for each table and in an order that satisfies the foreign keys."""

    customers: list[Customer]
    products: list[Product]
    orders: list[Order]
    order_items: list[OrderItem]
    returns: list[Return]


def generate(seed: int) -> Shop:
    """The same seed gives the same shop."""
    draw = Random(seed)  # noqa: S311 - sample data, nothing secret
    customers = _customers(draw)
    products = _products()
    orders = _orders(draw, customers)
    items = _order_items(draw, customers, products, orders)
    return Shop(customers, products, orders, items, _returns(draw, orders, items))


def _pick(draw: Random, shares: dict[str, float]) -> str:
    return draw.choices(list(shares), list(shares.values()))[0]


def _customers(draw: Random) -> list[Customer]:
    """In the order of their sign-up. A name occurs once, and so does an e-mail address."""
    span = (LAST_DAY - _OPENED_ON).days
    # The exponent makes later sign-ups a little likelier: the shop grows.
    sign_ups = sorted(_OPENED_ON + timedelta(days=int(span * draw.random() ** 0.85)) for _ in range(_CUSTOMERS))
    shares = [country.share for country in COUNTRIES]
    addresses: set[str] = set()
    customers: list[Customer] = []
    while len(customers) < _CUSTOMERS:
        country = draw.choices(COUNTRIES, shares)[0]
        segment = _pick(draw, _SEGMENTS)
        name, email = _identity(draw, country, segment)
        if email in addresses:
            continue
        addresses.add(email)
        signed_up_on = sign_ups[len(customers)].isoformat()
        customers.append(Customer(len(customers) + 1, name, email, country.name, segment, signed_up_on))
    return customers


def _identity(draw: Random, country: Country, segment: str) -> tuple[str, str]:
    """A name and an e-mail address under the reserved domain `example`."""
    origin = country if draw.random() < 0.9 else draw.choice(COUNTRIES)
    family_name = draw.choice(origin.family_names)
    if segment == "consumer":
        given_name = draw.choice(origin.given_names)
        return f"{given_name} {family_name}", f"{_ascii(given_name)}.{_ascii(family_name)}@mail.example"
    trade = draw.choice(TRADES)
    return f"{family_name} {trade} {country.company}", f"orders@{_ascii(family_name)}-{_ascii(trade)}.example"


def _ascii(name: str) -> str:
    spelled = name.lower().replace("ß", "ss").replace("ł", "l").replace("ı", "i").replace("'", "")
    return unicodedata.normalize("NFKD", spelled).encode("ascii", "ignore").decode()


def _products() -> list[Product]:
    listed = ((category.name, name, price) for category in CATEGORIES for name, price in category.products.items())
    return [Product(number, name, category, price) for number, (category, name, price) in enumerate(listed, start=1)]


def _orders(draw: Random, customers: list[Customer]) -> list[Order]:
    """In the order of time; each by a customer who had signed up by then."""
    days = [FIRST_DAY + timedelta(days=offset) for offset in range((LAST_DAY - FIRST_DAY).days + 1)]
    sign_ups = [date.fromisoformat(customer.signed_up_on) for customer in customers]
    # A long tail of buyers: log-normal appetites, and one in fifteen never orders.
    appetites = (
        _ORDERS_BY_SEGMENT[customer.segment] * draw.lognormvariate(0, 0.7) * (draw.random() > 1 / 15)
        for customer in customers
    )
    cumulative = list(accumulate(appetites))
    moments = sorted(
        datetime.combine(day, time()) + timedelta(minutes=int(draw.triangular(7 * 60, 23 * 60, 19 * 60)))
        for day in draw.choices(days, [_demand(day) for day in days], k=_ORDERS)
    )
    orders = []
    for number, moment in enumerate(moments, start=1):
        known = bisect_right(sign_ups, moment.date())
        buyer = customers[bisect_left(cumulative, draw.random() * cumulative[known - 1])]
        channel = _pick(draw, _CHANNELS)
        orders.append(Order(number, buyer.id, _status(draw, moment.date(), channel), channel, moment.isoformat(" ")))
    return orders


def _demand(day: date) -> float:
    """The relative number of orders on `day`: growth over the years, the month, weekends, the week of Black Friday."""
    growth = 1 + 0.5 * (day - FIRST_DAY).days / (LAST_DAY - FIRST_DAY).days
    weekend = 1.2 if day.weekday() >= 5 else 1.0
    return growth * weekend * _MONTH_WEIGHTS[day.month - 1] * (1.8 if _is_black_friday_week(day) else 1.0)


def _is_black_friday_week(day: date) -> bool:
    return day.month == 11 and day.day >= 22


def _status(draw: Random, day: date, channel: str) -> str:
    if channel == "store":  # paid and taken home at once
        return _pick(draw, {"paid": 0.94, "refunded": 0.06} if _is_settled(day) else {"paid": 1.0})
    if _is_settled(day):
        return _pick(draw, {"shipped": 0.87, "cancelled": 0.07, "refunded": 0.06})
    return _pick(draw, {"pending": 0.3, "paid": 0.4, "shipped": 0.25, "cancelled": 0.05})


def _is_settled(day: date) -> bool:
    """Whether an order of `day` has had the time to arrive, and to come back."""
    return (LAST_DAY - day).days > _DAYS_TO_DELIVER


def _order_items(
    draw: Random, customers: list[Customer], products: list[Product], orders: list[Order]
) -> list[OrderItem]:
    popularity = [draw.lognormvariate(0, 0.7) * (60 / product.price) ** 0.35 for product in products]
    by_month = {month: list(accumulate(_seasonal(popularity, month))) for month in range(1, 13)}
    items: list[OrderItem] = []
    for order in orders:
        day = date.fromisoformat(order.ordered_at[:10])
        segment = customers[order.customer_id - 1].segment
        basket: set[int] = set()
        size = draw.choices((1, 2, 3, 4, 5), (25, 30, 24, 13, 8))[0]
        while len(basket) < size:
            basket.add(draw.choices(range(len(products)), cum_weights=by_month[day.month])[0])
        for product in (products[index] for index in sorted(basket)):
            quantity = _quantity(draw, segment, product.price)
            unit_price = product.price if day >= _PRICES_ROSE_ON else round(product.price * 0.95, 2)
            discount = _discount(draw, segment, day)
            items.append(OrderItem(len(items) + 1, order.id, product.id, quantity, unit_price, discount))
    return items


def _seasonal(popularity: Sequence[float], month: int) -> list[float]:
    in_season = [month in category.season for category in CATEGORIES for _ in category.products]
    return [weight * (2 if seasonal else 1) for weight, seasonal in zip(popularity, in_season, strict=True)]


def _quantity(draw: Random, segment: str, price: float) -> int:
    if price > 150:
        most = {"consumer": 1, "business": 4, "enterprise": 8}[segment]
    else:
        most = {"consumer": 3, "business": 8, "enterprise": 24}[segment]
    return 1 + int(most * draw.random() ** 2)


def _discount(draw: Random, segment: str, day: date) -> float:
    """A fraction of the price, for the whole quantity."""
    if _is_black_friday_week(day):
        return draw.choice((0.1, 0.2, 0.25))
    if segment == "enterprise":
        return draw.choice((0.1, 0.15))
    return draw.choices((0.0, 0.05, 0.1, 0.15), (82, 8, 7, 3))[0]


def _returns(draw: Random, orders: list[Order], items: list[OrderItem]) -> list[Return]:
    """Everything of a refunded order, and now and then a part of one that was delivered."""
    returns: list[Return] = []
    for item in items:
        order = orders[item.order_id - 1]
        day = date.fromisoformat(order.ordered_at[:10])
        refunded = order.status == "refunded"
        if not refunded and not (order.status == "shipped" and _is_settled(day) and draw.random() < 0.04):
            continue
        quantity = item.quantity if refunded else draw.randint(1, item.quantity)
        returned_on = min(day + timedelta(days=draw.randint(3, 30)), LAST_DAY)
        returns.append(Return(len(returns) + 1, item.id, quantity, _pick(draw, _REASONS), returned_on.isoformat()))
    return returns
