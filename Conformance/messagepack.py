"""Writes messagepack.json: values with the bytes that Python's msgpack writes, and bytes that only other writers write.

usage: pip install msgpack && python3 Conformance/messagepack.py > Conformance/messagepack.json
"""
import json
import msgpack

VALUES = [
    None, True, False, 0, 1, 127, 128, 255, 256, 65535, 65536, 4294967295, 4294967296, 9223372036854775807,
    9223372036854775808, 18446744073709551615, -1, -32, -33, -128, -129, -32768, -32769, -2147483648, -2147483649,
    -9223372036854775808, 0.5, 42.5, -1.25, 1e300, 5e-324, "", "a", "x" * 31, "x" * 32, "x" * 255, "x" * 256,
    "Žofie 🐶", [], [1, 2, 3], list(range(15)), list(range(16)), {},
    {"a": 1}, {"key%02d" % i: i for i in range(15)}, {"key%02d" % i: i for i in range(16)},
    {"id": 1, "status": "confirmed", "petName": "Zofie", "vendorId": 7, "startsAt": "2026-01-01T10:00:00.000Z",
     "total": 42.5, "notes": None, "tags": ["a", "b"], "nested": {"deep": {"ok": True}}},
]

# Longer forms than necessary, from the specification. Readers accept them. Writers of the shortest form avoid them.
LONGER = [
    (1, "cc01"), (1, "cd0001"), (1, "ce00000001"), (1, "cf0000000000000001"), (-1, "d0ff"), (-1, "d1ffff"),
    (-1, "d2ffffffff"), (-1, "d3ffffffffffffffff"), (0.5, "ca3f000000"), ("a", "d90161"), ("a", "da000161"),
    ("a", "db0000000161"), ([1], "dc000101"), ([1], "dd0000000101"), ({"a": 1}, "de0001a16101"),
    ({"a": 1}, "df00000001a16101"),
]

# Bytes that hold no value, several values, or a value that no message may hold.
REFUSED = ["", "c1", "cc", "cd00", "a161a1", "92", "81a161", "8101", "d9", "d902", "dbffffffff61", "ddffffffff", "dfffffffff",
           "c403010203", "d40100", "c0c0", "cb3ff0", "8201"]

print(json.dumps({
    "written by": "msgpack %d.%d.%d" % msgpack.version[:3],
    "values": [{"value": value, "hex": msgpack.packb(value).hex()} for value in VALUES],
    "longer": [{"value": value, "hex": text} for value, text in LONGER],
    "refused": REFUSED,
}, ensure_ascii=False, separators=(",", ":")))
