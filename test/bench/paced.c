/*
 * A steady stream through librdkafka, and how long its records take from one end to the other.
 *
 *   paced BOOTSTRAP TOPIC RECORDS BYTES PARTITIONS RECORDS_PER_SECOND [property value]...
 *
 * One thread sends at the given pace with linger 5 ms and acks=all, another reads the fresh topic from its start; each record
 * carries the moment at which it was due, so that a producer that is held up counts, too (no coordinated omission).
 * The first tenth warms up. Prints one JSON line: records read, failures, percentiles in ms.
 * Build: gcc -O2 paced.c -lrdkafka -lpthread -o paced
 */
#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct stream {
  const char *bootstrap, *topic;
  long records;
  int bytes, partitions;
  double per_second;
  char **properties;
  int property_count;
  double *latencies_ms;
  long read, failed;
  volatile int is_reading;
};

static double seconds_now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec + time.tv_nsec / 1e9;
}

static void set_property(rd_kafka_conf_t *conf, const char *key, const char *value) {
  char error[256];
  if (rd_kafka_conf_set(conf, key, value, error, sizeof error) != RD_KAFKA_CONF_OK) {
    fprintf(stderr, "paced: %s\n", error);
    exit(2);
  }
}

static rd_kafka_t *open_client(rd_kafka_type_t type, rd_kafka_conf_t *conf) {
  char error[512];
  rd_kafka_t *client = rd_kafka_new(type, conf, error, sizeof error);
  if (!client) {
    fprintf(stderr, "paced: %s\n", error);
    exit(1);
  }
  return client;
}

static void on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque) {
  struct stream *stream = opaque;
  (void)client;
  if (message->err) stream->failed++;
}

static void *read_all(void *argument) {
  struct stream *stream = argument;
  rd_kafka_conf_t *conf = rd_kafka_conf_new();
  set_property(conf, "bootstrap.servers", stream->bootstrap);
  set_property(conf, "fetch.wait.max.ms", "500");
  rd_kafka_t *client = open_client(RD_KAFKA_CONSUMER, conf);
  rd_kafka_topic_t *topic = rd_kafka_topic_new(client, stream->topic, NULL);
  rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
  for (int partition = 0; partition < stream->partitions; partition++)
    rd_kafka_consume_start_queue(topic, partition, RD_KAFKA_OFFSET_BEGINNING, queue);
  stream->is_reading = 1;
  double deadline = seconds_now() + stream->records / stream->per_second + 60;
  while (stream->read + stream->failed < stream->records && seconds_now() < deadline) {
    /* one at a time: a call for many waits until it has them */
    rd_kafka_message_t *message = rd_kafka_consume_queue(queue, 100);
    if (!message) continue;
    double due;
    if (!message->err) {
      memcpy(&due, message->payload, sizeof due);
      stream->latencies_ms[stream->read++] = (seconds_now() - due) * 1000;
    }
    rd_kafka_message_destroy(message);
  }
  return NULL;
}

static void send_all(struct stream *stream) {
  rd_kafka_conf_t *conf = rd_kafka_conf_new();
  set_property(conf, "bootstrap.servers", stream->bootstrap);
  set_property(conf, "acks", "all");
  set_property(conf, "linger.ms", "5");
  for (int i = 0; i + 1 < stream->property_count; i += 2)
    set_property(conf, stream->properties[i], stream->properties[i + 1]);
  rd_kafka_conf_set_opaque(conf, stream);
  rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
  rd_kafka_t *client = open_client(RD_KAFKA_PRODUCER, conf);
  rd_kafka_topic_t *topic = rd_kafka_topic_new(client, stream->topic, NULL);
  char *value = calloc(1, stream->bytes);
  double start = seconds_now();
  for (long i = 0; i < stream->records; i++) {
    double due = start + i / stream->per_second;
    while (seconds_now() < due) rd_kafka_poll(client, 1);
    memcpy(value, &due, sizeof due);
    while (rd_kafka_produce(topic, i % stream->partitions, RD_KAFKA_MSG_F_COPY, value, stream->bytes, NULL, 0, NULL))
      rd_kafka_poll(client, 1);
  }
  rd_kafka_flush(client, 60000);
  free(value);
}

static int by_value(const void *a, const void *b) {
  double difference = *(const double *)a - *(const double *)b;
  return difference < 0 ? -1 : difference > 0;
}

int main(int argc, char **argv) {
  if (argc < 7) {
    fprintf(stderr, "usage: paced BOOTSTRAP TOPIC RECORDS BYTES PARTITIONS RECORDS_PER_SECOND [property value]...\n");
    return 2;
  }
  struct stream stream = {.bootstrap = argv[1], .topic = argv[2], .records = atol(argv[3]), .bytes = atoi(argv[4]),
                          .partitions = atoi(argv[5]), .per_second = atof(argv[6]), .properties = argv + 7,
                          .property_count = argc - 7};
  if (stream.bytes < (int)sizeof(double)) stream.bytes = sizeof(double);
  stream.latencies_ms = calloc(stream.records, sizeof(double));
  pthread_t reader;
  pthread_create(&reader, NULL, read_all, &stream);
  while (!stream.is_reading) nanosleep(&(struct timespec){0, 1000000}, NULL);
  send_all(&stream);
  pthread_join(reader, NULL);
  long warm = stream.read / 10, counted = stream.read - warm;
  double *latencies = stream.latencies_ms + warm;
  qsort(latencies, counted, sizeof(double), by_value);
  printf("{\"records\":%ld,\"failed\":%ld,\"p50Ms\":%.3f,\"p99Ms\":%.3f,\"maxMs\":%.3f}\n", stream.read,
         stream.records - stream.read, latencies[counted / 2], latencies[counted * 99 / 100], latencies[counted - 1]);
  fflush(stdout);
  _Exit(stream.read == stream.records ? 0 : 1); /* tearing the clients down is not what is measured */
}
