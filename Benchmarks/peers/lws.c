/* An echo server by libwebsockets. Its rule is one write for each time that a connection is writable, so messages wait in
   a queue; they are shared and counted, with the room in front that the library writes its header into. */
#include <libwebsockets.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { MESSAGE_MAX = 16 << 20 };

struct message {
  int uses, is_text;
  size_t count, capacity;
  unsigned char *bytes; /* behind LWS_PRE bytes of room */
};

struct waiting {
  struct message *message;
  struct waiting *next;
};

struct session {
  struct lws *wsi;
  int is_echo, is_reader;
  struct message *receiving;
  struct waiting *first, **last;
  struct session *previous, *next;
};

static struct session *readers;

static void let_go(struct message *message) {
  if (!message || --message->uses > 0) return;
  free(message->bytes - LWS_PRE);
  free(message);
}

static int receive(struct session *session, struct lws *wsi, const void *bytes, size_t count) {
  struct message *m = session->receiving;
  if (!m) {
    m = session->receiving = calloc(1, sizeof *m);
    if (!m) return -1;
    m->uses = 1;
    m->is_text = !lws_frame_is_binary(wsi);
  }
  size_t needed = m->count + count, announced = needed + lws_remaining_packet_payload(wsi);
  if (announced > MESSAGE_MAX) return -1;
  if (announced > m->capacity) {
    unsigned char *room = realloc(m->bytes ? m->bytes - LWS_PRE : NULL, LWS_PRE + announced);
    if (!room) return -1;
    m->bytes = room + LWS_PRE;
    m->capacity = announced;
  }
  memcpy(m->bytes + m->count, bytes, count);
  m->count = needed;
  return 0;
}

static void wait_to_send(struct session *session, struct message *message) {
  struct waiting *waiting = malloc(sizeof *waiting);
  if (!waiting) return;
  *waiting = (struct waiting){.message = message};
  message->uses++;
  *session->last = waiting;
  session->last = &waiting->next;
  lws_callback_on_writable(session->wsi);
}

static int write_one(struct session *session) {
  struct waiting *waiting = session->first;
  if (!waiting) return 0;
  struct message *m = waiting->message;
  int sent = lws_write(session->wsi, m->bytes, m->count, m->is_text ? LWS_WRITE_TEXT : LWS_WRITE_BINARY);
  session->first = waiting->next;
  if (!session->first) session->last = &session->first;
  let_go(m);
  free(waiting);
  if (session->first) lws_callback_on_writable(session->wsi);
  return sent < 0 ? -1 : 0;
}

static void begin(struct session *session, struct lws *wsi) {
  char path[32] = "";
  lws_hdr_copy(wsi, path, sizeof path, WSI_TOKEN_GET_URI);
  *session = (struct session){.wsi = wsi, .is_echo = !strcmp(path, "/echo"), .is_reader = !strcmp(path, "/bcast")};
  session->last = &session->first;
  if (!session->is_reader) return;
  session->next = readers;
  if (readers) readers->previous = session;
  readers = session;
}

static void end(struct session *session) {
  let_go(session->receiving);
  while (session->first) {
    struct waiting *waiting = session->first;
    session->first = waiting->next;
    let_go(waiting->message);
    free(waiting);
  }
  if (!session->is_reader) return;
  if (session->previous) session->previous->next = session->next;
  else readers = session->next;
  if (session->next) session->next->previous = session->previous;
}

static int heard(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *bytes, size_t count) {
  struct session *session = user;
  switch (reason) {
    case LWS_CALLBACK_ESTABLISHED: begin(session, wsi); return 0;
    case LWS_CALLBACK_CLOSED: end(session); return 0;
    case LWS_CALLBACK_SERVER_WRITEABLE: return write_one(session);
    case LWS_CALLBACK_RECEIVE: break;
    default: return 0;
  }
  if (receive(session, wsi, bytes, count)) return -1;
  if (lws_remaining_packet_payload(wsi) > 0 || !lws_is_final_fragment(wsi)) return 0;
  struct message *message = session->receiving;
  session->receiving = NULL;
  if (session->is_echo) wait_to_send(session, message);
  else
    for (struct session *reader = readers; reader; reader = reader->next) wait_to_send(reader, message);
  let_go(message);
  return 0;
}

int main(int argc, char **argv) {
  if (argc != 3 || strcmp(argv[1], "--port")) return fprintf(stderr, "usage: lws --port N\n"), 2;
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  lws_set_log_level(LLL_ERR, NULL);
  static const struct lws_protocols protocols[] = {
      {"echo", heard, sizeof(struct session), 64 << 10, 0, NULL, 0}, {NULL, NULL, 0, 0, 0, NULL, 0}};
  struct lws_context_creation_info info = {
      .port = atoi(argv[2]),
      .iface = "127.0.0.1",
      .protocols = protocols,
      .gid = (gid_t)-1,
      .uid = (uid_t)-1,
      .pt_serv_buf_size = 64 << 10,
      .options = LWS_SERVER_OPTION_VALIDATE_UTF8,
      .fd_limit_per_thread = 12000,
      .vhost_name = "echo",
  };
  struct lws_context *context = lws_create_context(&info);
  struct lws_vhost *vhost = context ? lws_get_vhost_by_name(context, "echo") : NULL;
  if (!vhost) return 1;
  printf("ws://127.0.0.1:%d/echo\n", lws_get_vhost_listen_port(vhost));
  fflush(stdout);
  while (lws_service(context, 0) >= 0) {
  }
}
