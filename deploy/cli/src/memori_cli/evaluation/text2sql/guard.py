"""What the guard says of the gold SQL."""

from contextlib import closing

from memori_cli.evaluation.text2sql.dataset import Question, Suite, opened
from sql_guard import Verdict, check


def verdicts(suite: Suite) -> dict[Question, Verdict]:
    """The guard's verdict on the gold SQL of each question, with the tables of its database to read."""
    relations = {}
    for name, path in suite.databases.items():
        with closing(opened(path)) as connection:
            relations[name] = {str(row[0]) for row in connection.execute("select name from sqlite_master")}
    return {
        question: check(question.gold_sql, "sqlite", relations=relations[question.database])
        for question in suite.questions
    }
