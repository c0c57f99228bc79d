/*
 * Replays one recorded request on plain sockets, so that a broker's cost per request shows without a client in the way.
 *
 *   replay PORT REQUEST-FILE COUNT WINDOW CONNECTIONS
 *
 * Each connection keeps WINDOW requests in flight. Prints one JSON line: requests answered, seconds, bytes both ways.
 * Loopback only; gives up after 60 seconds. Build: gcc -O2 replay.c -o replay
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct connection {
  int socket;
  long sent, answered;
  size_t request_offset;      /* how much of the current request has left */
  unsigned char prefix[4];    /* length of the response that is arriving */
  int prefix_bytes;
  size_t response_left;
};

static char *request;
static size_t request_bytes;
static double response_bytes;
static char scratch[1 << 20];

static void die(const char *what) {
  perror(what);
  exit(1);
}

static double seconds_now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec + time.tv_nsec / 1e9;
}

static void load_request(const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file) die(path);
  fseek(file, 0, SEEK_END);
  request_bytes = ftell(file);
  rewind(file);
  request = malloc(request_bytes);
  if (fread(request, 1, request_bytes, file) != request_bytes) die(path);
  fclose(file);
}

static int open_socket(int port) {
  int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address)) die("connect");
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  fcntl(fd, F_SETFL, O_NONBLOCK);
  return fd;
}

/* Counts whole responses in what arrived; a response is a length prefix and that many bytes. */
static void count_responses(struct connection *connection, const unsigned char *bytes, ssize_t length) {
  while (length > 0) {
    if (connection->response_left == 0) {
      connection->prefix[connection->prefix_bytes++] = *bytes++;
      length--;
      if (connection->prefix_bytes == 4) {
        const unsigned char *p = connection->prefix;
        connection->prefix_bytes = 0;
        connection->response_left = (size_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
      }
      continue;
    }
    size_t part = connection->response_left < (size_t)length ? connection->response_left : (size_t)length;
    connection->response_left -= part;
    bytes += part;
    length -= part;
    if (connection->response_left == 0) connection->answered++;
  }
}

static void receive(struct connection *connection) {
  ssize_t got = read(connection->socket, scratch, sizeof scratch);
  if (got < 0 && errno == EAGAIN) return;
  if (got <= 0) {
    fprintf(stderr, "replay: the broker closed the connection after %ld responses\n", connection->answered);
    exit(1);
  }
  response_bytes += got;
  count_responses(connection, (unsigned char *)scratch, got);
}

static void send_more(struct connection *connection, long per_connection, int window) {
  while (connection->sent < per_connection && connection->sent - connection->answered < window) {
    ssize_t wrote = write(connection->socket, request + connection->request_offset, request_bytes - connection->request_offset);
    if (wrote < 0) return;
    connection->request_offset += wrote;
    if (connection->request_offset < request_bytes) return;
    connection->request_offset = 0;
    connection->sent++;
  }
}

int main(int argc, char **argv) {
  if (argc != 6) {
    fprintf(stderr, "usage: replay PORT REQUEST-FILE COUNT WINDOW CONNECTIONS\n");
    return 2;
  }
  int port = atoi(argv[1]), window = atoi(argv[4]), count = atoi(argv[5]);
  long per_connection = atol(argv[3]) / count;
  struct connection *connections = calloc(count, sizeof *connections);
  struct pollfd *polled = calloc(count, sizeof *polled);
  load_request(argv[2]);
  for (int i = 0; i < count; i++) connections[i].socket = open_socket(port);

  alarm(60);
  double started = seconds_now();
  for (;;) {
    int open = 0;
    for (int i = 0; i < count; i++) {
      struct connection *c = &connections[i];
      int sending = c->sent < per_connection && c->sent - c->answered < window;
      polled[i].fd = c->answered < per_connection ? c->socket : -1;
      polled[i].events = POLLIN | (sending ? POLLOUT : 0);
      if (polled[i].fd >= 0) open++;
    }
    if (open == 0) break;
    poll(polled, count, 1000);
    for (int i = 0; i < count; i++) {
      if (polled[i].fd < 0) continue;
      if (polled[i].revents & (POLLIN | POLLHUP)) receive(&connections[i]);
      send_more(&connections[i], per_connection, window);
    }
  }
  printf("{\"requests\":%ld,\"seconds\":%.4f,\"requestBytes\":%zu,\"responseBytes\":%.0f}\n", per_connection * count,
         seconds_now() - started, request_bytes, response_bytes);
  return 0;
}
