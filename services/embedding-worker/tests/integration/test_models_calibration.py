"""The default threshold of the local model, on pairs of a question and a memory written for it.

RELATED: a person who asks the question would want the memory to be recalled. UNRELATED: the same kinds of question
and memory, of the same domain, that have nothing to do with each other. MiniLM knows no schema, so pairs whose only
link is knowledge of the domain ("churn" and "customers without an order for 90 days") are among the related ones.
"""

import numpy as np
import pytest

from embedding_worker.models.catalog import MINILM_MIN_SIMILARITY, create_model

RELATED = [
    ("What was our revenue last quarter?", "Revenue always means net amount, excluding refunds and taxes."),
    ("Show me total sales by region", "The user wants sales figures broken down by region, not by country."),
    ("Which customers churned in March?", "A customer counts as churned when they have placed no order for 90 days."),
    ("How many active users did we have yesterday?", "Active user: logged in at least once within the last 30 days."),
    ("Top 10 products by margin", "Margin is (price - cost) / price, both from the products table."),
    ("List the orders of customer Acme Corp", "Acme Corp is customer_id 4711 in the CRM database."),
    ("Average order value per month in 2024", "Order value is stored in orders.total_amount in cents, divide by 100."),
    ("How many tickets are still open?", "Support tickets with status 'new' or 'pending' are considered open."),
    ("Join orders with customers", "orders.customer_id references customers.id."),
    ("Write a query that lists all employees", "The user prefers aliases for all tables."),
    ("Give me the SQL for monthly signups", "The user likes SQL keywords in upper case and one column per line."),
    ("What is the conversion rate of the spring campaign?", "Conversion rate is purchases divided by sessions."),
    (
        "Show stock levels for the Berlin warehouse",
        "Inventory of each warehouse is in stock_levels, keyed by warehouse_id.",
    ),
    ("Which suppliers deliver late?", "A delivery is late when received_at is more than two days after promised_at."),
    ("How much did we spend on advertising in May?", "Marketing spend comes from the campaign_costs table, in euros."),
    ("Compare this year's sales with last year's", "The fiscal year starts on 1 April."),
    ("What are our best selling items this week?", "Weeks start on Monday in all reports."),
    ("Export the report for management", "Management reports are always delivered as an Excel file with a chart."),
    (
        "Who are the sales representatives for the south region?",
        "Maria Lopez is the sales representative for the southern region.",
    ),
    ("Draw a chart of daily visitors", "The user prefers bar charts over pie charts."),
    ("What time zone should the dashboard use?", "All timestamps are shown in Europe/Berlin time."),
    ("Count distinct users per country", "Country codes in the users table follow ISO 3166-1 alpha-2."),
    ("Exclude test accounts from the numbers", "Test accounts have an e-mail address ending in @example.com."),
    (
        "How do I calculate customer lifetime value?",
        "Lifetime value is the average monthly revenue per customer times months retained.",
    ),
    ("Show invoices that are overdue", "An invoice is overdue when due_date has passed and paid_at is null."),
    ("What's the average rating of our hotels?", "Hotel ratings go from 1 to 5, with 0 meaning not rated."),
    ("Which columns are in the payments table?", "Table payments: id, invoice_id, amount, currency, paid_at."),
    (
        "Query that worked for revenue by category",
        "SELECT c.name, SUM(oi.amount) FROM order_items oi JOIN categories c ON c.id = oi.category_id GROUP BY c.name",
    ),
    ("Number of flights delayed by weather", "Flight delays are recorded with a reason code; W stands for weather."),
    ("Can I see salaries by department?", "Salaries may only be shown as averages over at least five employees."),
    ("how many students passed the exam", "A student passes an exam with a score of 50 or more."),
    ("Give me last month's subscription cancellations", "Cancelled subscriptions keep their row; cancelled_at is set."),
    (
        "Which database holds the web analytics?",
        "Page views and sessions live in the clickstream database on BigQuery.",
    ),
    ("Show patients admitted today", "Admissions are stored in the admissions table with admitted_on as a date."),
    ("Limit the results please", "The user never wants more than 100 rows in a result."),
    ("What did I ask about refunds?", "User asked: how many refunds were issued in January?"),
    ("What language should I answer in?", "The user wants answers in German."),
    ("Where do I live?", "The user lives in Lisbon, Portugal."),
    ("What's my favourite database?", "The user's favorite database is PostgreSQL."),
    ("Do you remember what I do for work?", "The user works as a data analyst at a logistics company."),
    ("Suggest something for dinner", "The user is vegetarian and does not eat mushrooms."),
    ("Which programming languages do I know?", "The user is fluent in Python and is learning Rust."),
    (
        "What should I get my daughter for her birthday?",
        "The user's daughter Emma turns seven in June and loves dinosaurs.",
    ),
    ("When is my team meeting?", "The weekly team meeting is on Tuesdays at 10 am."),
    ("Plan my holiday", "The user likes hiking trips in the mountains and avoids crowded beaches."),
    ("Keep the explanation short", "The user prefers brief answers without long explanations."),
    ("Is dark mode available?", "The user prefers the dark theme in every application."),
    ("Who is my manager?", "Priya Natarajan is the user's manager."),
]

UNRELATED = [
    ("What was our revenue last quarter?", "The user is vegetarian and does not eat mushrooms."),
    ("Show me total sales by region", "Hotel ratings go from 1 to 5, with 0 meaning not rated."),
    ("Which customers churned in March?", "Weeks start on Monday in all reports."),
    ("How many active users did we have yesterday?", "Margin is (price - cost) / price, both from the products table."),
    ("Top 10 products by margin", "The weekly team meeting is on Tuesdays at 10 am."),
    ("List the orders of customer Acme Corp", "Flight delays are recorded with a reason code; W stands for weather."),
    ("Average order value per month in 2024", "The user's daughter Emma turns seven in June and loves dinosaurs."),
    ("How many tickets are still open?", "Country codes in the users table follow ISO 3166-1 alpha-2."),
    ("Join orders with customers", "A student passes an exam with a score of 50 or more."),
    (
        "Write a query that lists all employees",
        "Inventory of each warehouse is in stock_levels, keyed by warehouse_id.",
    ),
    ("Give me the SQL for monthly signups", "The user lives in Lisbon, Portugal."),
    (
        "What is the conversion rate of the spring campaign?",
        "Test accounts have an e-mail address ending in @example.com.",
    ),
    ("Show stock levels for the Berlin warehouse", "Priya Natarajan is the user's manager."),
    ("Which suppliers deliver late?", "Active user: logged in at least once within the last 30 days."),
    ("How much did we spend on advertising in May?", "The user prefers aliases for all tables."),
    (
        "Compare this year's sales with last year's",
        "Admissions are stored in the admissions table with admitted_on as a date.",
    ),
    ("What are our best selling items this week?", "The user is fluent in Python and is learning Rust."),
    ("Export the report for management", "Conversion rate is purchases divided by sessions."),
    (
        "Who are the sales representatives for the south region?",
        "An invoice is overdue when due_date has passed and paid_at is null.",
    ),
    ("Draw a chart of daily visitors", "orders.customer_id references customers.id."),
    ("What time zone should the dashboard use?", "Cancelled subscriptions keep their row; cancelled_at is set."),
    (
        "Count distinct users per country",
        "A delivery is late when received_at is more than two days after promised_at.",
    ),
    (
        "Exclude test accounts from the numbers",
        "The user likes hiking trips in the mountains and avoids crowded beaches.",
    ),
    ("How do I calculate customer lifetime value?", "All timestamps are shown in Europe/Berlin time."),
    ("Show invoices that are overdue", "The user wants answers in German."),
    (
        "What's the average rating of our hotels?",
        "Salaries may only be shown as averages over at least five employees.",
    ),
    ("Which columns are in the payments table?", "The user works as a data analyst at a logistics company."),
    (
        "Query that worked for revenue by category",
        "Support tickets with status 'new' or 'pending' are considered open.",
    ),
    (
        "Number of flights delayed by weather",
        "Lifetime value is the average monthly revenue per customer times months retained.",
    ),
    ("Can I see salaries by department?", "The user prefers bar charts over pie charts."),
    ("how many students passed the exam", "Marketing spend comes from the campaign_costs table, in euros."),
    (
        "Give me last month's subscription cancellations",
        "Maria Lopez is the sales representative for the southern region.",
    ),
    ("Which database holds the web analytics?", "The user prefers brief answers without long explanations."),
    ("Show patients admitted today", "The fiscal year starts on 1 April."),
    ("Limit the results please", "A customer counts as churned when they have placed no order for 90 days."),
    ("What did I ask about refunds?", "Page views and sessions live in the clickstream database on BigQuery."),
    ("What language should I answer in?", "Order value is stored in orders.total_amount in cents, divide by 100."),
    ("Where do I live?", "Management reports are always delivered as an Excel file with a chart."),
    ("What's my favourite database?", "The user is allergic to peanuts."),
    ("Do you remember what I do for work?", "Acme Corp is customer_id 4711 in the CRM database."),
    ("Suggest something for dinner", "Table payments: id, invoice_id, amount, currency, paid_at."),
    ("Which programming languages do I know?", "Revenue always means net amount, excluding refunds and taxes."),
    (
        "What should I get my daughter for her birthday?",
        "The user likes SQL keywords in upper case and one column per line.",
    ),
    ("When is my team meeting?", "The user wants sales figures broken down by region, not by country."),
    (
        "Plan my holiday",
        "SELECT c.name, SUM(oi.amount) FROM order_items oi JOIN categories c ON c.id = oi.category_id GROUP BY c.name",
    ),
    ("Keep the explanation short", "The user's favorite database is PostgreSQL."),
    ("Is dark mode available?", "User asked: how many refunds were issued in January?"),
    ("Who is my manager?", "The user never wants more than 100 rows in a result."),
]


@pytest.fixture(scope="module")
async def similarities(tmp_path_factory):
    model = create_model("local", cache_dir=tmp_path_factory.mktemp("models"))

    async def cosine(pairs):
        questions, memories = zip(*pairs, strict=True)
        return (await model.embed(questions) * await model.embed(memories)).sum(axis=1)

    yield await cosine(RELATED), await cosine(UNRELATED)
    await model.close()


def test_the_default_threshold_keeps_95_percent_of_the_related_pairs(similarities):
    related, _ = similarities

    assert np.mean(related >= MINILM_MIN_SIMILARITY) >= 0.95


def test_the_default_threshold_drops_most_of_the_unrelated_pairs(similarities):
    _, unrelated = similarities

    assert np.mean(unrelated < MINILM_MIN_SIMILARITY) >= 0.80
