"""Rules: what the SQL written for a user must respect."""

from typing import Annotated, Literal
from uuid import UUID, uuid4

from fastapi import APIRouter, Query
from pydantic import ConfigDict, Field
from starlette.responses import Response

from contracts import sql_generator
from contracts.sql_generator import (
    ListRules,
    MatchRules,
    NewRule,
    Rule,
    RuleConditions,
    RuleMatches,
    RuleRef,
    Rules,
    RuleType,
    UpdateRule,
)
from contracts.sql_generator.rules import Effects, Priority, RuleContent, RuleName
from gateway.bodies import STRICT, Changes, json_body, left_out
from gateway.problems import MAY_CONFLICT
from gateway.services import Authenticated

router = APIRouter(prefix="/api/rules", tags=["rules"])


class RuleToCreate(NewRule):
    """A rule that shapes the SQL written for me."""

    model_config = STRICT | ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "rule_name": "no cancelled orders",
                    "rule_type": "constraint",
                    "rule_content": "Sales figures leave cancelled orders out",
                    "conditions": {"words": ["sales", "revenue"]},
                    "effects": [
                        {
                            "kind": "filter",
                            "table": "orders",
                            "column": "status",
                            "operator": "<>",
                            "values": ["cancelled"],
                        }
                    ],
                    "priority": 200,
                }
            ]
        }
    )

    rule_id: UUID = Field(default_factory=uuid4, description="Send your own to make a retry harmless")


class RuleChanges(Changes):
    """What to change of a rule; what is left out stays as it is. Of a rule from a memory: its priority and status."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"priority": 300}, {"status": "retired"}]})

    rule_name: RuleName = Field(default_factory=left_out)
    rule_type: RuleType = Field(default_factory=left_out)
    rule_content: RuleContent = Field(default_factory=left_out)
    conditions: RuleConditions = Field(default_factory=left_out, description="Replaces the conditions")
    effects: Effects = Field(default_factory=left_out, description="Replaces the effects")
    priority: Priority = Field(default_factory=left_out)
    status: Literal["active", "retired"] = Field(default_factory=left_out)


class QuestionToMatch(MatchRules):
    """A question, and the statement or the tables that will answer it if they are known."""

    model_config = STRICT | ConfigDict(
        json_schema_extra={
            "examples": [{"question": "What were our sales in May?", "sql": "SELECT count(*) FROM orders"}]
        }
    )


@router.post("", status_code=201, response_model=Rule, responses=MAY_CONFLICT)
async def create_rule(services: Authenticated, body: Annotated[RuleToCreate, json_body(RuleToCreate)]) -> Response:
    """Create a rule; it applies from now on."""
    headers = {"Location": f"{router.prefix}/{body.rule_id}"}
    return await services.relay(sql_generator.CREATE_RULE, body, status=201, headers=headers)


@router.get("", response_model=Rules)
async def list_rules(services: Authenticated, page: Annotated[ListRules, Query()]) -> Response:
    """My rules, the highest priority first, each with the active ones it conflicts with."""
    return await services.relay(sql_generator.LIST_RULES, page)


@router.post("/match", response_model=RuleMatches, responses=MAY_CONFLICT)
async def match_rules(
    services: Authenticated, body: Annotated[QuestionToMatch, json_body(QuestionToMatch)]
) -> Response:
    """Which of my rules apply to a question, why, and what they make of a statement. Nothing is run or kept."""
    return await services.relay(sql_generator.MATCH_RULES, body)


@router.get("/{rule_id}", response_model=Rule)
async def get_rule(services: Authenticated, rule_id: UUID) -> Response:
    """One rule."""
    return await services.relay(sql_generator.GET_RULE, RuleRef(rule_id=rule_id))


@router.patch("/{rule_id}", response_model=Rule, responses=MAY_CONFLICT)
async def update_rule(
    services: Authenticated, rule_id: UUID, body: Annotated[RuleChanges, json_body(RuleChanges)]
) -> Response:
    """Change what the body names; the status retires a rule or has it back."""
    return await services.relay(sql_generator.UPDATE_RULE, UpdateRule(rule_id=rule_id, **body.given()))


@router.post("/{rule_id}/confirm", response_model=Rule, responses=MAY_CONFLICT)
async def confirm_rule(services: Authenticated, rule_id: UUID) -> Response:
    """Have a proposed rule apply from now on."""
    return await services.relay(sql_generator.CONFIRM_RULE, RuleRef(rule_id=rule_id))


@router.delete("/{rule_id}", status_code=204, responses=MAY_CONFLICT)
async def delete_rule(services: Authenticated, rule_id: UUID) -> Response:
    """Delete a rule. One that comes from a memory goes with the memory."""
    return await services.relay(sql_generator.DELETE_RULE, RuleRef(rule_id=rule_id), status=204)
