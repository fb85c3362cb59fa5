/* The floor: the least work by which one thread can serve WebSocket on Linux. It parses frames and answers the opening
   handshake, but checks nothing, and so may only talk to the load generator beside it.

   Each read is answered with one write. /echo passes pieces of a frame on as they come. A frame to /bcast or /pub must
   be whole before all readers get it; those of one turn of the loop leave with one write for each reader. */
#include "websocket.h"

enum { BUFFER = 256 << 10, REST_MAX = 64 << 10, BACKLOG_MAX = 64 << 20, EVENTS = 256 };
enum path { NONE, ECHO, BROADCAST, PUBLISH };

struct connection {
  int fd;
  enum path path;
  /* Of the frame whose payload is under way. */
  uint64_t wanted, offset;
  uint8_t key[4];
  /* Read but not used: part of a head, of a header, or of a frame to all. */
  uint8_t *rest;
  size_t rest_count;
  /* Not taken by the socket yet. */
  uint8_t *backlog;
  size_t backlog_count;
  /* Its place among the readers, if it is one. */
  size_t reader;
  struct connection *next_gone;
};

static int epoll;
static uint8_t input[REST_MAX + BUFFER], output[REST_MAX + BUFFER], news[16 * BUFFER];
static size_t output_count, news_count, reader_count;
static struct connection **readers, *gone;

static void watch(struct connection *c, int operation, uint32_t events) {
  struct epoll_event event = {.events = events, .data.ptr = c};
  if (epoll_ctl(epoll, operation, c->fd, &event)) die("epoll_ctl");
}

/* The connection itself is freed when the turn ends, for an event of it may be to come; -1 says that it is gone. */
static void drop(struct connection *c) {
  if (c->fd < 0) return;
  close(c->fd);
  c->fd = -1;
  if (c->path == BROADCAST) {
    readers[c->reader] = readers[--reader_count];
    readers[c->reader]->reader = c->reader;
  }
  free(c->rest);
  free(c->backlog);
  c->rest = c->backlog = NULL;
  c->next_gone = gone;
  gone = c;
}

static void keep(struct connection *c, const uint8_t *bytes, size_t count) {
  if (count == 0) return;
  if (c->backlog_count + count > BACKLOG_MAX) return drop(c);
  c->backlog = realloc(c->backlog, c->backlog_count + count);
  if (!c->backlog) die("realloc");
  memcpy(c->backlog + c->backlog_count, bytes, count);
  c->backlog_count += count;
}

static void write_out(struct connection *c, const uint8_t *bytes, size_t count) {
  if (c->fd < 0 || count == 0) return;
  if (c->backlog_count) return keep(c, bytes, count);
  ssize_t sent = send(c->fd, bytes, count, MSG_NOSIGNAL);
  if (sent < 0 && errno != EAGAIN) return drop(c);
  if (sent < 0) sent = 0;
  if ((size_t)sent == count) return;
  keep(c, bytes + sent, count - (size_t)sent);
  if (c->fd >= 0) watch(c, EPOLL_CTL_MOD, EPOLLOUT);
}

static void write_backlog(struct connection *c) {
  ssize_t sent = send(c->fd, c->backlog, c->backlog_count, MSG_NOSIGNAL);
  if (sent < 0) return errno == EAGAIN ? (void)0 : drop(c);
  c->backlog_count -= (size_t)sent;
  memmove(c->backlog, c->backlog + sent, c->backlog_count);
  if (c->backlog_count) return;
  free(c->backlog);
  c->backlog = NULL;
  watch(c, EPOLL_CTL_MOD, EPOLLIN);
}

static void write_news(void) {
  for (size_t i = reader_count; i-- > 0;) write_out(readers[i], news, news_count);
  news_count = 0;
}

static enum path path_of(const uint8_t *head, size_t count) {
  if (count > 10 && !memcmp(head, "GET /echo ", 10)) return ECHO;
  if (count > 11 && !memcmp(head, "GET /bcast ", 11)) return BROADCAST;
  if (count > 9 && !memcmp(head, "GET /pub ", 9)) return PUBLISH;
  return NONE;
}

/* Returns how many bytes the head took, 0 if it is not all there. */
static size_t open_connection(struct connection *c, const uint8_t *bytes, size_t count) {
  const uint8_t *end = memmem(bytes, count, "\r\n\r\n", 4);
  if (!end) return 0;
  size_t head = (size_t)(end - bytes) + 4;
  static const char field[] = "Sec-WebSocket-Key: ";
  const uint8_t *key = memmem(bytes, head, field, strlen(field));
  enum path path = path_of(bytes, head);
  if (!key || path == NONE || (size_t)(end - key) < strlen(field) + 24) return drop(c), head;
  char answer[29] = {0};
  accept_key((const char *)key + strlen(field), answer);
  output_count += (size_t)sprintf(
      (char *)output + output_count,
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n", answer);
  c->path = path;
  if (path == BROADCAST) {
    if (reader_count % 1024 == 0) readers = realloc(readers, (reader_count + 1024) * sizeof *readers);
    if (!readers) die("realloc");
    c->reader = reader_count;
    readers[reader_count++] = c;
  }
  return head;
}

/* Passes on what is there of the payload. Returns how much that was. */
static size_t echo_payload(struct connection *c, const uint8_t *bytes, size_t count) {
  if (count > c->wanted) count = (size_t)c->wanted;
  copy_masked(output + output_count, bytes, count, c->key, (size_t)c->offset);
  output_count += count;
  c->wanted -= count;
  c->offset += count;
  return count;
}

/* Answers or begins one frame. Returns how many bytes it took, 0 if more are needed. */
static size_t begin_frame(struct connection *c, const uint8_t *bytes, size_t count) {
  struct header header;
  if (!get_header(&header, bytes, count)) return 0;
  int is_control = header.opcode >= CLOSE;
  if (is_control || c->path != ECHO) {
    if (header.count > count - header.length) {
      if (header.count > REST_MAX - HEADER_MAX) drop(c);
      return 0;
    }
    if (header.opcode == PING || header.opcode == CLOSE) {
      int opcode = header.opcode == PING ? PONG : CLOSE;
      output_count += put_header(output + output_count, FINAL | opcode, header.count, 0);
      copy_masked(output + output_count, bytes + header.length, (size_t)header.count, header.key, 0);
      output_count += (size_t)header.count;
    } else if (!is_control) {
      if (news_count + HEADER_MAX + header.count > sizeof news) write_news();
      news_count += put_header(news + news_count, header.final_and_opcode, header.count, 0);
      copy_masked(news + news_count, bytes + header.length, (size_t)header.count, header.key, 0);
      news_count += (size_t)header.count;
    }
    return header.length + (size_t)header.count;
  }
  output_count += put_header(output + output_count, header.final_and_opcode, header.count, 0);
  c->wanted = header.count;
  c->offset = 0;
  memcpy(c->key, header.key, 4);
  return header.length;
}

static void read_in(struct connection *c) {
  if (c->rest_count) memcpy(input, c->rest, c->rest_count);
  ssize_t received = recv(c->fd, input + c->rest_count, BUFFER, 0);
  if (received <= 0) return received < 0 && errno == EAGAIN ? (void)0 : drop(c);
  size_t count = c->rest_count + (size_t)received, position = 0, used = 1;
  output_count = 0;
  while (c->fd >= 0 && position < count && used > 0) {
    const uint8_t *bytes = input + position;
    used = c->path == NONE ? open_connection(c, bytes, count - position)
           : c->wanted     ? echo_payload(c, bytes, count - position)
                           : begin_frame(c, bytes, count - position);
    position += used;
  }
  write_out(c, output, output_count);
  if (c->fd < 0) return;
  size_t rest = count - position;
  if (rest > REST_MAX) return drop(c);
  if (rest != c->rest_count) {
    c->rest = rest ? realloc(c->rest, rest) : (free(c->rest), NULL);
    if (rest && !c->rest) die("realloc");
  }
  if (rest) memcpy(c->rest, input + position, rest);
  c->rest_count = rest;
}

static void accept_all(int listener) {
  int fd;
  while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
    no_delay(fd);
    struct connection *c = calloc(1, sizeof *c);
    if (!c) die("calloc");
    c->fd = fd;
    watch(c, EPOLL_CTL_ADD, EPOLLIN);
  }
}

static int listen_at(int port) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd, (struct sockaddr *)&address, length) || listen(fd, 4096)) die("listen");
  if (getsockname(fd, (struct sockaddr *)&address, &length)) die("getsockname");
  printf("ws://127.0.0.1:%d/echo\n", ntohs(address.sin_port));
  fflush(stdout);
  return fd;
}

int main(int argc, char **argv) {
  if (argc != 3 || strcmp(argv[1], "--port")) return fprintf(stderr, "usage: minimal --port N\n"), 2;
  raise_descriptor_limit();
  epoll = epoll_create1(EPOLL_CLOEXEC);
  int listener = listen_at(atoi(argv[2]));
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL}, events[EVENTS];
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event)) die("epoll_ctl");
  for (;;) {
    int count = epoll_wait(epoll, events, EVENTS, -1);
    if (count < 0 && errno != EINTR) die("epoll_wait");
    for (int i = 0; i < count; i++) {
      struct connection *c = events[i].data.ptr;
      if (!c) {
        accept_all(listener);
      } else if (c->fd >= 0) {
        if (c->backlog_count) write_backlog(c);
        else read_in(c);
      }
    }
    if (news_count) write_news();
    while (gone) {
      struct connection *next = gone->next_gone;
      free(gone);
      gone = next;
    }
  }
}
