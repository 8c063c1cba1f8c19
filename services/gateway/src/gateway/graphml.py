"""The knowledge graph as GraphML (http://graphml.graphdrawing.org/specification.html)."""

import re
from collections.abc import Iterable, Mapping
from xml.etree.ElementTree import Element, SubElement, tostring

from contracts.entity_extractor import Graph

GRAPHML = "application/graphml+xml"

_NODE_KEYS = {
    "label": "string",
    "type": "string",
    "description": "string",
    "data_source_id": "string",
    "mention_count": "long",
    "importance": "double",
}
_EDGE_KEYS = {"type": "string", "context": "string", "strength": "double", "usage_count": "long"}
# What XML 1.0 cannot hold, in whatever form.
_NO_XML = re.compile(r"[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def graphml(graph: Graph) -> bytes:
    """The document, in UTF-8."""
    root = Element("graphml", xmlns="http://graphml.graphdrawing.org/xmlns")
    for owner, keys in (("node", _NODE_KEYS), ("edge", _EDGE_KEYS)):
        for name, kind in keys.items():
            attributes = {"id": f"{owner}_{name}", "for": owner, "attr.name": name, "attr.type": kind}
            SubElement(root, "key", attributes)
    drawn = SubElement(root, "graph", id="knowledge", edgedefault="directed")
    for entity in graph.entities:
        values = {
            "label": entity.entity_name,
            "type": entity.entity_type,
            "description": entity.description,
            "data_source_id": entity.data_source_id,
            "mention_count": entity.mention_count,
            "importance": entity.importance_score,
        }
        _described(SubElement(drawn, "node", id=str(entity.entity_id)), "node", values)
    for each in graph.relationships:
        ends = {"source": str(each.source_entity_id), "target": str(each.target_entity_id)}
        values = {
            "type": each.relationship_type,
            "context": each.context,
            "strength": each.strength,
            "usage_count": each.usage_count,
        }
        _described(SubElement(drawn, "edge", ends, id=str(each.relationship_id)), "edge", values)
    document: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return document


def _described(element: Element, owner: str, values: Mapping[str, object]) -> None:
    given: Iterable[tuple[str, object]] = ((name, value) for name, value in values.items() if value not in {None, ""})
    for name, value in given:
        SubElement(element, "data", key=f"{owner}_{name}").text = _NO_XML.sub("", str(value))
