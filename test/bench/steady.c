/*
 * What an application sends through librdkafka, line by line, and what it is told of each line.
 *
 *   steady BOOTSTRAP TOPIC [property value]...
 *
 * Each line of stdin is the value of a record for partition 0, sent the moment it can be read (kcat waits for a KiB of them).
 * For each delivery, in the order of the deliveries, a line of stdout: "stored VALUE", or "failed VALUE REASON". With the
 * property debug, what librdkafka says goes to stderr.
 * Build: gcc -O2 steady.c -lrdkafka -lpthread -o steady
 */
#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct stream {
  rd_kafka_t *client;
  rd_kafka_topic_t *topic;
  volatile int has_ended;
};

static void on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque) {
  (void)client;
  (void)opaque;
  printf("%s %.*s%s%s\n", message->err ? "failed" : "stored", (int)message->len, (char *)message->payload,
         message->err ? " " : "", message->err ? rd_kafka_err2str(message->err) : "");
}

static void *send_lines(void *argument) {
  struct stream *stream = argument;
  char *line = NULL;
  size_t capacity = 0;
  ssize_t length;
  while ((length = getline(&line, &capacity, stdin)) > 0) {
    if (line[length - 1] == '\n') length--;
    while (rd_kafka_produce(stream->topic, 0, RD_KAFKA_MSG_F_COPY, line, length, NULL, 0, NULL)) {
      if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
        fprintf(stderr, "steady: %s\n", rd_kafka_err2str(rd_kafka_last_error()));
        exit(1);
      }
      rd_kafka_poll(stream->client, 1);
    }
  }
  stream->has_ended = 1;
  return NULL;
}

int main(int argc, char **argv) {
  char error[512];
  if (argc < 3 || argc % 2 == 0) {
    fprintf(stderr, "usage: steady BOOTSTRAP TOPIC [property value]...\n");
    return 2;
  }
  rd_kafka_conf_t *conf = rd_kafka_conf_new();
  rd_kafka_conf_set(conf, "bootstrap.servers", argv[1], error, sizeof error);
  for (int i = 3; i + 1 < argc; i += 2) {
    if (rd_kafka_conf_set(conf, argv[i], argv[i + 1], error, sizeof error) != RD_KAFKA_CONF_OK) {
      fprintf(stderr, "steady: %s\n", error);
      return 2;
    }
  }
  rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
  struct stream stream = {.client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof error)};
  if (!stream.client) {
    fprintf(stderr, "steady: %s\n", error);
    return 1;
  }
  setvbuf(stdout, NULL, _IOLBF, 0);
  stream.topic = rd_kafka_topic_new(stream.client, argv[2], NULL);
  pthread_t sender;
  pthread_create(&sender, NULL, send_lines, &stream);
  while (!stream.has_ended) rd_kafka_poll(stream.client, 10);
  pthread_join(sender, NULL);
  rd_kafka_flush(stream.client, 60000);
  fflush(stdout);
  _Exit(0); /* tearing the client down is not what is measured */
}
