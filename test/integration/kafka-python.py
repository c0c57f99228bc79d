"""Drives a broker with Debian's kafka-python, the oldest client we promise to serve. Prints one JSON object.

usage: kafka-python.py BOOTSTRAP TOPIC
"""
import json
import sys
import time

from kafka import KafkaConsumer, KafkaProducer, TopicPartition

bootstrap, topic = sys.argv[1:3]
records = 500
result = {}

for acks in (0, 1, "all"):
    producer = KafkaProducer(bootstrap_servers=bootstrap, acks=acks, linger_ms=5)
    for i in range(records):
        future = producer.send(topic, key=b"k%d" % i, value=b"%s-%d" % (str(acks).encode(), i), partition=0)
    producer.flush()
    if acks != 0:
        result["last offset acks=%s" % acks] = future.get(10).offset
    producer.close()

partition = TopicPartition(topic, 0)


def read_from(start, count):
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, consumer_timeout_ms=10000)
    consumer.assign([partition])
    start(consumer)
    values = []
    for message in consumer:
        values.append((message.offset, message.key.decode(), message.value.decode()))
        if len(values) == count:
            break
    consumer.close()
    return values


everything = read_from(lambda c: c.seek_to_beginning(partition), 3 * records)
result["count"] = len(everything)
result["offsets in order"] = [offset for offset, _, _ in everything] == list(range(3 * records))
result["values"] = [value for _, _, value in everything[:: records // 2]]
result["from offset 1200"] = read_from(lambda c: c.seek(partition, 1200), 1)[0]

marker = int(time.time() * 1000) + 1
while time.time() * 1000 <= marker:
    pass
producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all")
producer.send(topic, value=b"after", key=b"x", partition=0).get(10)
producer.close()
consumer = KafkaConsumer(bootstrap_servers=bootstrap)
found = consumer.offsets_for_times({partition: marker})[partition]
result["offset by time"] = found.offset
result["end offset"] = consumer.end_offsets([partition])[partition]
consumer.close()
print(json.dumps(result))
