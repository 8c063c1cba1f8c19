"""What sql-generator answers."""

from faststream.nats import NatsBroker

from contracts import sql_generator as contract
from messaging import PersonalData, serve
from sql_generator.use_cases.accounts import Accounts
from sql_generator.use_cases.data_sources import DataSourceUseCases
from sql_generator.use_cases.feedback import FeedbackUseCases
from sql_generator.use_cases.files import FileUseCases
from sql_generator.use_cases.history import HistoryUseCases
from sql_generator.use_cases.queries import QueryUseCases
from sql_generator.use_cases.recall import RecallUseCases
from sql_generator.use_cases.recommending import Recommending
from sql_generator.use_cases.rule_matching import RuleMatching
from sql_generator.use_cases.rules import RuleUseCases


def register(
    broker: NatsBroker,
    *,
    data_sources: DataSourceUseCases,
    files: FileUseCases,
    rules: RuleUseCases,
    matching: RuleMatching,
    queries: QueryUseCases,
    feedback: FeedbackUseCases,
    past: HistoryUseCases,
    accounts: Accounts,
    recall: RecallUseCases,
    recommending: Recommending,
    personal: PersonalData,
) -> None:
    """Answer this service's methods."""
    serve(broker, contract.REGISTER_DATA_SOURCE, data_sources.register)
    serve(broker, contract.GET_DATA_SOURCE, data_sources.get)
    serve(broker, contract.LIST_DATA_SOURCES, data_sources.list)
    serve(broker, contract.UPDATE_DATA_SOURCE, data_sources.update)
    serve(broker, contract.TEST_DATA_SOURCE, data_sources.test)
    serve(broker, contract.SYNC_DATA_SOURCE, data_sources.sync)
    serve(broker, contract.DELETE_DATA_SOURCE, data_sources.delete)
    serve(broker, contract.GET_SCHEMA, data_sources.get_schema)
    serve(broker, contract.CREATE_FILE, files.create)
    serve(broker, contract.WRITE_FILE, files.write)
    serve(broker, contract.COMPLETE_FILE, files.complete)
    serve(broker, contract.GET_FILE, files.get)
    serve(broker, contract.LIST_FILES, files.list)
    serve(broker, contract.PREVIEW_FILE, files.preview, concurrency=4)
    serve(broker, contract.DELETE_FILE, files.delete)
    serve(broker, contract.CREATE_RULE, rules.create)
    serve(broker, contract.PROPOSE_RULE, rules.propose)
    serve(broker, contract.GET_RULE, rules.get)
    serve(broker, contract.UPDATE_RULE, rules.update)
    serve(broker, contract.CONFIRM_RULE, rules.confirm)
    serve(broker, contract.DELETE_RULE, rules.delete)
    serve(broker, contract.LIST_RULES, rules.list)
    serve(broker, contract.MATCH_RULES, matching.match)
    serve(broker, contract.GENERATE, queries.generate)
    serve(broker, contract.EXECUTE, queries.execute)
    serve(broker, contract.GET_QUERY, queries.get)
    serve(broker, contract.RATE, feedback.rate)
    serve(broker, contract.LIST_QUERIES, past.list)
    serve(broker, contract.READ_QUERY, past.read)
    serve(broker, contract.DELETE_QUERY, past.delete)
    serve(broker, contract.RECOMMEND, recommending.recommend)
    serve(broker, contract.RECALL, recall.recall)
    serve(broker, contract.USAGE, accounts.usage)
    personal.serve(broker, contract.SERVICE)
