/*
 * Load on a broker through librdkafka, the client that neither side wrote.
 *
 *   load produce BOOTSTRAP TOPIC RECORDS BYTES PARTITIONS [property value]...
 *   load consume BOOTSTRAP TOPIC RECORDS BYTES PARTITIONS [property value]...
 *
 * Prints one JSON line: records acknowledged or read, failures, seconds, CPU seconds of this process.
 * Build: gcc -O2 load.c -lrdkafka -o load
 */
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

struct tally {
  long done;
  long failed;
};

static double seconds_now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec + time.tv_nsec / 1e9;
}

static double cpu_seconds(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_utime.tv_sec + usage.ru_stime.tv_sec + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void set_property(rd_kafka_conf_t *conf, const char *key, const char *value) {
  char error[256];
  if (rd_kafka_conf_set(conf, key, value, error, sizeof error) != RD_KAFKA_CONF_OK) {
    fprintf(stderr, "load: %s\n", error);
    exit(2);
  }
}

static void on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque) {
  struct tally *tally = opaque;
  (void)client;
  if (message->err)
    tally->failed++;
  else
    tally->done++;
}

static rd_kafka_t *open_client(rd_kafka_type_t type, rd_kafka_conf_t *conf) {
  char error[512];
  rd_kafka_t *client = rd_kafka_new(type, conf, error, sizeof error);
  if (!client) {
    fprintf(stderr, "load: %s\n", error);
    exit(1);
  }
  return client;
}

/* The clock starts once the client knows the topic, so that connecting is not measured. */
static rd_kafka_topic_t *open_topic(rd_kafka_t *client, const char *name) {
  rd_kafka_topic_t *topic = rd_kafka_topic_new(client, name, NULL);
  const struct rd_kafka_metadata *metadata;
  rd_kafka_resp_err_t err = rd_kafka_metadata(client, 0, topic, &metadata, 10000);
  if (err) {
    fprintf(stderr, "load: no metadata: %s\n", rd_kafka_err2str(err));
    exit(1);
  }
  rd_kafka_metadata_destroy(metadata);
  return topic;
}

static void produce(rd_kafka_t *client, const char *name, long records, int bytes, int partitions, struct tally *tally) {
  rd_kafka_topic_t *topic = open_topic(client, name);
  char *value = malloc(bytes);
  memset(value, 'x', bytes);
  for (long i = 0; i < records; i++) {
    while (rd_kafka_produce(topic, i % partitions, RD_KAFKA_MSG_F_COPY, value, bytes, "key-00000001", 12, NULL))
      rd_kafka_poll(client, 1);
    if ((i & 1023) == 0) rd_kafka_poll(client, 0);
  }
  rd_kafka_flush(client, 60000);
  tally->failed = records - tally->done;
  free(value);
}

static void consume(rd_kafka_t *client, const char *name, long records, int partitions, struct tally *tally) {
  rd_kafka_topic_t *topic = open_topic(client, name);
  rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
  rd_kafka_message_t *messages[1000];
  double deadline = seconds_now() + 90;
  for (int partition = 0; partition < partitions; partition++)
    rd_kafka_consume_start_queue(topic, partition, RD_KAFKA_OFFSET_BEGINNING, queue);
  while (tally->done < records && seconds_now() < deadline) {
    ssize_t got = rd_kafka_consume_batch_queue(queue, 200, messages, 1000);
    for (ssize_t i = 0; i < got; i++) {
      if (!messages[i]->err) tally->done++;
      rd_kafka_message_destroy(messages[i]);
    }
  }
  tally->failed = records - tally->done;
}

int main(int argc, char **argv) {
  if (argc < 7) {
    fprintf(stderr, "usage: load produce|consume BOOTSTRAP TOPIC RECORDS BYTES PARTITIONS [property value]...\n");
    return 2;
  }
  int producing = strcmp(argv[1], "produce") == 0;
  long records = atol(argv[4]);
  int bytes = atoi(argv[5]), partitions = atoi(argv[6]);
  struct tally tally = {0, 0};

  rd_kafka_conf_t *conf = rd_kafka_conf_new();
  set_property(conf, "bootstrap.servers", argv[2]);
  rd_kafka_conf_set_opaque(conf, &tally);
  if (producing) {
    set_property(conf, "acks", "1");
    set_property(conf, "linger.ms", "5");
    set_property(conf, "batch.num.messages", "10000");
    set_property(conf, "queue.buffering.max.messages", "500000");
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
  } else {
    /* a full local queue makes librdkafka 2.0 pause fetching for a second, which would be measured as the broker's */
    set_property(conf, "queued.min.messages", "10000000");
    set_property(conf, "queued.max.messages.kbytes", "2000000");
  }
  for (int i = 7; i + 1 < argc; i += 2) set_property(conf, argv[i], argv[i + 1]);

  rd_kafka_t *client = open_client(producing ? RD_KAFKA_PRODUCER : RD_KAFKA_CONSUMER, conf);
  double started = seconds_now(), cpu = cpu_seconds();
  if (producing)
    produce(client, argv[3], records, bytes, partitions, &tally);
  else
    consume(client, argv[3], records, partitions, &tally);
  double seconds = seconds_now() - started;
  printf("{\"records\":%ld,\"failed\":%ld,\"seconds\":%.4f,\"clientCpuSeconds\":%.3f}\n", tally.done, tally.failed, seconds,
         cpu_seconds() - cpu);
  fflush(stdout);
  _Exit(tally.failed == 0 ? 0 : 1); /* tearing the client down is not what is measured */
}
