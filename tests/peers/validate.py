"""Usage: validate.py SCHEMA FILE: each line of FILE against a JSON Schema (draft 2020-12).

Prints "NUMBER PLACE: MESSAGE" for each line that is not valid, and "CHECKED INVALID" last.
"""

import json
import sys

import jsonschema_rs

schema, path = sys.argv[1:]
with open(schema, encoding="utf-8") as file:
    schema = json.load(file)
jsonschema_rs.meta.validate(schema)
validator = jsonschema_rs.Draft202012Validator(schema)
checked = invalid = 0
with open(path, encoding="utf-8", newline="\n") as file:
    for number, line in enumerate(file, 1):
        checked += 1
        for error in validator.iter_errors(json.loads(line)):
            invalid += 1
            place = "/".join(str(part) for part in error.instance_path)
            print(f"{number} {place}: {error.message[:400]}")
            break
print(checked, invalid)
