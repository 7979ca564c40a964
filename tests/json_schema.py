# SPDX-License-Identifier: GPL-2.0-or-later
"""As much of JSON Schema as docs/report.schema.json uses; a keyword it does not know is
an error, so that none is passed over."""
import re

TYPES = {'object': dict, 'array': list, 'string': str, 'boolean': bool, 'integer': int}
NOTES = {'$schema', '$defs', 'title', 'description'}
KNOWN = NOTES | {'$ref', 'type', 'const', 'enum', 'minimum', 'pattern', 'items', 'maxItems',
                 'properties', 'required', 'additionalProperties'}


def check_value(value, schema, where):
    if 'type' in schema:
        kind = TYPES[schema['type']]
        assert isinstance(value, kind), f'{where}: {value!r} is no {schema["type"]}'
        assert kind is not int or not isinstance(value, bool), f'{where}: a boolean'
    if 'const' in schema:
        assert value == schema['const'], f'{where}: {value!r}'
    if 'enum' in schema:
        assert value in schema['enum'], f'{where}: {value!r}'
    if 'minimum' in schema:
        assert value >= schema['minimum'], f'{where}: {value!r}'
    if 'pattern' in schema:
        assert re.search(schema['pattern'], value), f'{where}: {value!r}'


def validate(value, schema, root=None, where='$'):
    """Raises AssertionError with the place of the first fault."""
    root = root or schema
    unknown = set(schema) - KNOWN
    assert not unknown, f'keywords that this does not know: {unknown}'
    if '$ref' in schema:
        return validate(value, root['$defs'][schema['$ref'].removeprefix('#/$defs/')], root,
                        where)
    check_value(value, schema, where)
    if isinstance(value, list):
        assert len(value) <= schema.get('maxItems', len(value)), f'{where}: too many'
        for i, item in enumerate(value):
            validate(item, schema.get('items', {}), root, f'{where}[{i}]')
    if isinstance(value, dict):
        known = schema.get('properties', {})
        for key in schema.get('required', ()):
            assert key in value, f'{where}: without {key}'
        for key, item in value.items():
            assert key in known or schema.get('additionalProperties', True), \
                f'{where}: the key {key} is not in the schema'
            validate(item, known.get(key, {}), root, f'{where}.{key}')
