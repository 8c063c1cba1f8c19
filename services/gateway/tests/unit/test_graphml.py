"""The knowledge graph as GraphML."""

from datetime import UTC, datetime
from uuid import UUID
from xml.etree.ElementTree import fromstring

from contracts.entity_extractor import Entity, Graph, Relationship
from gateway.graphml import graphml

NOW = datetime(2026, 1, 2, tzinfo=UTC)
NS = "{http://graphml.graphdrawing.org/xmlns}"


def entity(number, name, description=""):
    return Entity(
        entity_id=UUID(int=number),
        entity_name=name,
        entity_type="table",
        data_source_id=None,
        properties={},
        description=description,
        mention_count=number,
        importance_score=0.5,
        created_at=NOW,
        updated_at=NOW,
    )


def test_nodes_and_edges_carry_what_is_known_of_them_whatever_their_names_hold():
    edge = Relationship(
        relationship_id=UUID(int=9),
        source_entity_id=UUID(int=1),
        target_entity_id=UUID(int=2),
        source_name="a",
        target_name="b",
        relationship_type="joins_with",
        strength=0.75,
        context='a."x" = b.y and a.z < 3',
        metadata={},
        usage_count=2,
        created_at=NOW,
        updated_at=NOW,
    )
    nodes = (entity(1, "<script>&\u0000\u0008", "Käufer ]]>"), entity(2, "b"))
    root = fromstring(graphml(Graph(entities=nodes, relationships=(edge,), truncated=False)))
    keys = {key.get("id"): (key.get("for"), key.get("attr.name")) for key in root.findall(f"{NS}key")}
    (drawn,) = root.findall(f"{NS}graph")

    def described(element):
        return {keys[data.get("key")]: data.text for data in element.findall(f"{NS}data")}

    first, second = drawn.findall(f"{NS}node")
    assert described(first)["node", "label"] == "<script>&"
    assert described(first)["node", "description"] == "Käufer ]]>"
    assert ("node", "description") not in described(second)
    (found,) = drawn.findall(f"{NS}edge")
    assert (found.get("source"), found.get("target")) == (first.get("id"), second.get("id"))
    assert described(found) == {
        ("edge", "type"): "joins_with",
        ("edge", "context"): edge.context,
        ("edge", "strength"): "0.75",
        ("edge", "usage_count"): "2",
    }
