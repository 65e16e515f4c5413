"""JSON Schema in few words, for docs/openapi.py."""

from collections.abc import Sequence
from typing import Any

Schema = dict[str, Any]


def obj(required: dict[str, Schema], optional: dict[str, Schema] | None = None, **more: Any) -> Schema:
    needed = {"required": list(required)} if required else {}
    return {"type": "object", **needed, "properties": {**required, **(optional or {})}, **more}


def text(least: int = 0, most: int | None = None, pattern: str = "") -> Schema:
    return {
        "type": "string",
        **({"minLength": least} if least else {}),
        **({"maxLength": most} if most else {}),
        **({"pattern": pattern} if pattern else {}),
    }


def integer(least: int, most: int | None = None, **more: Any) -> Schema:
    return {"type": "integer", "minimum": least, **({"maximum": most} if most is not None else {}), **more}


def array(items: Schema, least: int = 0, most: int | None = None) -> Schema:
    bounds = {"minItems": least} if least else {}
    return {"type": "array", "items": items, **bounds, **({"maxItems": most} if most is not None else {})}


def ref(kind: str, name: str) -> Schema:
    return {"$ref": f"#/components/{kind}/{name}"}


def one_of(names: Sequence[str], by: str = "", **values: str) -> Schema:
    """One of the schemas of these names, told apart by the member `by`, whose `values` name them."""
    shapes = {"oneOf": [ref("schemas", name) for name in names]}
    if not by:
        return shapes
    mapping = {value: f"#/components/schemas/{name}" for value, name in values.items()}
    return {**shapes, "discriminator": {"propertyName": by, "mapping": mapping}}


def either(*shapes: Schema) -> Schema:
    return {"anyOf": list(shapes)}


TEXT: Schema = {"type": "string"}
URL: Schema = {"type": "string", "format": "uri", "pattern": "^https?://[A-Za-z0-9]", "maxLength": 2000}
UUID: Schema = {"type": "string", "format": "uuid"}
