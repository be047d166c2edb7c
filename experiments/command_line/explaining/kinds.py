"""Types and ranges in words."""

from typing import Any

from pydantic import PydanticSchemaGenerationError, PydanticUserError, TypeAdapter

WORDS = {"integer": "whole number", "number": "number", "boolean": "true or false", "string": "text"}
BOUNDS = {
    "minimum": "at least",
    "exclusiveMinimum": "more than",
    "maximum": "at most",
    "exclusiveMaximum": "less than",
}


def kind_of(annotation: Any) -> str:
    """Return what values an annotation allows: ``whole number, at least 1``, ``one of full, weak, none``."""
    try:
        return _in_words(TypeAdapter(annotation).json_schema())
    except (PydanticSchemaGenerationError, PydanticUserError):
        return "as described"


def _in_words(schema: dict[str, Any]) -> str:
    if "anyOf" in schema:
        return " or ".join(_in_words(one) for one in schema["anyOf"])
    if schema.get("type") == "null":
        return "null"
    if schema.get("type") == "array":
        items = schema.get("prefixItems")
        if items:
            return f"list of {len(items)}: {_in_words(items[0])}"
        return f"list of {_in_words(schema.get('items', {}))}"
    if schema.get("type") == "object":
        inner = schema.get("additionalProperties")
        return f"mapping from names to {_in_words(inner) if isinstance(inner, dict) else 'values'}"
    if "pattern" in schema:
        return f"one of {', '.join(schema['pattern'].strip('^$()').split('|'))}"
    bounds = [f"{words} {_plain(schema[bound])}" for bound, words in BOUNDS.items() if bound in schema]
    return ", ".join([WORDS.get(schema.get("type", ""), "as described"), *bounds])


def _plain(bound: float) -> str:
    return f"{int(bound):,}" if float(bound).is_integer() else f"{bound:g}"
