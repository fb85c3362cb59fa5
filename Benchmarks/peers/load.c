/* The load: opens connections to a WebSocket server of this machine, plays one row and prints what it found as JSON.
   Every message is masked with a key of its own and every answer is compared byte by byte; the first difference ends
   it with an error. Messages carry the connection and a number, so that neither order nor sender can be mistaken. */
#include <stdbool.h>
#include <time.h>

#include "websocket.h"

enum { BUFFER = 256 << 10, EVENTS = 256, NUMBER = 16, STEP = 64, CONNECTING_MAX = 64, WINDOW_MAX = 64 };

enum stage { CLOSED, CONNECTING, ASKING, OPEN };

struct connection {
  int fd, index;
  enum stage stage;
  const char *path;
  char key[24];
  /* Messages begun to be sent, and received whole. */
  uint64_t sent, received;
  /* Of the message being sent, header and payload: bytes that lie in the tail or have left. 0 if there is none. */
  size_t sending;
  uint8_t mask[4];
  /* Masked, but not taken by the socket yet. */
  uint8_t *tail;
  size_t tail_start, tail_end;
  /* Of the message being received: its header as far as it came, and how much of its payload was compared. */
  uint8_t head[HEADER_MAX];
  size_t head_count, wanted, compared;
};

static struct {
  const char *row;
  int port, pid, connections, window, opcode;
  size_t bytes;
  double seconds;
} options = {.connections = 64, .window = 1, .opcode = TEXT, .bytes = 128, .seconds = 1};

static int epoll, open_count;
static uint8_t input[BUFFER], output[BUFFER], *filler;
static struct connection *connections, *publisher;
static uint64_t done, random_state;
/* How many readers have each message that is under way. */
static int readers_done[WINDOW_MAX];
static uint64_t complete;

static void fail(const struct connection *c, const char *what) {
  fprintf(stderr, "load: connection %d: %s (errno: %s)\n", c ? c->index : -1, what, strerror(errno));
  exit(1);
}

static uint64_t random_word(void) {  /* xorshift64* */
  random_state ^= random_state >> 12;
  random_state ^= random_state << 25;
  random_state ^= random_state >> 27;
  return random_state * 0x2545F4914F6CDD1D;
}

static double seconds_of(clockid_t clock) {
  struct timespec time;
  if (clock_gettime(clock, &time)) die("clock_gettime");
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Processor seconds of the server, all threads. */
static double server_seconds(void) {
  clockid_t clock;
  if (clock_getcpuclockid(options.pid, &clock)) die("clock_getcpuclockid");
  return seconds_of(clock);
}

/* A line of /proc/PID/smaps_rollup, in bytes. */
static double server_memory(const char *field) {
  char path[64], line[256];
  snprintf(path, sizeof path, "/proc/%d/smaps_rollup", options.pid);
  FILE *file = fopen(path, "r");
  if (!file) die(path);
  double kilobytes = -1;
  while (fgets(line, sizeof line, file))
    if (!strncmp(line, field, strlen(field))) kilobytes = atof(line + strlen(field));
  fclose(file);
  if (kilobytes < 0) die("smaps_rollup");
  return kilobytes * 1024;
}

/* The payload of a message: its number in 16 letters, then filler from a place that differs from message to message. */
static void put_number(uint8_t to[NUMBER], int index, uint64_t number) {
  uint64_t value = (uint64_t)index << 40 | number;
  for (int i = 0; i < NUMBER; i++) to[i] = 'A' + (value >> (4 * i) & 15);
}

static const uint8_t *filler_of(uint64_t number) { return filler + number % STEP; }

static void make_filler(void) {
  filler = malloc(options.bytes + STEP);
  if (!filler) die("malloc");
  for (size_t i = 0; i < options.bytes + STEP; i++)
    filler[i] = options.opcode == TEXT ? (uint8_t)(' ' + random_word() % 95) : (uint8_t)random_word();
}

static void watch(struct connection *c, int operation, uint32_t events) {
  struct epoll_event event = {.events = events, .data.ptr = c};
  if (epoll_ctl(epoll, operation, c->fd, &event)) fail(c, "epoll_ctl");
}

/* MARK: Sending */

static void keep_tail(struct connection *c, const uint8_t *bytes, size_t count) {
  if (!c->tail) c->tail = malloc(BUFFER);
  if (!c->tail) die("malloc");
  memcpy(c->tail, bytes, count);
  c->tail_start = 0;
  c->tail_end = count;
  watch(c, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
}

/* Returns false once the socket takes no more. */
static bool send_tail(struct connection *c) {
  ssize_t count = send(c->fd, c->tail + c->tail_start, c->tail_end - c->tail_start, MSG_NOSIGNAL);
  if (count < 0 && errno != EAGAIN) fail(c, "send");
  if (count > 0) c->tail_start += (size_t)count;
  if (c->tail_start < c->tail_end) return false;
  c->tail_start = c->tail_end = 0;
  watch(c, EPOLL_CTL_MOD, EPOLLIN);
  return true;
}

/* Appends the next piece of the message being sent, or of a new one, to `output`. Returns its length. */
static size_t put_piece(struct connection *c, size_t place) {
  size_t begun = place, header = 0;
  if (c->sending == 0) {
    header = put_header(output + place, FINAL | options.opcode, options.bytes, 0x80);
    uint32_t key = (uint32_t)random_word();
    memcpy(c->mask, &key, 4);
    memcpy(output + place + header, c->mask, 4);
    place += header + 4;
    uint8_t number[NUMBER];
    put_number(number, c->index, c->sent++);
    copy_masked(output + place, number, NUMBER, c->mask, 0);
    place += NUMBER;
    c->sending = NUMBER;
  }
  size_t left = options.bytes - c->sending, room = BUFFER - place;
  size_t count = left < room ? left : room;
  copy_masked(output + place, filler_of(c->sent - 1) + c->sending, count, c->mask, c->sending);
  c->sending = count == left ? 0 : c->sending + count;
  return place + count - begun;
}

/* Sends until the window is full or the socket is. `acknowledged` messages have come back. */
static void send_more(struct connection *c, uint64_t acknowledged) {
  if (c->tail_end > 0) return;
  uint64_t limit = acknowledged + (uint64_t)options.window;
  while (c->sending > 0 || c->sent < limit) {
    size_t count = 0;
    while ((c->sending > 0 || c->sent < limit) && BUFFER - count > HEADER_MAX + NUMBER) count += put_piece(c, count);
    ssize_t taken = send(c->fd, output, count, MSG_NOSIGNAL);
    if (taken < 0 && errno != EAGAIN) fail(c, "send");
    if (taken < 0) taken = 0;
    if ((size_t)taken < count) return keep_tail(c, output + taken, count - (size_t)taken);
  }
}

/* MARK: Receiving */

static void finish_message(struct connection *c) {
  c->received++;
  c->head_count = c->wanted = c->compared = 0;
  done++;
  if (!publisher) return;
  int *readers = &readers_done[(c->received - 1) % WINDOW_MAX];
  if (++*readers < options.connections) return;
  *readers = 0;
  complete = c->received;
}

/* Compares the next piece of the payload. Returns how much of it was used. */
static size_t compare(struct connection *c, const uint8_t *bytes, size_t count) {
  size_t piece = c->wanted - c->compared < count ? c->wanted - c->compared : count, used = 0;
  if (c->compared < NUMBER) {
    uint8_t number[NUMBER];
    put_number(number, publisher ? publisher->index : c->index, c->received);
    used = NUMBER - c->compared < piece ? NUMBER - c->compared : piece;
    if (memcmp(bytes, number + c->compared, used)) fail(c, "a message out of order or of somebody else");
  }
  if (memcmp(bytes + used, filler_of(c->received) + c->compared + used, piece - used)) fail(c, "a message was changed");
  c->compared += piece;
  if (c->compared == c->wanted) finish_message(c);
  return piece;
}

static void receive_frames(struct connection *c, const uint8_t *bytes, size_t count) {
  while (count > 0) {
    size_t used;
    if (c->wanted > c->compared) {
      used = compare(c, bytes, count);
    } else {
      struct header header;
      used = HEADER_MAX - c->head_count < count ? HEADER_MAX - c->head_count : count;
      memcpy(c->head + c->head_count, bytes, used);
      if (!get_header(&header, c->head, c->head_count + used)) {
        c->head_count += used;
        return;
      }
      if (header.final_and_opcode != (FINAL | options.opcode) || header.count != options.bytes || c->head[1] & 0x80)
        fail(c, "an unexpected frame");
      used = header.length - c->head_count;
      c->head_count = c->compared = 0;
      c->wanted = (size_t)header.count;
    }
    bytes += used;
    count -= used;
  }
}

/* MARK: Opening */

static void dial(struct connection *c) {
  c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (c->fd < 0) fail(c, "socket");
  no_delay(c->fd);
  /* Closing resets, which leaves no port in TIME_WAIT. */
  struct linger linger = {.l_onoff = 1};
  setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)options.port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(c->fd, (struct sockaddr *)&address, sizeof address) && errno != EINPROGRESS) fail(c, "connect");
  c->stage = CONNECTING;
  c->head_count = 0;
  watch(c, EPOLL_CTL_ADD, EPOLLOUT);
}

static void ask(struct connection *c) {
  int error = 0;
  socklen_t length = sizeof error;
  getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &length);
  if (error) errno = error, fail(c, "connect");
  uint64_t nonce[2] = {random_word(), random_word()};
  base64((uint8_t *)nonce, sizeof nonce, c->key);
  char request[512];
  int count = snprintf(
      request, sizeof request,
      "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Key: %.24s\r\nSec-WebSocket-Version: 13\r\n\r\n",
      c->path, options.port, c->key);
  if (send(c->fd, request, (size_t)count, MSG_NOSIGNAL) != count) fail(c, "send");
  c->stage = ASKING;
  watch(c, EPOLL_CTL_MOD, EPOLLIN);
}

static void hear_answer(struct connection *c, const char *answer, size_t count) {
  if (count < 4 || memcmp(answer + count - 4, "\r\n\r\n", 4)) fail(c, "the answer to the opening came in pieces");
  char wanted[64] = "Sec-WebSocket-Accept: ", *key = wanted + strlen(wanted);
  accept_key(c->key, key);
  strcpy(key + 28, "\r\n");
  if (memcmp(answer, "HTTP/1.1 101 ", 13)) fail(c, "the opening was refused");
  /* Names of fields are of any case. */
  for (size_t i = 0; i + strlen(wanted) <= count; i++) {
    if (strncasecmp(answer + i, wanted, 22) || memcmp(answer + i + 22, key, 30)) continue;
    c->stage = OPEN;
    open_count++;
    return;
  }
  fail(c, "the opening was answered wrongly");
}

/* MARK: The loop */

static void ready(struct connection *c, uint32_t events) {
  if (c->stage == CONNECTING) return ask(c);
  if (events & EPOLLOUT && c->tail_end > 0 && send_tail(c)) send_more(c, c == publisher ? complete : c->received);
  if (!(events & ~(uint32_t)EPOLLOUT)) return;
  ssize_t count = recv(c->fd, input, sizeof input, 0);
  if (count < 0 && errno == EAGAIN) return;
  if (count <= 0) fail(c, "the server hung up");
  if (c->stage == ASKING) return hear_answer(c, (char *)input, (size_t)count);
  receive_frames(c, input, (size_t)count);
  if (!publisher && c->received > 0) send_more(c, c->received);
}

static void turn(void) {
  struct epoll_event events[EVENTS];
  int count = epoll_wait(epoll, events, EVENTS, 10000);
  if (count == 0) fail(NULL, "nothing happened for ten seconds");
  for (int i = 0; i < count; i++) ready(events[i].data.ptr, events[i].events);
  /* After all readers of this turn, so that messages which arrived together go on together. */
  if (publisher && publisher->stage == OPEN && open_count == options.connections + 1) send_more(publisher, complete);
}

/* Opens all, some at a time. */
static void open_all(int count, const char *path) {
  int dialled = 0, before = open_count;
  while (open_count - before < count) {
    while (dialled < count && dialled - (open_count - before) < CONNECTING_MAX) {
      struct connection *c = &connections[before + dialled++];
      c->path = path;
      dial(c);
    }
    turn();
  }
}

static void hang_up(struct connection *c) {
  close(c->fd);
  c->stage = CLOSED;
  open_count--;
}

struct mark {
  double time, server, own;
  uint64_t done;
};

static struct mark mark(void) {
  return (struct mark){seconds_of(CLOCK_MONOTONIC), server_seconds(), seconds_of(CLOCK_PROCESS_CPUTIME_ID), done};
}

static void run_for(double seconds, void (*step)(void)) {
  double end = seconds_of(CLOCK_MONOTONIC) + seconds;
  while (seconds_of(CLOCK_MONOTONIC) < end) step();
}

/* A first stretch that does not count, then the one that does. */
static void measure(void (*step)(void)) {
  run_for(0.25 * options.seconds, step);
  struct mark begin = mark();
  run_for(options.seconds, step);
  struct mark end = mark();
  double time = end.time - begin.time, count = (double)(end.done - begin.done);
  if (count == 0) fail(NULL, "nothing was done");
  printf(
      "{\"done\": %.0f, \"perSecond\": %.1f, \"serverCPU\": %.5f, \"serverLoad\": %.3f, \"ownLoad\": %.3f}\n", (double)done, count / time,
      (end.server - begin.server) / count * 1e6, (end.server - begin.server) / time, (end.own - begin.own) / time);
}

/* MARK: Rows */

static void play_echo(void) {
  open_all(options.connections, "/echo");
  for (int i = 0; i < options.connections; i++) send_more(&connections[i], 0);
  measure(turn);
}

static void play_broadcast(void) {
  open_all(options.connections, "/bcast");
  open_all(1, "/pub");
  publisher = &connections[options.connections];
  send_more(publisher, 0);
  measure(turn);
}

/* Whoever has opened is cut, and another one dials. */
static void handshakes(void) {
  turn();
  for (int i = 0; i < options.connections; i++) {
    if (connections[i].stage != OPEN) continue;
    hang_up(&connections[i]);
    done++;
    dial(&connections[i]);
  }
}

static void play_handshakes(void) {
  for (int i = 0; i < options.connections; i++) {
    connections[i].path = "/echo";
    dial(&connections[i]);
  }
  measure(handshakes);
}

/* Opens connections from the first free one on and lets each echo one message, so that they are idle and not new. */
static void open_and_use(int count) {
  uint64_t end = done + (uint64_t)count;
  int first = open_count;
  open_all(count, "/echo");
  for (int i = first; i < first + count; i++) send_more(&connections[i], 0);
  while (done < end) turn();
}

/* Time for the server to do what it puts off. */
static void rest(void) {
  struct timespec time = {.tv_nsec = 300000000};
  nanosleep(&time, NULL);
}

static void play_idle(void) {
  /* What the first connection of all makes the server load is not counted. */
  open_and_use(1);
  hang_up(&connections[0]);
  connections[0] = (struct connection){0};
  rest();
  double resident = server_memory("Rss:"), anonymous = server_memory("Anonymous:");
  open_and_use(options.connections);
  rest();
  resident = (server_memory("Rss:") - resident) / options.connections;
  anonymous = (server_memory("Anonymous:") - anonymous) / options.connections;
  printf("{\"resident\": %.1f, \"anonymous\": %.1f}\n", resident, anonymous);
}

/* MARK: The command line */

static const struct row {
  const char *name;
  void (*play)(void);
} rows[] = {{"echo", play_echo}, {"broadcast", play_broadcast}, {"handshakes", play_handshakes}, {"idle", play_idle}};

static void usage(void) {
  fprintf(
      stderr, "usage: load echo|broadcast|handshakes|idle --port N --pid N [--connections N] [--window N] [--bytes N]\n"
              "            [--binary 1] [--seconds N]\n");
  exit(2);
}

static void parse(char **arguments) {
  for (; arguments[0]; arguments += 2) {
    const char *name = arguments[0], *value = arguments[1];
    if (!value) usage();
    if (!strcmp(name, "--port")) options.port = atoi(value);
    else if (!strcmp(name, "--pid")) options.pid = atoi(value);
    else if (!strcmp(name, "--connections")) options.connections = atoi(value);
    else if (!strcmp(name, "--window")) options.window = atoi(value);
    else if (!strcmp(name, "--bytes")) options.bytes = (size_t)atol(value);
    else if (!strcmp(name, "--binary")) options.opcode = atoi(value) ? BINARY : TEXT;
    else if (!strcmp(name, "--seconds")) options.seconds = atof(value);
    else usage();
  }
  if (options.port <= 0 || options.pid <= 0 || options.connections < 1 || options.connections > 1 << 20) usage();
  if (options.window < 1 || options.window > WINDOW_MAX || options.bytes < NUMBER || options.seconds <= 0) usage();
}

int main(int argc, char **argv) {
  if (argc < 2) usage();
  parse(argv + 2);
  raise_descriptor_limit();
  epoll = epoll_create1(EPOLL_CLOEXEC);
  random_state = (uint64_t)seconds_of(CLOCK_REALTIME) << 20 | (uint64_t)getpid();
  make_filler();
  connections = calloc((size_t)options.connections + 1, sizeof *connections);
  if (epoll < 0 || !connections) die("load");
  for (int i = 0; i <= options.connections; i++) connections[i].index = i;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    if (strcmp(argv[1], rows[i].name)) continue;
    rows[i].play();
    return 0;
  }
  usage();
}
