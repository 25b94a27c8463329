#!/usr/bin/env python3
"""Validates documents against data/schema: validate.py results|sweep|recommendation|comparison FILE...

Prints one line per fault with the path of the field; exit code 1 when there is any.
"""
import functools
import json
import pathlib
import sys

from jsonschema import Draft202012Validator

SCHEMA_FOLDER = pathlib.Path(__file__).resolve().parents[3] / "data" / "schema"
KINDS = ("results", "sweep", "recommendation", "comparison")


@functools.lru_cache
def validator(kind):
    schema = json.loads((SCHEMA_FOLDER / f"{kind}.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def faults(kind, document):
    """One line per fault; empty for a valid document."""
    return [f"{error.json_path}: {error.message[:200]}"
            for error in validator(kind).iter_errors(document)]


def main(arguments):
    if len(arguments) < 2 or arguments[0] not in KINDS:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    found = False
    for name in arguments[1:]:
        for fault in faults(arguments[0], json.loads(pathlib.Path(name).read_text())):
            found = True
            print(f"{name}: {fault}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
