/* What Swift's Glibc module leaves out or imports awkwardly: epoll, eventfd, signalfd, accept4, thread names. No
   feature macros here: they would make this header disagree with the Glibc module. */
#pragma once
#include <errno.h>
#include <malloc.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

extern int accept4(int, struct sockaddr *, socklen_t *, int);
extern int pthread_setname_np(pthread_t, const char *);

static inline int linux_epoll_ctl(int epoll, int operation, int descriptor, uint32_t events, uint64_t data) {
  struct epoll_event event;
  event.events = events;
  event.data.u64 = data;
  return epoll_ctl(epoll, operation, descriptor, &event);
}

/* Descriptors of this process never block and never leak into a child. */
static inline int linux_epoll(void) { return epoll_create1(EPOLL_CLOEXEC); }
static inline int linux_eventfd(void) { return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC); }
static inline int linux_signalfd(const sigset_t *signals) {
  return signalfd(-1, signals, SFD_NONBLOCK | SFD_CLOEXEC);
}
static inline int linux_tcp_socket(int family) {
  return socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
}
static inline int linux_local_socket(int is_blocking) {
  return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | (is_blocking ? 0 : SOCK_NONBLOCK), 0);
}
/* The user at the other end of a local socket (SO_PEERCRED, unix(7)) when it connected, -1 if nobody knows. glibc shows
   struct ucred only to those who define _GNU_SOURCE. */
static inline int64_t linux_peer_user(int descriptor) {
  struct { pid_t process; uid_t user; gid_t group; } peer;
  socklen_t length = sizeof peer;
  if (getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0 || length != sizeof peer) return -1;
  return peer.user;
}
static inline int linux_accept(int listener, struct sockaddr *address, socklen_t *length) {
  return accept4(listener, address, length, SOCK_NONBLOCK | SOCK_CLOEXEC);
}
/* sendmsg and not writev, because only it can be told not to raise SIGPIPE. */
static inline ssize_t linux_send_vectors(int descriptor, struct iovec *vectors, size_t count) {
  if (count == 1) return send(descriptor, vectors->iov_base, vectors->iov_len, MSG_NOSIGNAL | MSG_DONTWAIT);
  struct msghdr message = {0};
  message.msg_iov = vectors;
  message.msg_iovlen = count;
  return sendmsg(descriptor, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Freed memory at the end of the heap goes back to the system only beyond `bytes`, and blocks of less than half of that
   come from the heap. The C library sets the same by itself once a block of that half has been freed. */
static inline void linux_keep_freed_memory(int32_t bytes) {
  mallopt(M_TRIM_THRESHOLD, bytes);
  mallopt(M_MMAP_THRESHOLD, bytes / 2);
}
