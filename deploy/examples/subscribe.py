#!/usr/bin/env python3
"""Prints the readings of all nodes: subscribe.py [host [port]].  Format: transport/FRAME.md."""
import sys
from itertools import accumulate, islice

import msgpack
import paho.mqtt.client as mqtt
import zstandard

schemas, waiting = {}, []  # (node, hash) -> schema message; frames whose schema is not there yet


def unpack(payload):
    return msgpack.unpackb(zstandard.decompress(payload) if payload[:1] == b"\x28" else payload)


def names(node, schema_id):
    schema = schemas[node, schema_id.hex()]
    own = [name + str(labels or "") for name, kind, labels in schema["a"]]
    return names(node, schema["p"]) + own if "p" in schema else own


def readings(frame):  # (column, time in ms, value)
    pairs = zip(frame["t"][1::2], frame["t"][2::2])
    times = list(accumulate([frame["t"][0]] + [step for step, count in pairs for _ in range(count)]))
    numbers = iter(frame["d"])
    for column, code in enumerate(frame["c"]):
        form, scale = divmod(code, 16)
        pattern = frame["p"][column] if "p" in frame else 0
        ends = list(accumulate(frame["m"][pattern - 1])) if pattern else [len(times)]
        ticks = [t for start, end in zip([0] + ends[1::2], ends[::2]) for t in times[start:end]]
        if form == 4:
            continue
        same = form == 1 or code == 0x31
        values = list(islice(numbers, 1)) * len(ticks) if same else list(islice(numbers, len(ticks)))
        if form == 2:
            values[1:] = accumulate(values[1:])
        if form in (0, 2):
            values = accumulate(values)
        for time, value in zip(ticks, values):
            yield column, time, value if form == 3 else value / 10**scale


def show(node, frame):
    if not frame["c"]:  # an agent asks a relay for the time
        return True
    try:
        series = names(node, frame["i"])
    except KeyError:
        return False
    for column, time, value in readings(frame):
        print(node, time, series[column], value, "history" if "h" in frame else "live", flush=True)
    return True


def on_message(client, userdata, message):
    node, kind, *rest = message.topic.split("/")[2:]
    if kind == "schema":
        schemas[node, rest[0]] = unpack(message.payload)
        waiting[:] = [(n, f) for n, f in waiting if not show(n, f)]
    elif not show(node, frame := unpack(message.payload)):
        waiting.append((node, frame))


client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
client.on_message = on_message
client.on_connect = lambda c, *_: c.subscribe([("godwit/v1/+/schema/+", 1), ("godwit/v1/+/up", 1)])
client.on_subscribe = lambda *_: print("subscribed", file=sys.stderr, flush=True)
client.connect(*(sys.argv[1:2] or ["localhost"]), port=int((sys.argv[2:3] or [1883])[0]))
client.loop_forever()
