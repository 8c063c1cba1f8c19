"""Rules: what the SQL written for a user must respect."""

from typing import Annotated
from uuid import UUID, uuid4

from fastapi import APIRouter, Query
from pydantic import ConfigDict, Field
from starlette.responses import Response

from contracts import sql_generator
from contracts.sql_generator import ListRules, NewRule, Rule, Rules
from gateway.bodies import STRICT, json_body
from gateway.services import Authenticated

router = APIRouter(prefix="/api/rules", tags=["rules"])


class RuleToCreate(NewRule):
    """A rule that shapes the SQL written for me."""

    model_config = STRICT | ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "rule_name": "completed orders only",
                    "rule_type": "constraint",
                    "rule_content": "Revenue counts orders whose status is 'completed'",
                    "priority": 200,
                }
            ]
        }
    )

    rule_id: UUID = Field(default_factory=uuid4, description="Send your own to make a retry harmless")


@router.post("", status_code=201, response_model=Rule)
async def create_rule(services: Authenticated, body: Annotated[RuleToCreate, json_body(RuleToCreate)]) -> Response:
    """Create a rule; it applies from now on."""
    return await services.relay(sql_generator.CREATE_RULE, body, status=201)


@router.get("", response_model=Rules)
async def list_rules(services: Authenticated, page: Annotated[ListRules, Query()]) -> Response:
    """My rules, the highest priority first."""
    return await services.relay(sql_generator.LIST_RULES, page)
